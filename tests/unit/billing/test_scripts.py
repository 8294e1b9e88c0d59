"""Names in every script: no letter is a box, and right-to-left words are read from right to left."""

import sys
import unicodedata

import pytest
from reportlab.pdfbase.pdfmetrics import getFont
from reportlab.pdfbase.ttfonts import ShapedStr

from gateways.documents.pdf import FAMILY
from gateways.documents.shaping import ShapingFont, runs_of
from gateways.documents.tax_documents import TaxDocuments
from tests.unit.billing.test_tax_documents import devanagari_of as shaped_of
from tests.unit.billing.test_tax_documents import document, pages_of


@pytest.fixture(scope="module")
def font() -> ShapingFont:
    TaxDocuments().close()
    found = getFont(f"{FAMILY}-Bold")
    assert isinstance(found, ShapingFont)
    return found


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The fonts that were asked for their box (glyph 0, `.notdef`)."""
    asked: list[str] = []
    code_of = ShapingFont.code_of

    def see(self: ShapingFont, glyph: int) -> int:
        if glyph == 0:
            asked.append(self.fontName)
        return code_of(self, glyph)

    monkeypatch.setattr(ShapingFont, "code_of", see)
    runs_of.cache_clear()
    return asked


NAMES = [
    "王小明", "山田 さくら", "김철수", "محمد علی", "ישראל כהן", "ᱥᱟᱱᱛᱟᱲᱤ", "ꯃꯩꯇꯩ ꯆꯅꯨ", "කුමාර", "สมชาย", "Հայկ",
    "გიორგი", "សុខ", "አበበ", "ᠮᠣᠩᠭᠣᠯ", "Asha 😀👩‍⚕️ Menon", "𠮷田", "e\u0301\u0331x", "کشمیر ۱۲",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_shows_no_box_and_is_copied_as_it_was_written(name: str, boxes: list[str]) -> None:
    [page] = await pages_of(document(name=name))
    assert boxes == []
    assert name in shaped_of(page)


def test_no_letter_of_unicode_is_a_box(font: ShapingFont, boxes: list[str]) -> None:
    everything = (chr(code) for code in (*range(0x20, 0x3100), *range(0x3100, sys.maxunicode, 13)))
    checked = 0
    for letter in everything:
        if unicodedata.category(letter) not in ("Cc", "Cs", "Cn"):
            for its, run in runs_of.__wrapped__(font, letter):
                assert isinstance(run, ShapedStr) or all(map(its.has, run)), f"{ord(letter):X} in {its.fontName}"
            assert boxes == [], f"{ord(letter):X}"
            checked += 1
    assert checked > 15_000


def seen(font: ShapingFont, text: str) -> str:
    """The letters of a line from left to right."""
    return "".join(str(run) for _, run in runs_of(font, text))


@pytest.mark.parametrize(
    ("written", "from_left"),
    [
        ("אבג", "גבא"),
        ("אב גד", "דג בא"),
        ("Mr. אב גד (x)", "Mr. דג בא (x)"),
        ("אב 12 גד", "דג 12 בא"),
        ("אב (גד) הו", "וה (דג) בא"),
        ("אב 3/4", "3/4 בא"),
        ("नम אב", "नम בא"),
    ],
)
def test_right_to_left_words_turn_and_numbers_do_not(font: ShapingFont, written: str, from_left: str) -> None:
    assert seen(font, written) == from_left


def test_arabic_letters_are_joined(font: ShapingFont) -> None:
    alone = {seen(font, letter) for letter in "محمد"}
    assert not alone & set(seen(font, "محم"))
