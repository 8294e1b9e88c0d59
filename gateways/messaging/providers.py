"""The channels that are set up, each with its client."""

import httpx
import msgspec

from gateways.messaging.channel import ChannelSender
from gateways.messaging.fcm import FcmPush, ServiceAccount
from gateways.messaging.sms import TwilioSms
from gateways.messaging.web_push import WebPush
from gateways.messaging.whatsapp import WhatsAppCloud


class MessageAccounts(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses and secrets; an account that is empty leaves its channel off."""

    twilio_base: str
    twilio_account: str
    twilio_token: str
    twilio_from: str
    twilio_receipts_url: str
    whatsapp_base: str
    whatsapp_sender: str
    whatsapp_token: str
    fcm_base: str
    fcm_account: str
    vapid_key: str
    vapid_subject: str
    web_push_origins: tuple[str, ...]


def open_channels(http: httpx.AsyncClient, accounts: MessageAccounts) -> dict[str, ChannelSender]:
    """By the names that `activities.notices` looks for.

    Raises `msgspec.MsgspecError` for an unusable service account.
    """
    channels: dict[str, ChannelSender] = {}
    if accounts.twilio_account:
        channels["sms"] = TwilioSms(
            http,
            accounts.twilio_base,
            account=accounts.twilio_account,
            token=accounts.twilio_token,
            sender=accounts.twilio_from,
            receipts_url=accounts.twilio_receipts_url,
        )
    if accounts.whatsapp_sender:
        channels["whatsapp"] = WhatsAppCloud(
            http, accounts.whatsapp_base, sender=accounts.whatsapp_sender, token=accounts.whatsapp_token
        )
    if accounts.fcm_account:
        account = msgspec.json.decode(accounts.fcm_account, type=ServiceAccount)
        channels["fcm"] = FcmPush(http, accounts.fcm_base, account)
    if accounts.vapid_key:
        channels["webpush"] = WebPush(
            vapid_key=accounts.vapid_key, subject=accounts.vapid_subject, origins=accounts.web_push_origins
        )
    return channels
