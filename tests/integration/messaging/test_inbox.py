"""Our SMTP client against the inbox, by real SMTP, and the inbox's own views."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.errors import BusinessRefusalError, OutageError, UnknownOutcomeError
from domain.identifiers import new_id
from domain.messaging.messages import OutgoingEmail
from gateways.messaging.smtp import SmtpSender
from stack.inbox.mailbox import Mailbox
from stack.inbox.server import Handler
from tests.integration.stand_ins import StandIn, eventually, new_ports


class World:
    """One inbox, its web side and our sender."""

    def __init__(self, folder: Path, smtp_port: int, port: int) -> None:
        self.process = StandIn(
            *("stack.inbox", "--smtp-port", str(smtp_port), "--port", str(port), "--dir", str(folder)),
            ports=(smtp_port, port),
        )
        self.smtp_port = smtp_port
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)
        self.sender = SmtpSender(f"smtp://somebody:pass%20word@127.0.0.1:{smtp_port}")

    async def faults(self, **on: object) -> None:
        assert (await self.http.post("/api/faults", json=on)).status_code == 200

    async def mails(self) -> list[Any]:
        found: list[Any] = (await self.http.get("/api/messages")).json()
        return found


def email(**changes: Any) -> OutgoingEmail:
    plain = OutgoingEmail(
        message_id=f"<{new_id()}@academy.example>",
        to="student@academy.example",
        to_name="Āśā Nair",
        from_="Academy <no-reply@academy.example>",
        subject="Welcome to Āyurveda Foundations",
        html='<p>नमस्ते. <a href="https://academy.example/c/1?a=1&amp;b=2">Begin</a><script>alert(1)</script></p>',
        text="Namaste.\n.\nA line with one dot is above.\n",
        sent_at=datetime.now(UTC),
    )
    return msgspec.structs.replace(plain, **changes)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    world = World(tmp_path_factory.mktemp("inbox"), *new_ports(2))
    await world.process.start()
    yield world
    await world.sender.close()
    await world.http.aclose()
    assert await world.process.stop() == 0


@pytest_asyncio.fixture(loop_scope="session")
async def world(started: World) -> AsyncIterator[World]:
    await started.http.delete("/api/messages")
    yield started
    await started.http.delete("/api/faults")


async def test_a_mail_arrives_whole_with_its_message_id(world: World) -> None:
    sent = email()
    await world.sender.send(sent)
    [mail] = await world.mails()
    assert mail["messageId"] == sent.message_id
    assert (mail["to"], mail["subject"]) == ([sent.to], sent.subject)
    assert mail["from"] == sent.from_
    assert mail["links"] == ["https://academy.example/c/1?a=1&b=2"]
    received = datetime.fromisoformat(mail["receivedAt"])
    assert abs(received - datetime.now(UTC)) < timedelta(seconds=5)
    full = (await world.http.get(f"/api/messages/{mail['id']}")).json()
    assert full["text"].replace("\r\n", "\n") == sent.text
    assert full["html"].strip() == sent.html
    assert ["Message-ID", sent.message_id] in full["headers"]


async def test_many_at_once_arrive_once_each(world: World) -> None:
    sent = [email() for _ in range(60)]
    await asyncio.gather(*(world.sender.send(one) for one in sent))
    mails = await world.mails()
    assert sorted(mail["messageId"] for mail in mails) == sorted(one.message_id for one in sent)
    assert [mail["id"] for mail in mails] == sorted((mail["id"] for mail in mails), reverse=True)


async def test_an_unknown_recipient_is_refused_for_good_and_the_connection_lives_on(world: World) -> None:
    await world.faults(refuseRecipients=["Nobody@academy.example"])
    with pytest.raises(BusinessRefusalError) as refused:
        await world.sender.send(email(to="nobody@academy.example"))
    assert refused.value.code == "recipient_refused"
    assert refused.value.__context__ is None, "the server's text names the address"
    await world.sender.send(email())
    assert len(await world.mails()) == 1


@pytest.mark.parametrize("address", ["no at sign", "ü@academy.example", "a@b@c", "", "<x@academy.example>"])
async def test_what_is_no_address_is_refused_without_a_server(address: str) -> None:
    with pytest.raises(BusinessRefusalError, match="recipient_refused"):
        await SmtpSender("smtp://127.0.0.1:1").send(email(to=address))


async def test_later_is_an_outage_and_nothing_was_accepted(world: World) -> None:
    await world.faults(temporary=1)
    with pytest.raises(OutageError) as later:
        await world.sender.send(email())
    assert not isinstance(later.value, UnknownOutcomeError)
    assert await world.mails() == []
    await world.sender.send(email())
    assert len(await world.mails()) == 1


async def test_a_250_that_we_never_heard_is_an_unknown_outcome(world: World) -> None:
    await world.faults(dropAfterStore=1)
    sent = email()
    with pytest.raises(UnknownOutcomeError):
        await world.sender.send(sent)
    await world.sender.send(sent)
    mails = await world.mails()
    assert {mail["messageId"] for mail in mails} == {sent.message_id}
    assert len(mails) == 2, "at least once, with one Message-ID"


async def test_a_restarted_server_is_reached_again_and_kept_every_mail(world: World) -> None:
    await world.sender.send(email())
    await world.process.kill()
    with pytest.raises(OutageError) as outage:
        await world.sender.send(email())
    assert not isinstance(outage.value, UnknownOutcomeError)
    await world.process.start()
    await world.sender.send(email())
    assert len(await world.mails()) == 2


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced_unseen(world: World) -> None:
    sender = SmtpSender(f"smtp://127.0.0.1:{world.smtp_port}", connections=1)
    await sender.send(email())
    await world.process.stop()
    await world.process.start()
    await sender.send(email())
    await sender.close()
    assert len(await world.mails()) == 2


async def test_a_server_that_says_nothing_is_an_outage(world: World) -> None:
    held: list[asyncio.StreamWriter] = []

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    [port] = new_ports(1)
    server = await asyncio.start_server(silent, "127.0.0.1", port)
    with pytest.raises(OutageError):
        await SmtpSender(f"smtp://127.0.0.1:{port}", timeout_seconds=0.2).send(email())
    for writer in held:
        writer.close()
    server.close()


async def test_the_pages_show_mail_and_run_none_of_it(world: World) -> None:
    assert "No mail yet" in (await world.http.get("/")).text
    await world.sender.send(email(subject="<b>Ayurveda</b>", text="<i>text</i>"))
    [mail] = await world.mails()
    listed = (await world.http.get("/")).text
    assert "&lt;b&gt;Ayurveda&lt;/b&gt;" in listed
    page = await world.http.get(f"/messages/{mail['id']}")
    assert "&lt;i&gt;text&lt;/i&gt;" in page.text
    assert 'sandbox="allow-popups"' in page.text
    inner = await world.http.get(f"/messages/{mail['id']}/html")
    assert "sandbox" in inner.headers["content-security-policy"]
    raw = await world.http.get(f"/messages/{mail['id']}/raw")
    assert raw.headers["content-type"].startswith("text/plain")
    for missing in ("/messages/../../etc/passwd", "/messages/x", f"/api/messages/{new_id()}", "/nothing"):
        assert (await world.http.get(missing)).status_code == 404
    assert (await world.http.post("/api/faults", json={"unknown": 1})).status_code == 400
    assert (await world.http.get("/api/messages", params={"to": "other@academy.example"})).json() == []
    assert (await world.http.delete("/api/messages")).json() == {"deleted": 1}


@pytest.mark.parametrize("url", ["", "http://127.0.0.1", "smtp://", "127.0.0.1:25"])
def test_an_url_that_is_none_is_named_without_its_content(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP_URL"):
        SmtpSender(url)


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.mark.parametrize("form", ["smtps://localhost:{port}", "smtp://localhost:{port}?starttls=1"])
async def test_tls_from_the_start_and_by_starttls(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    mailbox = Mailbox(tmp_path / "mails")
    [port] = new_ports(1)
    at_once = form.startswith("smtps")

    def session() -> SMTP:
        starttls = None if at_once else context
        return SMTP(Handler(mailbox), hostname="localhost", tls_context=starttls, require_starttls=not at_once)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", port, ssl=context if at_once else None)
    with pytest.raises(OutageError):  # nobody vouches for this certificate
        await SmtpSender(form.format(port=port)).send(email())
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    sender = SmtpSender(form.format(port=port))
    await sender.send(email())
    await sender.close()
    server.close()

    async def arrived() -> bool:
        return len(mailbox.summaries()) == 1

    await eventually(arrived)
