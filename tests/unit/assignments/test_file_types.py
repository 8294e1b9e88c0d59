"""What a file is, is in its content."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assignments.file_types import DOCX, EXTENSIONS, HEAD_BYTES, ODT, TAIL_BYTES, is_of_type


def archive(*names: str, mimetype: str | None = None, filler: int = 0) -> bytes:
    """A zip file with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        if mimetype:
            file.writestr(zipfile.ZipInfo("mimetype"), mimetype)
        for name in names:
            file.writestr(name, "some content")
        if filler:
            file.writestr(zipfile.ZipInfo("media/picture.bin"), b"\x00" * filler)
    return buffer.getvalue()


SAMPLES = {
    "application/pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
    DOCX: archive("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
    ODT: archive("content.xml", "META-INF/manifest.xml", mimetype=ODT),
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + b"\x00" * 60,
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 60,
    "audio/mpeg": b"ID3\x03\x00\x00\x00\x00\x00\x0a" + b"\x00" * 60,
    "video/mp4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\x00" * 60,
    "text/plain": "वात, पित्त और कफ\r\n\tthree doshas\n".encode(),
}
OTHERS = {
    "a page": b"<html><script>alert(1)</script></html>",
    "a program": b"MZ\x90\x00\x03" + b"\x00" * 100,
    "an archive": archive("virus.exe"),
    "a spreadsheet": archive("[Content_Types].xml", "xl/workbook.xml"),
    "a document with macros": archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
    "an open spreadsheet": archive("content.xml", mimetype="application/vnd.oasis.opendocument.spreadsheet"),
    "nothing": b"",
    "an archive that is cut": archive("[Content_Types].xml", "word/document.xml")[:-10],
    "a page that mentions a signature": b"<html>%PDF-1.7</html>",
}


def judged(content: bytes, media_type: str) -> bool:
    return is_of_type(media_type, content[:HEAD_BYTES], content[-TAIL_BYTES:])


@pytest.mark.parametrize("claimed", EXTENSIONS)
def test_each_type_is_itself_and_no_other(claimed: str) -> None:
    assert {name for name, content in SAMPLES.items() if judged(content, claimed)} == {claimed}


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_passes_as_any_type_but_harmless_text(name: str) -> None:
    passed = {claimed for claimed in EXTENSIONS if judged(OTHERS[name], claimed)}
    assert passed <= {"text/plain"}, "text is shown as text"


def test_a_large_archive_is_known_by_its_two_ends() -> None:
    assert judged(archive("[Content_Types].xml", "word/document.xml", filler=500_000), DOCX)
    assert judged(archive("content.xml", mimetype=ODT, filler=500_000), ODT)


@pytest.mark.parametrize("content", [b"\xff\xfe a", b"a\x00b", b"\x1b[31m", "ü".encode("latin-1")])
def test_what_is_no_text(content: bytes) -> None:
    assert not judged(content, "text/plain")


@given(st.binary(max_size=300), st.sampled_from(sorted(EXTENSIONS)))
def test_any_bytes_have_an_answer(content: bytes, claimed: str) -> None:
    assert judged(content, claimed) in (True, False)
