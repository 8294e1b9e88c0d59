"""The steps of a message over a channel without idempotency: planned, claimed, handed over once."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from temporalio import activity

from db.queries.messaging.notices import (
    claim,
    disable_address,
    give_back,
    mark_accepted,
    mark_refused,
    mark_unknown,
    read_notice,
    read_quiet_hours,
)
from domain.errors import BusinessRefusalError, OutageError, UnknownOutcomeError
from domain.messaging.notices import Notice, NoticePlan, NoticeRow
from domain.messaging.quiet_hours import quiet_until
from domain.messaging.telling import Category, Channel
from gateways.messaging.channel import ADDRESS_GONE, ChannelSender
from gateways.messaging.notice_words import notice_of

log = structlog.get_logger()

CLAIM_SECONDS = 30.0
"""An older claim is nobody's: its call has at most 20 s."""


class Notices:
    """Sends over SMS, WhatsApp and push; `senders` has `sms`, `whatsapp`, `fcm`, `webpush` where they are set up."""

    def __init__(self, senders: Mapping[str, ChannelSender], *, public_base_url: str) -> None:
        self._senders = senders
        self._public_base_url = public_base_url

    @activity.defn(name="send_notices_now")
    async def send_now(self, message_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Send side by side what may go now; the ids of those that did not, for stories of their own: their person
        sleeps, their provider or the database was not reached, or they are e-mail."""
        is_left = await asyncio.gather(*(self._is_left(message_id) for message_id in message_ids))
        return tuple(message_id for message_id, left in zip(message_ids, is_left, strict=True) if left)

    async def _is_left(self, message_id: str) -> bool:
        try:
            row = await read_notice(message_id)
            plan = await self._plan(row)
            if row is None or plan.channel is None:
                return False
            if plan.not_before is not None or plan.channel is Channel.EMAIL:
                return True
            await self._send_once(row)
        except Exception as error:  # whatever it was must not keep another channel's message from going
            log.warning("message_goes_on_by_itself", exc_info=error, message_id=message_id)
            return True
        return False

    @activity.defn(name="plan_notice")
    async def plan(self, message_id: str) -> NoticePlan:
        """The row's channel, and until when its person's quiet hours last; transactional e-mail never waits."""
        return await self._plan(await read_notice(message_id))

    async def _plan(self, row: NoticeRow | None) -> NoticePlan:
        if row is None or row.status not in ("queued", "claimed"):
            return NoticePlan(None)
        if row.status == "claimed" or (row.channel is Channel.EMAIL and row.category is Category.TRANSACTIONAL):
            return NoticePlan(row.channel)
        quiet = await read_quiet_hours(row.id)
        return NoticePlan(row.channel, quiet_until(quiet, datetime.now(UTC)) if quiet else None)

    @activity.defn(name="send_notice")
    async def send(self, message_id: str) -> None:
        """Claim a queued row, hand it over, and mark what came of it; a row that has an end is left alone.

        At most once: a claim whose call nobody saw end becomes `unknown`. Raises `OutageError` when the provider was
        not reached (the row is queued again) or while another try may be calling.
        """
        row = await read_notice(message_id)
        if row is None:
            raise BusinessRefusalError("message_missing")
        await self._send_once(row)

    async def _send_once(self, row: NoticeRow) -> None:
        if row.status == "claimed":
            if row.claim_seconds is not None and row.claim_seconds < CLAIM_SECONDS:
                raise OutageError("another try may be calling")
            await self._leave_unknown(row.id, "worker_lost")
        elif row.status == "queued":
            await self._send(row)

    async def _send(self, row: NoticeRow) -> None:
        try:
            sender, notice = self._prepared(row)
        except BusinessRefusalError as refusal:
            return await mark_refused(row.id, refusal.code)
        if not await claim(row.id):
            raise OutageError("another try may be calling")
        try:
            provider_id = await sender.send(notice)
        except UnknownOutcomeError:
            return await self._leave_unknown(row.id, "no_answer")
        except OutageError:
            await give_back(row.id)
            raise
        except BusinessRefusalError as refusal:
            await mark_refused(row.id, refusal.code)
            if refusal.code == ADDRESS_GONE:
                await disable_address(row.id)
            return None
        return await mark_accepted(row.id, sender.provider, provider_id)

    def _prepared(self, row: NoticeRow) -> tuple[ChannelSender, Notice]:
        """Raises `BusinessRefusalError` when it must not or cannot be sent (any more)."""
        if row.is_disabled:
            raise BusinessRefusalError("recipient_disabled")
        if row.is_unwanted:
            raise BusinessRefusalError("opted_out")
        if row.channel is Channel.PUSH:
            if row.device is None or row.device_is_disabled:
                raise BusinessRefusalError("device_gone")
        elif not row.contact_channels.get(row.channel) or row.channel not in row.consents:
            raise BusinessRefusalError("consent_withdrawn")
        sender = self._senders.get(row.device.kind if row.device else row.channel)
        if sender is None:
            raise BusinessRefusalError("channel_off")
        return sender, notice_of(row, self._public_base_url)

    async def _leave_unknown(self, message_id: str, failure: str) -> None:
        if await mark_unknown(message_id, failure):
            log.error("alarm_message_unknown", message_id=message_id, reason=failure)
