"""Tax invoices and credit notes as PDFs, from what was stored when they were issued."""

from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from domain.billing.gstin import STATE_NUMBERS
from domain.billing.invoice import INVOICE_ZONE, DocumentLine, TaxDocument
from domain.billing.places import STATE_NAMES
from domain.billing.purchase import LineKind
from gateways.documents.pdf import PdfRenderer
from gateways.messaging.wording import day, money, one_line

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


class TaxDocuments:
    """Renders them; one per process."""

    def __init__(self) -> None:
        self._renderer = PdfRenderer()

    async def render(self, document: TaxDocument) -> bytes:
        """The PDF; the same document gives the same bytes. Raises `gateways.documents.pdf.RenderingError`."""
        return await self._renderer.render(html_of(document))

    def close(self) -> None:
        """Let a running document finish."""
        self._renderer.close()


def html_of(document: TaxDocument) -> str:
    """The document in HTML; every word of a person is escaped."""
    against = document.against
    return _TEMPLATES.get_template("tax-document.html").render(
        document=document,
        buyer_name=one_line(document.buyer.name),
        buyer_lines=_address(document),
        title="Credit note" if against else "Tax invoice",
        date=day(document.issued_at.astimezone(INVOICE_ZONE).date(), "en"),
        against_date=day(against.issued_at.astimezone(INVOICE_ZONE).date(), "en") if against else None,
        seller_state=_state(document.seller.state),
        buyer_place=f"{STATE_NAMES.get(document.buyer.state, document.buyer.state)}, {document.buyer.country}",
        place_of_supply=_place_of_supply(document),
        lines=[_line(line, document.currency) for line in document.lines],
        total_label="Given back, taxes included" if against else "Total, taxes included",
        total=money(document.total, document.currency),
        note=_note(document),
    )


def _address(document: TaxDocument) -> list[str]:
    """Line by line, as CGST Rules 2017, rule 46 (d) wants it of a registered recipient."""
    address = document.buyer.address
    return [one_line(line) for line in (*address.lines, address.city)] if address else []


def _state(code: str) -> str:
    """Its name and code, as CGST Rules 2017, rule 46 (e) and (n) want them."""
    return f"{STATE_NAMES[code]} ({STATE_NUMBERS[code]})" if code in STATE_NUMBERS else code


def _place_of_supply(document: TaxDocument) -> str:
    """In India the recipient's state on record, else the recipient's country (IGST Act 2017 ss. 12 and 13)."""
    if document.buyer.country != "IN":
        return f"Outside India ({document.buyer.country})"
    return _state(document.buyer.state)


def _line(line: DocumentLine, currency: str) -> dict[str, str]:
    rate = f"{(line.rate * 100).normalize():f} %" if line.rate is not None else ""
    is_course = line.kind is LineKind.COURSE
    description = one_line(line.description)
    return {
        "description": f"{description} (taxable value)" if is_course else description,
        "sac": line.sac or "",
        "rate": rate,
        "amount": money(line.amount, currency),
    }


def _note(document: TaxDocument) -> str:
    """What the law wants said beside the figures."""
    if document.buyer.country != "IN":
        # CGST Rules 2017, rule 46, third proviso.
        return "Supply meant for export under bond or letter of undertaking without payment of integrated tax."
    if document.tax == Decimal(0):
        return ""
    return "Tax is not payable on reverse charge."
