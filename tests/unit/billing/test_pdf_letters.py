"""Names in PDFs: read back as they were written, drawn as people write them, in files that are always the same.

Read and drawn by PDFium, the engine of a browser, so that no library judges its own work.
"""

import asyncio
import base64
import hashlib
import re
import subprocess
import sys
import zlib
from html import escape

import pypdfium2
import pytest
import uharfbuzz

from gateways.documents.pdf import FAMILY, FONTS, OTHER_SCRIPTS, PdfRenderer
from gateways.documents.shaping import ShapingFont, runs_of

INDIAN = {
    "BENGALI": "ক্ষিতীশ চন্দ্র বন্দ্যোপাধ্যায়, শ্রীরামপুর ৭১২২০১",
    "GUJARATI": "જ્ઞાનેશ્વરી ક્ષત્રિય, શ્રી કૃષ્ણનગર ૩૮૦૦૦૧",
    "GURMUKHI": "ਸ਼੍ਰੀ ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ, ਅੰਮ੍ਰਿਤਸਰ ੧੪੩੦੦੧",
    "KANNADA": "ಕೃಷ್ಣಮೂರ್ತಿ ಲಕ್ಷ್ಮೀನಾರಾಯಣ, ಮೈಸೂರು ೫೭೦೦೦೧",
    "MALAYALAM": "ശ്രീലക്ഷ്മി കൃഷ്ണൻ, തൃശ്ശൂർ 680001",
    "ORIYA": "ଶ୍ରୀ କୃଷ୍ଣଚନ୍ଦ୍ର ମିଶ୍ର, ଭୁବନେଶ୍ୱର ୭୫୧୦୦୧",
    "TAMIL": "ஸ்ரீ லக்ஷ்மி கிருஷ்ணமூர்த்தி, கோயம்புத்தூர் 641001",
    "TELUGU": "శ్రీ లక్ష్మీనారాయణ కృష్ణమూర్తి, విశాఖపట్నం ౫౩౦౦౦౧",
}
"""Names and towns with conjuncts, signs on the left and below, and digits of their own."""

FROM_ELSEWHERE = {
    "ARABIC": "محمد علی کاشمیری",
    "ARMENIAN": "Հայկ Սարգսյան",
    "GEORGIAN": "გიორგი ბერიძე",
    "HEBREW": "ישראל כהן",
    "MEETEI": "ꯃꯩꯇꯩ ꯆꯅꯨ",
    "OL": "ᱥᱟᱱᱛᱟᱲᱤ ᱢᱩᱨᱢᱩ",
    "SINHALA": "ශ්‍රී කුමාර",
    "THAI": "สมชาย ที่รัก",
}

NAMES = [
    "Śrī Viṣṇu Kṣatriya",
    "Vis\u0323n\u0323u S\u0301ri\u0304",
    "श्री विष्णु क्षत्रिय",
    "ज्ञानेश्वरी द्विवेदी",
    "राष्ट्रीय पूर्ति कर्म",
    *INDIAN.values(),
    "शर्मा শর্মা சர்மா శర్మ Sharma 12, ૧૨ (₹ 5) – ಶರ್ಮ",
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


def contents_of(pdf: bytes) -> bytes:
    """What the pages draw, as ReportLab writes it: compressed, then in ASCII."""
    streams = re.findall(rb"ASCII85Decode /FlateDecode.*?stream\s(.*?)~>", pdf, re.DOTALL)
    return b"".join(zlib.decompress(base64.a85decode(stream.strip())) for stream in streams)


@pytest.mark.parametrize("style", ["", "font-weight: bold;", "text-align: center;", "text-align: right;"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_read_back_exactly(name: str, style: str) -> None:
    assert text_of(await pdf_of(name, style)) == name


@pytest.mark.parametrize("name", ["श्री लक्ष्मीनारायणस्वामी कृष्णमूर्तिराज", *INDIAN.values()])
async def test_each_line_of_a_narrow_column_is_shaped(name: str) -> None:
    pdf = await pdf_of(name, "width: 50mm;")
    lines = text_of(pdf).splitlines()
    assert len(lines) > 1
    assert " ".join(lines) == name
    # Each line carries its letters beside its glyphs; one that was not shaped would not.
    assert contents_of(pdf).count(b"/ActualText") >= len(lines)


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
    font = ShapingFont("letters", FONTS / "NotoSans-Regular.ttf")
    assert font.stringWidth(text, 10) < 1.5 * font.stringWidth(alone, 10)


@pytest.mark.parametrize("word", ["क्षत्रिय", "विष्णु", "द्विवेदी", "पूर्ति", "Ka\u0304"])
def test_a_word_is_set_as_harfbuzz_says(word: str) -> None:
    path = FONTS / "NotoSans-Bold.ttf"
    font = ShapingFont("judged", path)
    judge = uharfbuzz.Font(uharfbuzz.Face(path.read_bytes()))
    buffer = uharfbuzz.Buffer()
    buffer.add_str(word)
    buffer.guess_segment_properties()
    uharfbuzz.shape(judge, buffer)
    [(_, run)] = runs_of(font, word)
    assert [font.face.charToGlyph[ord(code)] for code in run] == [info.codepoint for info in buffer.glyph_infos]
    width = sum(place.x_advance for place in buffer.glyph_positions) / judge.face.upem * 20
    assert font.stringWidth(word, 20) == pytest.approx(width, abs=0.01)


@pytest.mark.parametrize("weight", ["Regular", "Bold"])
@pytest.mark.parametrize("script", [script for script in OTHER_SCRIPTS if script != "EXTENDED"])
def test_each_script_is_set_by_its_own_font_as_harfbuzz_says(script: str, weight: str) -> None:
    path = FONTS / f"NotoSans{OTHER_SCRIPTS[script]}-{weight}.ttf"
    font = ShapingFont(f"of {script} {weight}", FONTS / f"NotoSans-{weight}.ttf", {script: path})
    judge = uharfbuzz.Font(uharfbuzz.Face(path.read_bytes()))
    for word in (INDIAN | FROM_ELSEWHERE)[script].partition(",")[0].split():
        buffer = uharfbuzz.Buffer()
        buffer.add_str(word)
        buffer.guess_segment_properties()
        uharfbuzz.shape(judge, buffer)
        [(its, run)] = runs_of(font, word)
        assert its is not font
        glyphs = [its.face.charToGlyph[ord(code)] for code in run]
        assert glyphs == [info.codepoint for info in buffer.glyph_infos]
        assert 0 not in glyphs, "no box"
        width = sum(place.x_advance for place in buffer.glyph_positions) / judge.face.upem * 20
        assert font.stringWidth(word, 20) == pytest.approx(width, abs=0.01)


def test_what_a_scripts_font_does_not_have_comes_from_the_first_font() -> None:
    font = ShapingFont("first", FONTS / "NotoSans-Regular.ttf", {"TAMIL": FONTS / "NotoSansTamil-Regular.ttf"})
    tamil = font.of_script("TAMIL")
    fonts = [its.fontName for its, _ in runs_of(font, "ராம் 5 § ராம் Rām")]
    assert not tamil.has("§")
    assert fonts == [tamil.fontName, font.fontName, tamil.fontName, font.fontName]


def test_the_same_document_is_the_same_file_whatever_was_printed_before() -> None:
    text = "श्री क्षत्रिय ক্ষিতীশ கிருஷ்ணன்"
    here = hashlib.sha256(asyncio.run(pdf_of(text))).hexdigest()
    script = (
        "import asyncio, hashlib\n"
        "from tests.unit.billing.test_pdf_letters import pdf_of\n"
        f"print(hashlib.sha256(asyncio.run(pdf_of({text!r}))).hexdigest())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert elsewhere.stdout.strip() == here
