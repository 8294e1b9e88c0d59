"""One set of promises, on a local directory and on S3: `versitygw`, which checks signatures truly.

S3 needs Go and, the first time, the module proxy.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio

from domain.errors import OutageError
from domain.file_tokens import FileTokens
from domain.identifiers import new_id
from gateways.storage.objects import S3Account, open_storage
from gateways.storage.protocol import Storage
from stack.process import accepts_connections
from tests.integration.stand_ins import eventually, new_ports

MODULE = Path(__file__).with_name("versitygw")
"""`go.mod` with the version, `go.sum` with its hashes."""
BUILD_SECONDS = 500
TOKENS = FileTokens(["a secret of at least 32 bytes, so it is"])
ACCESS, SECRET, REGION = "access-of-the-tests", "secret-of-the-tests", "us-east-1"
FILES = "http://academy.test/api/v1/files"
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gateway, built (some minutes the first time, seconds from Go's cache afterwards)."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed, so versitygw cannot be built")
    target = tmp_path_factory.mktemp("versitygw") / "versitygw"
    command = [go, "build", "-o", str(target), "github.com/versity/versitygw/cmd/versitygw"]
    built = subprocess.run(command, cwd=MODULE, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if built.returncode and "proxy" in built.stderr:
        pytest.skip("the Go module proxy does not answer, so versitygw cannot be built")
    assert built.returncode == 0, built.stderr
    return target


@pytest.fixture(scope="module")
def s3_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the gateway keeps buckets: directories; there is one."""
    folder = tmp_path_factory.mktemp("s3")
    (folder / "buckets" / "files").mkdir(parents=True)
    (folder / "metadata").mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def s3(program: Path, s3_folder: Path) -> AsyncIterator[Storage]:
    (port,) = new_ports(1)
    command = [str(program), "--port", f"127.0.0.1:{port}", "--access", ACCESS, "--secret", SECRET, "--region", REGION]
    backend = ["--quiet", "posix", "--sidecar", str(s3_folder / "metadata"), str(s3_folder / "buckets")]
    process = await asyncio.create_subprocess_exec(*command, *backend, stdout=subprocess.DEVNULL)
    try:
        await eventually(lambda: accepts_connections(port), 30)
        yield open_storage("s3://files/folder", account(port), TOKENS, FILES)
    finally:
        process.kill()
        await process.wait()


def account(port: int) -> S3Account:
    return S3Account(f"http://127.0.0.1:{port}", REGION, ACCESS, SECRET)


@pytest.fixture(params=["directory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "s3":
        found: Storage = request.getfixturevalue("s3")
        return found
    return open_storage((tmp_path / "files").as_uri(), S3Account("", "", "", ""), TOKENS, FILES)


async def pieces(*parts: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if then is not None:
        raise then


async def all_of(storage: Storage, key: str) -> bytes | None:
    found = await storage.open(key)
    return None if found is None else b"".join([piece async for piece in found])


async def test_what_was_written_is_read(storage: Storage) -> None:
    key, large = f"a/{new_id()}/upload", b"0123456789" * 1_200_000  # two parts, and a rest
    await storage.write(key, pieces(large[:7], large[7:6_000_000], large[6_000_000:]))
    assert await storage.size(key) == len(large)
    assert await all_of(storage, key) == large
    assert await storage.read(key, 5, 12) == b"5678901"
    await storage.write(key, pieces(b"new"))
    assert await all_of(storage, key) == b"new"


async def test_a_new_object_is_made_once(storage: Storage) -> None:
    key = f"a/{new_id()}"
    made = await asyncio.gather(*(storage.create(key, b"%d" % number) for number in range(5)))
    assert sorted(made) == [False] * 4 + [True]
    assert await all_of(storage, key) == b"%d" % made.index(True)


async def test_copies_keys_and_deletions(storage: Storage) -> None:
    folder = f"a/{new_id()}"
    await storage.create(f"{folder}/upload", b"x")
    assert await storage.copy(f"{folder}/upload", f"{folder}/kept.pdf")
    assert not await storage.copy(f"{folder}/nothing", f"{folder}/other")
    await storage.create(f"{folder}x/upload", b"of a neighbour")
    assert sorted(await storage.keys(folder)) == [f"{folder}/kept.pdf", f"{folder}/upload"]
    await storage.delete(f"{folder}/upload", f"{folder}/nothing")
    await storage.delete(f"{folder}/upload")
    assert await storage.keys(folder) == [f"{folder}/kept.pdf"]
    assert await storage.keys(f"{folder}/none") == []


async def test_what_is_not_there(storage: Storage) -> None:
    key = f"a/{new_id()}"
    assert (await storage.size(key), await all_of(storage, key)) == (None, None)
    with pytest.raises(LookupError):
        await storage.read(key, 0, 1)


async def test_of_an_upload_that_breaks_off_nothing_is_kept(storage: Storage) -> None:
    folder = f"a/{new_id()}"
    with pytest.raises(ConnectionResetError):
        await storage.write(f"{folder}/upload", pieces(b"x" * 6_000_000, then=ConnectionResetError()))
    assert await storage.keys(folder) == []


async def test_presigned_addresses_of_s3_take_one_method_and_end(s3: Storage) -> None:
    key = f"a/{new_id()}"
    put, get = await s3.upload_url(key, 100, FIVE_MINUTES), await s3.download_url(key, FIVE_MINUTES)
    assert parse_qs(urlsplit(put).query)["X-Amz-Expires"] == ["300"]
    short = await s3.download_url(key, timedelta(seconds=1))
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(get)).status_code == 404
        assert (await browser.put(put, content=b"work")).status_code == 200
        assert (await browser.get(get)).content == b"work"
        for method, url in (("GET", put), ("PUT", get), ("GET", get.replace(key, f"{key}x"))):
            assert (await browser.request(method, url)).status_code == 403, (method, "another method, another key")
        assert (await browser.get(get[:-4] + "0000")).status_code == 403

        async def is_over() -> bool:
            return (await browser.get(short)).status_code == 403

        await eventually(is_over, 15)
    assert await all_of(s3, key) == b"work"


async def test_a_directory_has_addresses_of_ours(tmp_path: Path) -> None:
    storage: Any = open_storage(tmp_path.as_uri(), S3Account("", "", "", ""), TOKENS, FILES)
    assert (await storage.upload_url("a/b", 100, FIVE_MINUTES)).startswith(f"{FILES}/")
    assert (await storage.download_url("a/b", FIVE_MINUTES)).startswith(f"{FILES}/")


async def test_s3_that_does_not_answer_is_an_outage() -> None:
    (port,) = new_ports(1)
    storage = open_storage("s3://files", account(port), TOKENS, FILES)
    for call in (storage.size("a"), storage.create("a", b"x"), storage.keys("a"), storage.open("a")):
        with pytest.raises(OutageError):
            await call


async def test_a_wrong_secret_is_an_outage_that_tells_nothing(s3: Storage, program: Path) -> None:
    """It is ours to mend, and the caller's to try again."""
    endpoint = urlsplit(await s3.upload_url("a", 1, FIVE_MINUTES))
    wrong = S3Account(f"http://{endpoint.netloc}", REGION, ACCESS, "another secret")
    with pytest.raises(OutageError, match=r"^storage$"):
        await open_storage("s3://files", wrong, TOKENS, FILES).create("a", b"x")
