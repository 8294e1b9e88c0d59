"""GSTIN, the number of a business registered under India's GST (CGST Rules 2017, rule 10)."""

from stdnum import luhn
from stdnum.exceptions import ValidationError
from stdnum.in_ import pan

# fmt: off
STATE_NUMBERS = {
    "JK": "01", "HP": "02", "PB": "03", "CH": "04", "UK": "05", "HR": "06", "DL": "07", "RJ": "08", "UP": "09",
    "BR": "10", "SK": "11", "AR": "12", "NL": "13", "MN": "14", "MZ": "15", "TR": "16", "ML": "17", "AS": "18",
    "WB": "19", "JH": "20", "OD": "21", "CG": "22", "MP": "23", "GJ": "24", "DH": "26", "MH": "27", "KA": "29",
    "GA": "30", "LD": "31", "KL": "32", "TN": "33", "PY": "34", "AN": "35", "TS": "36", "AP": "37", "LA": "38",
}
# fmt: on
"""The two digits with which the GSTINs of a state begin, by the codes of `domain.billing.places.INDIAN_STATES`."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def is_gstin_of(number: str, state: str) -> bool:
    """Whether `number` (15 characters, upper case) is a GSTIN of that state: its state, PAN and check character.

    Checked by the library's parts, since its whole check knows no Ladakh.
    """
    if len(number) != len("32AAACA0001A1Z6") or number[:2] != STATE_NUMBERS.get(state):
        return False
    try:
        pan.validate(number[2:12])
        luhn.validate(number, _DIGITS)
    except ValidationError:
        return False
    return number[12] != "0" and number[13] == "Z"
