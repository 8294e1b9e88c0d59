"""Which files learners hand in, and whether a content is what it claims to be; pure.

The claimed type only has to be right: nobody's word, and no name, decides what a file is.
"""

import io
import zipfile

import puremagic

HEAD_BYTES = TAIL_BYTES = 64 * 1024
"""What is looked at of a file. An archive's list of members is at its end."""
LARGEST_TEXT = 1024 * 1024
"""Bytes of a plain text, which is looked at as a whole."""

TEXT = "text/plain"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"

EXTENSIONS = {
    "application/pdf": "pdf",
    DOCX: "docx",
    ODT: "odt",
    "image/jpeg": "jpg",
    "image/png": "png",
    "audio/mpeg": "mp3",
    "video/mp4": "mp4",
    TEXT: "txt",
}
"""What may be handed in, and how its key ends."""

_ODT_START = b"mimetype" + ODT.encode()
"""Its first member is called so, and is stored as it is (ODF 1.3, part 2, 3.3)."""
_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13}


def is_of_type(media_type: str, head: bytes, tail: bytes) -> bool:
    """Whether a file that begins and ends so is what it claims to be. Of a text, `head` is all of it."""
    if media_type == TEXT:
        return is_text(head)
    if media_type == DOCX:
        names = _members(tail)
        # What carries macros is a .docm, whatever it calls itself.
        return {"[Content_Types].xml", "word/document.xml"} <= names and "word/vbaProject.bin" not in names
    if media_type == ODT:
        return head.startswith(b"PK\x03\x04") and head[30:].startswith(_ODT_START) and "content.xml" in _members(tail)
    try:
        return media_type in {found.mime_type for found in puremagic.magic_string(head)}
    except (puremagic.PureError, ValueError):  # nothing known, nothing at all
        return False


def is_text(content: bytes) -> bool:
    """UTF-8 without control characters, beyond those of lines and tabs."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return not _CONTROLS & set(content)


def _members(tail: bytes) -> set[str]:
    """The names in an archive, from its last bytes."""
    try:
        return set(zipfile.ZipFile(io.BytesIO(tail)).namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return set()
