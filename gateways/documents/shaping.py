"""Right Devanagari from a library that knows no shaping.

xhtml2pdf lays out code points one by one: conjuncts fall apart and the short i stands on the wrong side. ReportLab,
under it, can draw what HarfBuzz has shaped, if it is asked. So: a font that measures words as they will be shaped, and
a text object that shapes what is written in such a font. Letters of other scripts go the ordinary way.
"""

import re
from collections.abc import Iterator
from typing import Any

from reportlab.lib.abag import ABag
from reportlab.pdfbase.pdfmetrics import getFont
from reportlab.pdfbase.ttfonts import ShapedStr, TTFont, shapeFragWord
from reportlab.pdfgen.textobject import PDFTextObject

DEVANAGARI = re.compile("[\u0900-\u097f\ua8e0-\ua8ff\u200c\u200d]+")
"""Letters and signs of Devanagari and its extension, and the joiners that steer them."""


class ShapingFont(TTFont):  # type: ignore[misc]  # the library has no types
    """A TrueType font whose Devanagari is shaped by HarfBuzz."""

    def stringWidth(self, text: str | bytes, size: float, encoding: str = "utf8") -> float:  # noqa: N802  # its name
        """The width of a word as it will be drawn, in points."""
        letters = text.decode(encoding) if isinstance(text, bytes) else text
        return float(sum(self._width(run, size, is_indic) for run, is_indic in _runs(letters)))

    def _width(self, run: str, size: float, is_indic: bool) -> float:
        if not is_indic:
            return float(super().stringWidth(run, size))
        return float(sum(glyph.x_advance for glyph in _shaped(run, self.fontName, size).__shapeData__) * size / 1000)


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """The text in runs, each with whether it is Devanagari: HarfBuzz shapes one script at a time."""
    end = 0
    for found in DEVANAGARI.finditer(text):
        if found.start() > end:
            yield text[end : found.start()], False
        yield found.group(), True
        end = found.end()
    if end < len(text):
        yield text[end:], False


def _shaped(run: str, font_name: str, size: float) -> ShapedStr:
    fragment = (ABag(fontName=font_name, fontSize=size), run)
    return shapeFragWord([0, fragment], force=True)[1][1]


_format_plainly = PDFTextObject._formatText


def _format_shaped(self: Any, text: Any) -> str:
    """What a text object writes for `text`, with the letters themselves beside the glyphs for search and copying."""
    font = getFont(self._fontname)
    if not isinstance(font, ShapingFont) or not isinstance(text, str):
        return str(_format_plainly(self, text))
    written = []
    for run, is_indic in _runs(text):
        if is_indic:
            letters = (b"\xfe\xff" + run.encode("utf-16-be")).hex().upper()
            drawn = _format_plainly(self, _shaped(run, font.fontName, self._fontsize))
            written.append(f"/Span <</ActualText <{letters}>>> BDC {drawn} EMC")
        else:
            written.append(_format_plainly(self, run))
    return " ".join(written)


PDFTextObject._formatText = _format_shaped
