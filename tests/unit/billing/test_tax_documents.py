"""Invoices and credit notes as PDFs: every letter is there and right, and no text of a person is obeyed."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import msgspec
import pypdf
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import getFont

from domain.billing.invoice import DocumentLine, Reference, TaxDocument
from domain.billing.purchase import Address, Billing, LineKind
from domain.billing.seller import Seller
from gateways.documents.shaping import ShapingFont
from gateways.documents.tax_documents import TaxDocuments, html_of

SELLER = Seller("Ayurveda Academy", "12 Vaidya Marg, Kochi", "KL", "32AAACA0001A1Z6", "INR")
ISSUED = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)  # the 25th in Kolkata
HINDI = "श्री विष्णु क्षत्रिय"


def document(
    name: str = "Asha Menon", title: str = "Prakriti", country: str = "IN", against: Reference | None = None
) -> TaxDocument:
    taxes = (
        DocumentLine(LineKind.TAX, "CGST", Decimal("114.33"), Decimal("0.09")),
        DocumentLine(LineKind.TAX, "SGST", Decimal("114.33"), Decimal("0.09")),
    )
    net = Decimal("1270.34") if country == "IN" else Decimal("1499.00")
    return TaxDocument(
        number="INV/2627/0000042",
        issued_at=ISSUED,
        seller=SELLER,
        buyer=Billing(name, "KL" if country == "IN" else "Dubai", "682001", country),
        currency="INR",
        tax=Decimal("228.66") if country == "IN" else Decimal(0),
        total=Decimal("1499.00"),
        lines=(DocumentLine(LineKind.COURSE, title, net, sac="999293"), *(taxes if country == "IN" else ())),
        against=against,
    )


async def pages_of(tax_document: TaxDocument) -> list[pypdf.PageObject]:
    documents = TaxDocuments()
    written = await documents.render(tax_document)
    assert written == await documents.render(tax_document), "the same document gives the same bytes"
    documents.close()
    return list(pypdf.PdfReader(BytesIO(written)).pages)


def words_of(page: pypdf.PageObject) -> str:
    return " ".join(page.extract_text().split())


def devanagari_of(page: pypdf.PageObject) -> list[str]:
    """The words that a reader copies out where glyphs are shaped."""
    content = page.get_contents()
    assert content is not None
    found = re.findall(rb"/ActualText <FEFF([0-9A-F]+)>", content.get_data())
    return [bytes.fromhex(letters.decode()).decode("utf-16-be") for letters in found]


async def test_an_invoice_says_what_the_law_wants() -> None:
    [page] = await pages_of(document())
    words = words_of(page)
    for said in (
        "Tax invoice", "INV/2627/0000042", "25 November 2026", "Ayurveda Academy", "32AAACA0001A1Z6", "Asha Menon",
        "682001, Kerala, IN", "Place of supply Kerala (32)", "999293", "₹1,270.34", "CGST 9 % ₹114.33",
        "SGST 9 % ₹114.33", "₹1,499.00", "page 1 of 1",
    ):  # fmt: skip
        assert said in words


async def test_a_registered_buyer_has_name_address_and_gstin() -> None:
    address = Address(("Second floor, Vaidya Bhavan", "12 Vaidya\nMarg"), "Kochi")
    firm = Billing("Firm Private Limited", "KL", "682001", "IN", "32AAACA0001A1Z6", address)
    [page] = await pages_of(msgspec.structs.replace(document(), buyer=firm))
    billed = words_of(page).partition("Billed to ")[2]
    assert billed.startswith(
        "Firm Private Limited Second floor, Vaidya Bhavan 12 Vaidya Marg Kochi 682001, Kerala, IN GSTIN 32AAACA0001A1Z6"
    )


async def test_a_sale_abroad_is_an_export_without_tax() -> None:
    [page] = await pages_of(document(country="AE"))
    words = words_of(page)
    assert "Outside India (AE)" in words
    assert "export under bond or letter of undertaking without payment of integrated tax" in words
    assert "GST 9" not in words


async def test_a_credit_note_names_its_invoice() -> None:
    [page] = await pages_of(document(against=Reference("INV/2627/0000007", ISSUED)))
    assert "Credit note" in words_of(page)
    assert "INV/2627/0000007 of 25 November 2026" in words_of(page)


async def test_devanagari_is_shaped_and_can_be_copied() -> None:
    [page] = await pages_of(document(name=HINDI, title="Caraka Saṃhitā — प्रकृति का ज्ञान (ṣaḍrasa)"))
    assert devanagari_of(page) == [HINDI, "Caraka Saṃhitā — प्रकृति का ज्ञान (ṣaḍrasa) (taxable"]
    assert "Caraka Saṃhitā" in words_of(page)
    assert "(ṣaḍrasa)" in words_of(page)


def test_a_conjunct_takes_the_width_of_its_glyphs_in_any_surrounding() -> None:
    TaxDocuments().close()
    font = getFont("AcademySans-Regular")
    assert isinstance(font, ShapingFont)
    alone = font.stringWidth("क्षत्रिय", 10)
    letters = sum(font.stringWidth(letter, 10) for letter in "क्षत्रिय")
    assert 0 < alone < letters, "conjuncts are narrower than their letters"
    around = font.stringWidth("a", 10) + font.stringWidth("b", 10)
    assert font.stringWidth("aक्षत्रियb", 10) == pytest.approx(alone + around)


@pytest.mark.parametrize("length", [40, 120])
async def test_the_longest_name_stays_in_its_column(length: int) -> None:
    [page] = await pages_of(document(name="W" * length))
    ends: list[float] = []

    def see(text: str, cm: list[float], tm: list[float], _font: object, _size: float) -> None:
        if "WW" in text:
            ends.append(tm[4] * cm[0] + cm[4] + getFont("AcademySans-Bold").stringWidth(text.strip(), 9.5))

    page.extract_text(visitor_text=see)
    left, right = 16 * mm, 16 * mm + 0.58 * (A4[0] - 32 * mm)
    assert ends
    assert all(left < end <= right for end in ends)
    assert words_of(page).count("W") == length


@pytest.mark.parametrize(
    "name",
    [
        '<img src="http://127.0.0.1:1/x.png">',
        '<img src="/etc/passwd">',
        "<pdf:include src='file:///etc/passwd'>",
        "{{ 7 * 7 }} <b>&amp;",
        "<style>@import url(http://127.0.0.1:1/)</style>",
    ],
)
async def test_a_name_is_text_and_nothing_else(name: str) -> None:
    assert name not in html_of(document(name=name))
    [page] = await pages_of(document(name=name))
    assert name.replace(" ", "") in words_of(page).replace(" ", "")
