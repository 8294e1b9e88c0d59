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
from domain.identifiers import refund_key
from gateways.payments.protocol import PaymentProvider


class Refunds:
    """Gives money back at the provider and records it."""

    def __init__(self, providers: Mapping[str, PaymentProvider]) -> None:
        self._providers = providers

    @activity.defn(name="submit_refund")
    async def submit(self, request: SubmitRefundInput) -> RefundSubmission:
        """Make the refund at the provider, once. Raises what `PaymentProvider.create_refund` raises."""
        refund = await refunds.read_refund(request.refund_id)
        provider = self._providers[refund.provider]
        if refund.provider_refund_id is not None and request.request == 1:
            made = await provider.read_refund(refund.provider_refund_id)
        else:
            new = NewRefund(refund_id=refund.refund_id, payment_id=refund.payment_id, amount_minor=refund.amount_minor)
            made = await make_once(
                create=lambda attempt: provider.create_refund(
                    new, refund_key(refund.refund_id, request.request, attempt, request.refusals)
                ),
                find=lambda: _find(provider, refund),
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
        if await _find(self._providers[refund.provider], refund) is not None:
            return RefundStanding.MADE
        await refunds.give_up_refund(refund_id)
        return RefundStanding.GIVEN_UP

    @activity.defn(name="note_refund_attention")
    async def note_attention(self, request: RefundAttentionInput) -> None:
        """Show that a person is needed, or no longer is."""
        await refunds.set_refund_attention(request.refund_id, request.step)


async def _find(provider: PaymentProvider, refund: RefundDetails) -> ProviderRefund | None:
    """The refund in the provider's book that has not failed."""
    found = await provider.find_refunds(refund.payment_id)
    ours = [r for r in found if r.refund_id == refund.refund_id and r.state is not RefundState.FAILED]
    return ours[0] if ours else None
