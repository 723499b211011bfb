"""The countries that exist: ISO 3166-1 alpha-2, with those that were (ISO 3166-3).

An old order may go to a country that is no more, so these stay. Of the codes that users assign
themselves only two are taken: XK, which all of trade uses for Kosovo, and ZZ, which stands for a
country that nobody stated; of the reserved ones EU, for the union as a whole.
"""

from domain.errors import Invalid

_PRESENT = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
_PAST = "AN BU CS DD FX NT SU TP YD YU ZR"
PRESENT, PAST = frozenset(_PRESENT.split()), frozenset(_PAST.split())
BY_CUSTOM = frozenset(("EU", "XK", "ZZ"))
COUNTRIES = PRESENT | PAST | BY_CUSTOM
# What people and other standards write: the European Union UK and EL, VAT numbers XI.
MEANT = {"UK": "GB", "EL": "GR", "XI": "GB"}


def check_country(code: str, field: str = "country") -> None:
    """Refuse a code that names no country, and say which one was likely meant."""
    if code in COUNTRIES:
        return
    meant = MEANT.get(code)
    hint = f" Write {meant}." if meant else ""
    message = f"A country is an ISO 3166 alpha-2 code, and {code[:10]!r} is none.{hint}"
    raise Invalid(message, field=field)
