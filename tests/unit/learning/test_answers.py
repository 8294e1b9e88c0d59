"""Texts and numbers are the same answer however they were typed."""

import unicodedata
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.learning.answers import ascii_digits, normalised, number_of, same_text

DIGITS = [
    *("०१२३४५६७८९", "০১২৩৪৫৬৭৮৯", "૦૧૨૩૪૫૬૭૮૯", "௦௧௨௩௪௫௬௭௮௯", "౦౧౨౩౪౫౬౭౮౯"),
    *("೦೧೨೩೪೫೬೭೮೯", "൦൧൨൩൪൫൬൭൮൯", "੦੧੨੩੪੫੬੭੮੯", "୦୧୨୩୪୫୬୭୮୯"),
]
"""Devanagari, Bengali, Gujarati, Tamil, Telugu, Kannada, Malayalam, Gurmukhi, Odia."""

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@given(TEXTS)
def test_a_text_is_itself_in_every_form(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert same_text(unicodedata.normalize(form, text), text)
    assert normalised(normalised(text)) == normalised(text), "comparing twice is comparing once"


@given(st.text("aāéßक़ड़ाि ॐṣ्ñΣς०५"))
def test_case_and_composition_together(text: str) -> None:
    assert same_text(unicodedata.normalize("NFD", text.upper()), unicodedata.normalize("NFC", text.upper()))
    assert same_text(text.casefold(), text)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("  Ghee\u00a0 of  the\tcow ", "ghee of the cow"),
        ("घृत ४", "घृत 4"),
        ("क\u094d\u200dष", "क्ष"),  # with a joiner, as some keyboards make it
        ("\u0958", "\u0915\u093c"),  # qa, in one and in two letters
        ("Straße", "STRASSE"),
        ("a\u200d\u0301", "á"),
    ],
)
def test_the_same_answer(typed: str, meant: str) -> None:
    assert same_text(typed, meant)


@pytest.mark.parametrize(("typed", "other"), [("vata", "vāta"), ("का", "की"), ("1 2", "12"), ("x²", "x2"), ("", "a")])
def test_another_answer(typed: str, other: str) -> None:
    assert not same_text(typed, other)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_a_number_in_any_digits(number: object) -> None:
    plain = f"{number:f}"
    for digits in DIGITS:
        typed = plain.translate(str.maketrans("0123456789", digits))
        assert number_of(typed) == Fraction(plain)
        assert ascii_digits(typed) == plain


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("1,00,000", 100_000),
        ("१,००,०००.५", Fraction(200_001, 2)),
        ("100,000", 100_000),
        (" - 4 ", -4),
        ("−4", -4),
        ("+4.0", 4),
        ("0.1", Fraction(1, 10)),
    ],
)
def test_a_number_as_people_write_it(typed: str, number: object) -> None:
    assert number_of(typed) == number


@pytest.mark.parametrize(
    "typed",
    ["", "-", "3,5", "1,00", "1e9", "1e999999999", "0x10", "½", "²", "nan", "inf", "1.2.3", ".", "1.", "9" * 41],
)
def test_what_is_no_number(typed: str) -> None:
    assert number_of(typed) is None
