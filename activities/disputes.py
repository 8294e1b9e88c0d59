"""The steps of a dispute."""

from collections.abc import Mapping

import structlog
from temporalio import activity

from db.queries.billing import disputes
from domain.billing.dispute import DisputeAttentionInput, DisputeFollowed, FollowDisputeInput
from domain.billing.payments import DisputeState, ProviderDispute
from gateways.payments.protocol import PaymentProvider

log = structlog.get_logger()


class Disputes:
    """Asks how a dispute stands, and writes it."""

    def __init__(self, providers: Mapping[str, PaymentProvider]) -> None:
        self._providers = providers

    @activity.defn(name="read_dispute")
    async def read(self, dispute_id: str) -> ProviderDispute:
        """The dispute as the provider has it now, by our row's id."""
        provider, provider_dispute_id = await disputes.read_dispute_key(dispute_id)
        return await self._providers[provider].read_dispute(provider_dispute_id)

    @activity.defn(name="follow_dispute")
    async def follow(self, request: FollowDisputeInput) -> DisputeFollowed:
        """Write what the provider says to order, books and access, in one transaction; alarms when money is lost."""
        followed = await disputes.follow_dispute(request.dispute_id, request.dispute)
        if followed.state is DisputeState.LOST:
            log.error("alarm_dispute_lost", dispute_id=request.dispute_id)
        return followed

    @activity.defn(name="note_dispute_attention")
    async def note_attention(self, request: DisputeAttentionInput) -> None:
        """Show that a person is needed, or no longer is."""
        await disputes.set_dispute_attention(request.dispute_id, request.step)
