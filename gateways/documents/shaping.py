"""Right letters from a library that knows no shaping: conjuncts, signs on their side, accents on their letter.

xhtml2pdf lays out code points one by one. ReportLab, under it, can draw what HarfBuzz has shaped, if it is asked. So: a
font that measures text as it will be shaped, a text object that shapes what is written in such a font, and long words
broken between syllables. Text of ready-made letters alone goes the ordinary way. The rest is shaped script by script,
each in the font that has its letters; for a letter of none, Latin letters are drawn that say it. The PDF carries
beside it what was written, spaces too (`/ActualText`, ISO 32000-1, 14.9.4), since a conjunct's glyph is no letter.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import uharfbuzz
from anyascii import anyascii
from reportlab.pdfbase.pdfmetrics import getFont, registerFont
from reportlab.pdfbase.ttfonts import ShapeData, ShapedStr, TTFont
from reportlab.pdfgen.textobject import PDFTextObject
from xhtml2pdf import context, reportlab_paragraph
from xhtml2pdf.bidi import display_order

_PLAIN = re.compile(r"[\x20-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u202f\u20a0-\u20bf]*")
"""Ready-made letters of Latin, Greek and Cyrillic, and punctuation: one letter, one glyph."""

_FIRST_PRIVATE = 0xE000
"""A glyph that is no letter's gets a code of Unicode's private area, this and its number: the same in each process."""

_VIRAMA = 9
"""The combining class of the signs that join the next letter to a conjunct (Unicode Standard, table 4-3)."""

_JOINER = "\u200d"

_IN_WORDS = ("Mn", "Mc", "Cf")
"""Categories of what belongs to the letter before it: marks, joiners, variation selectors."""


class ShapingFont(TTFont):  # type: ignore[misc]  # the library has no types
    """A TrueType font whose text is shaped by HarfBuzz where that makes a difference; `others` are the files with the
    letters of scripts that it does not have, by the script's name, read when they are needed for the first time."""

    def __init__(self, name: str, path: Path, others: Mapping[str, Path] | None = None) -> None:
        super().__init__(name, str(path))
        self._others = dict(others or {})

    def of_script(self, script: str) -> "ShapingFont":
        """The font that has the letters of this script."""
        path = self._others.get(script)
        return _read(f"{self.fontName}-{path.stem}", path) if path else self

    def has(self, letter: str) -> bool:
        """Whether it can draw this letter by itself."""
        return ord(letter) in self.face.charToGlyph

    @lru_cache(maxsize=4096)  # noqa: B019  # fonts live as long as the process
    def draws(self, letter: str) -> bool:
        """Whether it has glyphs for this letter or its parts, or whether nothing is to be seen of it (a joiner)."""
        buffer = uharfbuzz.Buffer()
        buffer.add_str(letter)
        buffer.guess_segment_properties()
        uharfbuzz.shape(self.hbFont(), buffer)
        return all(info.codepoint for info in buffer.glyph_infos)

    def stringWidth(self, text: str | bytes, size: float, encoding: str = "utf8") -> float:  # noqa: N802  # its name
        """The width of text as it will be drawn, in points."""
        letters = text.decode(encoding) if isinstance(text, bytes) else text
        return float(sum(font._width_of(run, size) for font, run in runs_of(self, letters)))

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


@lru_cache
def _read(name: str, path: Path) -> ShapingFont:
    font = ShapingFont(name, path)
    registerFont(font)
    return font


@lru_cache(maxsize=1024)
def runs_of(font: ShapingFont, text: str) -> tuple[tuple[ShapingFont, Any], ...]:
    """The text in runs, each with its font: plain ones as they are, others as glyphs with their places, in thousandths
    of the size."""
    drawable = "".join(_drawable(font, letter) for letter in text)
    if _PLAIN.fullmatch(drawable):
        return ((font, drawable),)
    found: list[tuple[ShapingFont, Any]] = []
    for part, is_turned in _as_seen(drawable):
        for its, run in list(_runs(font, part))[:: -1 if is_turned else 1]:
            is_plain = not is_turned and its is font and _PLAIN.fullmatch(run)
            found.append((its, run if is_plain else _shaped(its, run, is_turned)))
    return tuple(found)


def _as_seen(text: str) -> Iterator[tuple[str, bool]]:
    """Parts of a line in the order in which they are seen from left to right, each with whether it runs from right to
    left (Unicode's Bidirectional Algorithm, UAX 9, by the library)."""
    order, levels = display_order(text)
    start = 0
    for place in range(1, len(order) + 1):
        last, first = order[place - 1], order[start]
        goes_on = place < len(order) and levels[order[place]] == levels[last] and abs(order[place] - last) == 1
        if not goes_on:
            yield text[min(first, last) : max(first, last) + 1], bool(levels[first] & 1)
            start = place


def _drawable(font: ShapingFont, letter: str) -> str:
    """The letter, or Latin ones that say it where no font of ours has it: a box would say nothing."""
    if font.draws(letter) or font.of_script(_script_of(letter)).draws(letter):
        return letter
    return anyascii(letter) or "?"


def _runs(font: ShapingFont, text: str) -> Iterator[tuple[ShapingFont, str]]:
    """HarfBuzz shapes one script at a time. Marks, digits and spaces belong to the letters before them, as long as the
    font of those has them: not each font has every sign."""
    start, script, its = 0, "", font
    for place, letter in enumerate(text):
        found = _script_at(font, letter, script, its)
        if found != script and place > start and (script or its is not font.of_script(found)):
            yield its, text[start:place]
            start = place
        script, its = found, font.of_script(found)
    yield its, text[start:]


def _script_at(font: ShapingFont, letter: str, script: str, its: ShapingFont) -> str:
    """The script that a letter is shaped with, in the middle of text in `script`; empty for none of its own."""
    named = _script_of(letter)
    category = unicodedata.category(letter)
    if category.startswith("L"):
        return named
    if (its.draws if category in _IN_WORDS else its.has)(letter):
        return script
    return named if font.of_script(named) is not font else ""


def _script_of(letter: str) -> str:
    # A letter's name begins with its script: DEVANAGARI LETTER KA. The standard library says it no other way.
    return re.split("[ -]", unicodedata.name(letter, ""), maxsplit=1)[0]


def _shaped(font: ShapingFont, run: str, is_turned: bool) -> ShapedStr:
    buffer = uharfbuzz.Buffer()
    buffer.add_str(run)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if is_turned else "ltr"
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
            is_mark = unicodedata.category(letter) in _IN_WORDS
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
    if isinstance(text, bytes):
        # A line of one word comes as bytes; only a font of ours is sure to mean UTF-8.
        text = text.decode() if isinstance(font, ShapingFont) else text
    if not isinstance(font, ShapingFont) or _PLAIN.fullmatch(text):
        return str(_format_plainly(self, text))
    drawn = " ".join(_drawn_in(self, its, run) for its, run in runs_of(font, text))
    _use(self, font)
    letters = (b"\xfe\xff" + text.encode("utf-16-be")).hex().upper()
    return f"/Span <</ActualText <{letters}>>> BDC {drawn} EMC"


def _drawn_in(text_object: Any, font: ShapingFont, run: Any) -> str:
    _use(text_object, font)
    return str(_format_plainly(text_object, run))


def _use(text_object: Any, font: ShapingFont) -> None:
    """Go on in this font; ReportLab names a font in the PDF when the subset is another than the last one."""
    if text_object._fontname != font.fontName:
        text_object._fontname, text_object._curSubset = font.fontName, -1


def _break_by_syllable(pieces: Any, width: float) -> Any:
    """How a word that is longer than its line is broken."""
    texts = [(piece, text.decode() if isinstance(text, bytes) else text) for piece, text in pieces]
    return _break_by_letter([(piece, _Syllables(text)) for piece, text in texts], width)


def _leave_as_written(*_: object) -> None:
    """What the library does to right-to-left text: nothing. Its own turning of lines and joining of letters would hide
    from HarfBuzz, and from who copies the text, what was written."""


PDFTextObject._formatText = _format_shaped
reportlab_paragraph._chunkWord = _break_by_syllable
reportlab_paragraph.needs_bidi = _leave_as_written
context.shape_frag_text = _leave_as_written
