"""HTML to PDF: our own fonts, no resource from anywhere, the same bytes for the same HTML."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from reportlab import rl_config
from reportlab.lib.fonts import addMapping
from reportlab.pdfbase import pdfmetrics
from xhtml2pdf import pisa
from xhtml2pdf.config.resources import ResourceAccessPolicy
from xhtml2pdf.default import DEFAULT_FONT

from domain.errors import OutageError
from gateways.documents.shaping import ShapingFont

FONTS = Path(__file__).parent / "fonts"
FAMILY = "AcademySans"
"""The one family that templates name in CSS; regular and bold."""

# fmt: off
OTHER_SCRIPTS = {
    "ARABIC": "Arabic", "ARMENIAN": "Armenian", "BENGALI": "Bengali", "EXTENDED": "Arabic", "GEORGIAN": "Georgian",
    "GUJARATI": "Gujarati", "GURMUKHI": "Gurmukhi", "HEBREW": "Hebrew", "KANNADA": "Kannada",
    "MALAYALAM": "Malayalam", "MEETEI": "MeeteiMayek", "OL": "OlChiki", "ORIYA": "Oriya", "SINHALA": "Sinhala",
    "TAMIL": "Tamil", "TELUGU": "Telugu", "THAI": "Thai",
}
# fmt: on
"""Scripts that Noto Sans does not have, by the first word of their letters' names in Unicode, with the font of each.
Arabic is Urdu's and Kashmiri's, whose digits are EXTENDED, Bengali also Assamese's, Meetei Manipuri's, Ol Chiki
Santali's, and Oriya Odia's."""

EAST_ASIAN = ("BOPOMOFO", "CJK", "FULLWIDTH", "HALFWIDTH", "HANGUL", "HIRAGANA", "IDEOGRAPHIC", "KATAKANA")
"""All in one font of one weight: one for each language would be ten times as large."""

NOTHING = ResourceAccessPolicy(allow_remote=False, base_dir=None)
"""Our templates name no file and no address, so whatever names one is not read."""


class RenderingError(Exception):
    """A document cannot be made into a PDF: a defect of ours, with nothing of the document in its text."""


MOST_WAITING = 20
"""Documents that may wait for the thread, about a second; more would only wait for nobody."""

# It quotes the HTML, names and all, at DEBUG and letters of it at WARNING.
logging.getLogger("xhtml2pdf").setLevel(logging.CRITICAL)


class PdfRenderer:
    """Renders on one thread of its own: the library is not made for several, and one document takes some 50 ms."""

    def __init__(self) -> None:
        _register_fonts()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pdf")
        self._waiting = 0

    async def render(self, html: str) -> bytes:
        """The PDF. Raises `RenderingError`, and `OutageError` when too many wait already."""
        if self._waiting >= MOST_WAITING:
            raise OutageError("documents_busy")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, _render, html)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let a running document finish."""
        self._thread.shutdown()


def _register_fonts() -> None:
    # Time stamps and random ids inside the file would make each download another document.
    rl_config.invariant = 1
    for is_bold, name in enumerate(("Regular", "Bold")):
        font = f"{FAMILY}-{name}"
        others = {script: FONTS / f"NotoSans{file}-{name}.ttf" for script, file in OTHER_SCRIPTS.items()}
        others |= dict.fromkeys(EAST_ASIAN, FONTS / "DroidSansFallback.ttf")
        pdfmetrics.registerFont(ShapingFont(font, FONTS / f"NotoSans-{name}.ttf", others))
        for is_italic in (0, 1):
            addMapping(FAMILY, is_bold, is_italic, font)
    DEFAULT_FONT[FAMILY.lower()] = FAMILY


def _render(html: str) -> bytes:
    written = BytesIO()
    result = pisa.CreatePDF(html, dest=written, encoding="utf-8", resource_policy=NOTHING)
    if result.err:
        raise RenderingError(f"{result.err} errors in a document's HTML")
    return written.getvalue()
