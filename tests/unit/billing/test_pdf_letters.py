"""Names in PDFs: read back as they were written, drawn as people write them, in files that are always the same.

Read and drawn by PDFium, the engine of a browser, so that no library judges its own work.
"""

import asyncio
import hashlib
import subprocess
import sys
from html import escape

import pypdfium2
import pytest
import uharfbuzz

from gateways.documents.pdf import FAMILY, FONTS, PdfRenderer
from gateways.documents.shaping import ShapingFont, runs_of

NAMES = [
    "Śrī Viṣṇu Kṣatriya",
    "Vis\u0323n\u0323u S\u0301ri\u0304",
    "श्री विष्णु क्षत्रिय",
    "ज्ञानेश्वरी द्विवेदी",
    "राष्ट्रीय पूर्ति कर्म",
    "Dr. Śrīविष्णु Nair (₹ 1,180.00)",
    "Ελένη Ψυχή, Анна Щукина, Nguyễn Thị Hương",
    "<b>Robert</b> & <img src='file:///etc/passwd'/>",
]


async def pdf_of(text: str, style: str = "") -> bytes:
    renderer = PdfRenderer()
    try:
        css = f"p {{ font-family: {FAMILY}; font-size: 12pt; overflow-wrap: anywhere; {style} }}"
        body = f"<p>{escape(text)}</p>"
        return await renderer.render(f"<html><head><style>{css}</style></head><body>{body}</body></html>")
    finally:
        renderer.close()


def text_of(pdf: bytes) -> str:
    return "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)).strip()


@pytest.mark.parametrize("style", ["", "font-weight: bold;", "text-align: center;", "text-align: right;"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_read_back_exactly(name: str, style: str) -> None:
    assert text_of(await pdf_of(name, style)) == name


@pytest.mark.parametrize("syllables", ["विष्णुशर्मा" * 18, "क्षत्रिय" * 25, "Aśvagandhā" * 20])
async def test_a_word_longer_than_its_line_is_broken_between_syllables(syllables: str) -> None:
    pdf = await pdf_of(syllables, "width: 60mm;")
    lines = text_of(pdf).splitlines()
    assert len(lines) > 1
    assert "".join(lines) == syllables
    # A sign at the beginning, or a virama at the end, would be drawn on a dotted circle.
    assert not any(line[0] in "ािीुूेैोौ्ंः" or line[-1] == "्" for line in lines), lines


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("क्ष", "क"),  # a conjunct is one glyph, not three
        ("a\u0304", "a"),  # an accent takes no room of its own
    ],
)
def test_letters_that_join_are_as_wide_as_one(text: str, alone: str) -> None:
    font = ShapingFont("letters", str(FONTS / "NotoSans-Regular.ttf"))
    assert font.stringWidth(text, 10) < 1.5 * font.stringWidth(alone, 10)


@pytest.mark.parametrize("word", ["क्षत्रिय", "विष्णु", "द्विवेदी", "पूर्ति", "Ka\u0304"])
def test_a_word_is_set_as_harfbuzz_says(word: str) -> None:
    path = FONTS / "NotoSans-Bold.ttf"
    font = ShapingFont("judged", str(path))
    judge = uharfbuzz.Font(uharfbuzz.Face(path.read_bytes()))
    buffer = uharfbuzz.Buffer()
    buffer.add_str(word)
    buffer.guess_segment_properties()
    uharfbuzz.shape(judge, buffer)
    [run] = runs_of(font, word)
    assert [font.face.charToGlyph[ord(code)] for code in run] == [info.codepoint for info in buffer.glyph_infos]
    width = sum(place.x_advance for place in buffer.glyph_positions) / judge.face.upem * 20
    assert font.stringWidth(word, 20) == pytest.approx(width, abs=0.01)


def test_the_same_document_is_the_same_file_whatever_was_printed_before() -> None:
    text = "श्री क्षत्रिय"
    here = hashlib.sha256(asyncio.run(pdf_of(text))).hexdigest()
    script = (
        "import asyncio, hashlib\n"
        "from tests.unit.billing.test_pdf_letters import pdf_of\n"
        f"print(hashlib.sha256(asyncio.run(pdf_of({text!r}))).hexdigest())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert elsewhere.stdout.strip() == here
