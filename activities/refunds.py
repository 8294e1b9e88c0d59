"""The steps of a refund."""

from collections.abc import Mapping

from temporalio import activity

from activities.once import make_once
from db.queries.billing import refunds
from domain.billing.payments import NewRefund, ProviderRefund, RefundState
from domain.billing.refund import (
    RefundAttentionInput,
    RefundDetails,
    RefundRecorded,
    RefundStanding,
    RefundSubmission,
    SubmitRefundInput,
)
from domain.errors import BusinessRefusalError
from domain.identifiers import refund_key
from gateways.payments.protocol import PaymentProvider


class Refunds:
    """Gives money back at the provider and records it."""

    def __init__(self, providers: Mapping[str, PaymentProvider]) -> None:
        self._providers = providers

    @activity.defn(name="submit_refund")
    async def submit(self, request: SubmitRefundInput) -> RefundSubmission:
        """Make the refund at the provider, once, or take up the one that a person made at its dashboard meanwhile.

        Raises what `PaymentProvider.create_refund` raises, and `BusinessRefusalError("refunded_at_provider")` when
        such a one is followed by a row of its own: it was made before ours had failed.
        """
        refund = await refunds.read_refund(request.refund_id)
        provider = self._providers[refund.provider]
        if refund.is_recorded and refund.provider_refund_id is not None:
            # A lost workflow task runs its steps again. If a bank sent the refund back meanwhile, another row is owed.
            return RefundSubmission(refund.provider, refund.provider_refund_id, RefundState.SUCCEEDED)
        made = await _known(provider, refund)
        if made is not None and made.state is RefundState.FAILED and request.request > 1:
            made = None  # it is the one that failed before this request
        if made is None and request.looks_first:
            made = await _made_meanwhile(provider, refund)
        if made is None:
            new = NewRefund(refund_id=refund.refund_id, payment_id=refund.payment_id, amount_minor=refund.amount_minor)
            made = await make_once(
                create=lambda attempt: provider.create_refund(
                    new, refund_key(refund.refund_id, request.request, attempt, request.refusals)
                ),
                find=lambda: _find_ours(provider, refund),
                first_asked_at=refund.created_at,
                keys_last=provider.refund_keys_last,
            )
        submission = RefundSubmission(refund.provider, made.provider_refund_id, made.state)
        await refunds.note_submission(refund.refund_id, submission)
        return submission

    @activity.defn(name="read_refund_state")
    async def read_state(self, submission: RefundSubmission) -> RefundState:
        """What the provider says of the refund now."""
        refund = await self._providers[submission.provider].read_refund(submission.provider_refund_id)
        return refund.state

    @activity.defn(name="record_refund")
    async def record(self, refund_id: str) -> RefundRecorded:
        """Write what the refund does to books, access and order, in one transaction and once."""
        return await refunds.record_refund(refund_id)

    @activity.defn(name="give_up_refund")
    async def give_up(self, refund_id: str) -> RefundStanding:
        """Close a refund that will not be made, unless the provider's book has it: what is there is followed."""
        refund = await refunds.read_refund(refund_id)
        provider = self._providers[refund.provider]
        known = await _known(provider, refund)
        if known is not None and known.state is not RefundState.FAILED:
            return RefundStanding.MADE
        if await _find_made(provider, refund) is not None:
            return RefundStanding.MADE
        await refunds.give_up_refund(refund_id)
        return RefundStanding.GIVEN_UP

    @activity.defn(name="note_refund_attention")
    async def note_attention(self, request: RefundAttentionInput) -> None:
        """Show that a person is needed, or no longer is."""
        await refunds.set_refund_attention(request.refund_id, request.step, request.failed)


async def _known(provider: PaymentProvider, refund: RefundDetails) -> ProviderRefund | None:
    """The refund at the provider that our row follows; `None` when it follows none yet, or none any more."""
    return await provider.read_refund(refund.provider_refund_id) if refund.provider_refund_id is not None else None


async def _find_ours(provider: PaymentProvider, refund: RefundDetails) -> ProviderRefund | None:
    """The refund in the provider's book that we asked for and that has not failed."""
    return _ours(refund, await provider.find_refunds(refund.payment_id))


def _ours(refund: RefundDetails, found: list[ProviderRefund]) -> ProviderRefund | None:
    ours = (r for r in found if r.refund_id == refund.refund_id and r.state is not RefundState.FAILED)
    return next(ours, None)


async def _find_made(provider: PaymentProvider, refund: RefundDetails) -> ProviderRefund | None:
    """Ours, or one of the same amount that was made at the dashboard and that no row follows yet."""
    found = await provider.find_refunds(refund.payment_id)
    if (ours := _ours(refund, found)) is not None:
        return ours
    strange = [
        r
        for r in found
        if r.refund_id is None and r.state is not RefundState.FAILED and r.amount_minor == refund.amount_minor
    ]
    followed = await refunds.followed_at(refund.provider, [r.provider_refund_id for r in strange])
    return next((r for r in strange if r.provider_refund_id not in followed), None)


async def _made_meanwhile(provider: PaymentProvider, refund: RefundDetails) -> ProviderRefund | None:
    made = await _find_made(provider, refund)
    if made is None and await refunds.is_followed_elsewhere(refund.refund_id):
        raise BusinessRefusalError("refunded_at_provider")
    return made
