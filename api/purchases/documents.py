"""What a buyer keeps of a purchase: its tax invoice and its credit notes, as PDFs."""

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.access import requires
from api.http.problems import ProblemError
from api.http.rates import PAGES_DRAWN
from api.http.schemas import ApiStruct
from api.subject import Subject
from bootstrap import Services
from db.queries.billing.purchases import read_purchase
from db.queries.billing.tax_documents import CreditNoteSummary, list_credit_notes, read_credit_note, read_invoice
from domain.billing.invoice import TaxDocument
from domain.identity.roles import Permission

PDF = "application/pdf"


class CreditNoteList(ApiStruct):
    """The credit notes of one purchase, oldest first; each has its PDF at `{id}/credit-note.pdf` below this list."""

    items: list[CreditNoteSummary]


@get(
    "/api/v1/purchases/{purchase_id:str}/invoice.pdf",
    operation_id="getInvoicePdf",
    tags=["Purchases"],
    media_type=PDF,
    **requires(Permission.COURSE_ENROLL, "not_found", "not_invoiced", "service_unavailable", rate=PAGES_DRAWN),
)
async def get_invoice_pdf(
    purchase_id: FromPath[str], services: NamedDependency[Services], subject: NamedDependency[Subject]
) -> Response[bytes]:
    """The tax invoice of one's own purchase. 409 `not_invoiced` until it is paid, and for a free course."""
    document = await read_invoice(purchase_id, subject.user_id)
    if document is None:
        await _require_own(purchase_id, subject)
        raise ProblemError("not_invoiced")
    return await _pdf(services, document)


@get(
    "/api/v1/purchases/{purchase_id:str}/credit-notes",
    operation_id="listCreditNotes",
    tags=["Purchases"],
    **requires(Permission.COURSE_ENROLL, "not_found"),
)
async def get_credit_notes(purchase_id: FromPath[str], subject: NamedDependency[Subject]) -> CreditNoteList:
    """The credit notes of one's own purchase: one for each refund of it."""
    await _require_own(purchase_id, subject)
    return CreditNoteList(await list_credit_notes(purchase_id))


@get(
    "/api/v1/purchases/{purchase_id:str}/credit-notes/{note_id:str}/credit-note.pdf",
    operation_id="getCreditNotePdf",
    tags=["Purchases"],
    media_type=PDF,
    **requires(Permission.COURSE_ENROLL, "not_found", "service_unavailable", rate=PAGES_DRAWN),
)
async def get_credit_note_pdf(
    purchase_id: FromPath[str],
    note_id: FromPath[str],
    services: NamedDependency[Services],
    subject: NamedDependency[Subject],
) -> Response[bytes]:
    """One credit note of one's own purchase."""
    document = await read_credit_note(purchase_id, note_id, subject.user_id)
    if document is None:
        raise ProblemError("not_found")
    return await _pdf(services, document)


async def _require_own(purchase_id: str, subject: Subject) -> None:
    if await read_purchase(purchase_id, subject.user_id) is None:
        raise ProblemError("not_found")


async def _pdf(services: Services, document: TaxDocument) -> Response[bytes]:
    name = document.number.replace("/", "-")
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"'}
    return Response(await services.tax_documents.render(document), media_type=PDF, headers=headers)
