"""Right letters from a library that knows no shaping: conjuncts, signs on their side, accents on their letter.

xhtml2pdf lays out code points one by one. ReportLab, under it, can draw what HarfBuzz has shaped, if it is asked. So: a
font that measures text as it will be shaped, a text object that shapes what is written in such a font, and long words
broken between syllables. Text of ready-made letters alone goes the ordinary way. The rest is shaped script by script;
the PDF carries beside it what was written, spaces too (`/ActualText`, ISO 32000-1, 14.9.4), since a conjunct's glyph is
no letter.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import uharfbuzz
from reportlab.pdfbase.pdfmetrics import getFont
from reportlab.pdfbase.ttfonts import ShapeData, ShapedStr, TTFont
from reportlab.pdfgen.textobject import PDFTextObject
from xhtml2pdf import reportlab_paragraph

_PLAIN = re.compile(r"[\x20-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u202f\u20a0-\u20bf]*")
"""Ready-made letters of Latin, Greek and Cyrillic, and punctuation: one letter, one glyph."""

_FIRST_PRIVATE = 0xE000
"""A glyph that is no letter's gets a code of Unicode's private area, this and its number: the same in each process."""

_VIRAMA = 9
"""The combining class of the signs that join the next letter to a conjunct (Unicode Standard, table 4-3)."""

_JOINER = "\u200d"


class ShapingFont(TTFont):  # type: ignore[misc]  # the library has no types
    """A TrueType font whose text is shaped by HarfBuzz where that makes a difference."""

    def stringWidth(self, text: str | bytes, size: float, encoding: str = "utf8") -> float:  # noqa: N802  # its name
        """The width of text as it will be drawn, in points."""
        letters = text.decode(encoding) if isinstance(text, bytes) else text
        return float(sum(self._width_of(run, size) for run in runs_of(self, letters)))

    def _width_of(self, run: Any, size: float) -> float:
        if isinstance(run, ShapedStr):
            return float(sum(glyph.x_advance for glyph in run.__shapeData__) * size / 1000)
        return float(super().stringWidth(run, size))

    def code_of(self, glyph: int) -> int:
        """A code by which ReportLab finds this glyph."""
        known = self.face.glyphToChar.get(glyph)
        if known:
            return int(known[0])
        code = _FIRST_PRIVATE + glyph
        if code in self.face.charToGlyph:
            raise ValueError(f"{self.fontName} uses the private code {code:X} itself")
        self.face.charToGlyph[code] = glyph
        self.face.glyphToChar[glyph] = [code]
        self.face.charWidths[code] = self.pdfScale(self.hbFont().get_glyph_h_advance(glyph))
        return code


@lru_cache(maxsize=1024)
def runs_of(font: ShapingFont, text: str) -> tuple[Any, ...]:
    """The text in runs: plain ones as they are, others as glyphs with their places, in thousandths of the size."""
    if _PLAIN.fullmatch(text):
        return (text,)
    return tuple(run if _PLAIN.fullmatch(run) else _shaped(font, run) for run in _of_one_script(text))


def _of_one_script(text: str) -> Iterator[str]:
    """HarfBuzz shapes one script at a time. Marks, digits and spaces belong to the letters before them."""
    start, script = 0, None
    for place, letter in enumerate(text):
        if not unicodedata.category(letter).startswith("L"):
            continue
        # A letter's name begins with its script: DEVANAGARI LETTER KA. The standard library says it no other way.
        its = unicodedata.name(letter, "").partition(" ")[0]
        if script is not None and its != script:
            yield text[start:place]
            start = place
        script = its
    yield text[start:]


def _shaped(font: ShapingFont, run: str) -> ShapedStr:
    buffer = uharfbuzz.Buffer()
    buffer.add_str(run)
    buffer.guess_segment_properties()
    uharfbuzz.shape(font.hbFont(), buffer)
    codes, glyphs = [], []
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        code = font.code_of(info.codepoint)
        scaled = (font.pdfScale(v) for v in (place.x_advance, place.y_advance, place.x_offset, place.y_offset))
        codes.append(chr(code))
        glyphs.append(ShapeData(info.cluster, *scaled, font.face.charWidths[code]))
    return ShapedStr("".join(codes), glyphs)


class _Syllables(str):
    """Text that is walked syllable by syllable: a letter with its marks, and what a virama joins to it."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        start, joins = 0, True
        for place, letter in enumerate(str.__str__(self)):
            is_mark = unicodedata.category(letter) in ("Mn", "Mc", "Cf")
            if place and not is_mark and not joins:
                yield self[start:place]
                start = place
            joins = unicodedata.combining(letter) == _VIRAMA or letter == _JOINER
        yield self[start:]


_format_plainly = PDFTextObject._formatText
_break_by_letter = reportlab_paragraph._chunkWord


def _format_shaped(self: Any, text: Any) -> str:
    """What a text object writes for `text`, with the letters themselves beside the glyphs for search and copying."""
    font = getFont(self._fontname)
    if not isinstance(font, ShapingFont) or not isinstance(text, str) or _PLAIN.fullmatch(text):
        return str(_format_plainly(self, text))
    drawn = " ".join(_format_plainly(self, run) for run in runs_of(font, text))
    letters = (b"\xfe\xff" + text.encode("utf-16-be")).hex().upper()
    return f"/Span <</ActualText <{letters}>>> BDC {drawn} EMC"


def _break_by_syllable(pieces: Any, width: float) -> Any:
    """How a word that is longer than its line is broken."""
    texts = [(piece, text.decode() if isinstance(text, bytes) else text) for piece, text in pieces]
    return _break_by_letter([(piece, _Syllables(text)) for piece, text in texts], width)


PDFTextObject._formatText = _format_shaped
reportlab_paragraph._chunkWord = _break_by_syllable
