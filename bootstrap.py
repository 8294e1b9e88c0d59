"""The only place that wires clients, pools and activities; api, worker, jobs and tests share it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx
from redis.asyncio import BlockingConnectionPool, Redis
from temporalio.client import Client

from activities.cleanup import Cleanup
from activities.completions import Completions
from activities.delivery import EventDelivery
from activities.disputes import Disputes
from activities.file_cleanup import FileCleanup
from activities.messages import Messages
from activities.notices import Notices
from activities.purchases import Purchases
from activities.quizzes import Quizzes
from activities.refunds import Refunds
from activities.sweeps import Sweeps
from db.engine import connect, disconnect
from domain.billing.purchase import PurchasePolicy
from domain.billing.seller import Seller
from domain.errors import AcademyError
from domain.file_tokens import FileTokens
from domain.identity.email_links import LinkTokens
from domain.identity.external_login import role_mapping
from domain.identity.signing_keys import signing_keys
from domain.messaging.unsubscribe import UnsubscribeTokens
from gateways.documents.tax_documents import TaxDocuments
from gateways.messaging.channel import CALL_SECONDS, ChannelSender
from gateways.messaging.protocol import EmailSender
from gateways.messaging.providers import MessageAccounts, open_channels
from gateways.messaging.smtp import SmtpSender
from gateways.oidc.issuer import LoginIssuer
from gateways.oidc.tokens import Trust
from gateways.payments.protocol import PaymentProvider
from gateways.payments.razorpay import RazorpayPayments
from gateways.payments.stripe import StripePayments
from gateways.storage.objects import S3Account, open_storage
from gateways.storage.protocol import Storage
from gateways.temporal.client import temporal_client
from gateways.temporal.codec import EncryptionCodec
from gateways.temporal.setup import prepare_temporal
from gateways.temporal.stories import Stories
from logs import log_to_stdout
from settings import Settings, SettingsError, current_settings

PROVIDER_TIMEOUT_SECONDS = 4.0
"""For one call of a payment provider: less than a quick step has, so that its outcome is known (design, Workflows)."""


@dataclass(frozen=True)
class Services:
    """What API and worker have in common; PostgreSQL's pool is `db.engine.DB`."""

    settings: Settings
    temporal: Client
    redis: "Redis"
    codec: EncryptionCodec
    stories: Stories
    delivery: EventDelivery
    providers: Mapping[str, PaymentProvider]
    """The payment providers that are on."""
    email: EmailSender
    tax_documents: TaxDocuments
    channels: Mapping[str, ChannelSender]
    """SMS, WhatsApp and push, those that are set up."""
    login_issuer: LoginIssuer | None
    """The adopter's own login; `None` when there is none."""
    storage: Storage
    file_tokens: FileTokens
    """Addresses of files for a storage that signs none itself."""


async def connect_temporal(settings: Settings, codec: EncryptionCodec, *, lazy: bool) -> Client:
    """The Temporal client that the settings name. Raises as `gateways.temporal.client.temporal_client` does."""
    api_key = settings.temporal_api_key
    return await temporal_client(
        settings.temporal_address,
        settings.temporal_namespace,
        codec,
        tls=settings.temporal_tls,
        api_key=api_key.get_secret_value() if api_key else None,
        lazy=lazy,
        metrics_address="" if lazy else settings.worker_metrics_address,  # only a worker's client is not lazy
    )


def login_issuer_of(settings: Settings) -> LoginIssuer | None:
    """The adopter's own login, which is first asked when a token of it comes; `None` when none is set."""
    if not settings.oidc_issuer:
        return None
    trust = Trust(settings.oidc_audience, settings.oidc_role_claim, role_mapping(settings.oidc_roles))
    return LoginIssuer(settings.oidc_issuer, trust)


def message_accounts(settings: Settings) -> MessageAccounts:
    """The message providers' accounts that the settings name."""
    return MessageAccounts(
        twilio_base=settings.twilio_api_base,
        twilio_account=settings.twilio_account_sid,
        twilio_token=settings.twilio_auth_token.get_secret_value(),
        twilio_from=settings.twilio_from,
        twilio_receipts_url=f"{settings.public_base_url.rstrip('/')}/api/v1/webhooks/twilio",
        whatsapp_base=settings.whatsapp_api_base,
        whatsapp_sender=settings.whatsapp_phone_number_id,
        whatsapp_token=settings.whatsapp_access_token.get_secret_value(),
        fcm_base=settings.fcm_api_base,
        fcm_account=settings.fcm_service_account.get_secret_value(),
        vapid_key=settings.vapid_private_key.get_secret_value(),
        vapid_subject=settings.vapid_subject,
        web_push_origins=tuple(filter(None, settings.web_push_origins.split(","))),
    )


def payment_providers(settings: Settings) -> dict[str, StripePayments | RazorpayPayments]:
    """Clients of the payment providers that are on, by name; a connection is opened by the first call."""
    stripe = StripePayments(
        settings.stripe_api_base, settings.stripe_secret_key.get_secret_value(), PROVIDER_TIMEOUT_SECONDS
    )
    razorpay = RazorpayPayments(
        settings.razorpay_api_base,
        settings.razorpay_key_id,
        settings.razorpay_key_secret.get_secret_value(),
        PROVIDER_TIMEOUT_SECONDS,
    )
    return {provider.name: provider for provider in (stripe, razorpay) if provider.name in settings.payment_providers}


def storage_of(settings: Settings, tokens: FileTokens) -> Storage:
    """Where the settings say that files lie: by default in a directory beside the other local data."""
    account = S3Account(
        endpoint=settings.storage_endpoint,
        region=settings.storage_region,
        access_key_id=settings.storage_access_key_id,
        secret_access_key=settings.storage_secret_access_key.get_secret_value(),
    )
    url = settings.storage_url or (settings.data_dir.resolve() / "files").as_uri()
    return open_storage(url, account, tokens, f"{settings.public_base_url.rstrip('/')}/api/v1/files")


@asynccontextmanager
async def open_services(settings: Settings, *, for_worker: bool = False) -> AsyncIterator[Services]:
    """Open what API and worker need, and close it at the end.

    Raises `SettingsError` when a server is not named, `OSError` when PostgreSQL does not answer and, for a worker,
    `OutageError` when Temporal does not.
    """
    settings.require_servers()
    codec = EncryptionCodec.from_setting(settings.payload_keys.get_secret_value())
    temporal = await connect_temporal(settings, codec, lazy=not for_worker)
    redis = Redis.from_pool(
        # Blocking: the ordinary pool refuses its 101st user at once, and a refused count of logins is a hole.
        BlockingConnectionPool.from_url(
            settings.redis_url, max_connections=32, timeout=2, socket_timeout=1, socket_connect_timeout=1
        )
    )
    stories = Stories(temporal, PurchasePolicy(settings.purchase_expiry_seconds, settings.payment_poll_seconds))
    providers = payment_providers(settings)
    email = SmtpSender(settings.smtp_url)
    tax_documents = TaxDocuments()
    login_issuer = login_issuer_of(settings)
    file_tokens = FileTokens(signing_keys(settings.jwt_keys.get_secret_value()).values())
    storage = storage_of(settings, file_tokens)
    http = httpx.AsyncClient(timeout=CALL_SECONDS)
    await connect(settings.database_url, settings.database_pool_size)
    try:
        yield Services(
            settings=settings,
            temporal=temporal,
            redis=redis,
            codec=codec,
            stories=stories,
            delivery=EventDelivery(stories),
            providers=providers,
            email=email,
            tax_documents=tax_documents,
            channels=open_channels(http, message_accounts(settings)),
            login_issuer=login_issuer,
            storage=storage,
            file_tokens=file_tokens,
        )
    finally:
        await disconnect()
        await redis.aclose()
        for provider in providers.values():
            await provider.close()
        await email.close()
        tax_documents.close()
        await http.aclose()
        if login_issuer is not None:
            await login_issuer.close()


def activities_of(services: Services) -> list[Callable[..., Any]]:
    """Every step that a worker can run, with its clients injected."""
    settings = services.settings
    seller = Seller(
        name=settings.seller_name,
        address=settings.seller_address,
        state=settings.seller_state,
        gstin=settings.seller_gstin,
        default_currency=settings.default_currency,
    )
    purchases = Purchases(services.providers, seller)
    refunds = Refunds(services.providers)
    disputes = Disputes(services.providers)
    messages = Messages(
        services.email,
        LinkTokens(signing_keys(settings.jwt_keys.get_secret_value()).values()),
        UnsubscribeTokens.from_settings(
            settings.unsubscribe_keys.get_secret_value(), settings.jwt_keys.get_secret_value()
        ),
        mail_from=settings.mail_from,
        public_base_url=settings.public_base_url,
        seller=seller,
    )
    notices = Notices(services.channels, public_base_url=settings.public_base_url)
    quizzes = Quizzes(services.stories)
    sweeps = Sweeps(
        services.providers,
        services.delivery,
        services.stories,
        video_complete_percent=settings.video_complete_percent,
    )
    return [
        purchases.reserve,
        purchases.open_checkout,
        purchases.read_charge,
        purchases.take_payment,
        purchases.cancel_charge,
        purchases.settle,
        purchases.close_order,
        purchases.note_attention,
        refunds.submit,
        refunds.read_state,
        refunds.record,
        refunds.give_up,
        refunds.note_attention,
        disputes.read,
        disputes.follow,
        disputes.note_attention,
        messages.send,
        notices.plan,
        notices.send_now,
        notices.send,
        Completions().mark,
        quizzes.hand_in,
        quizzes.regrade,
        sweeps.relay,
        sweeps.reconcile,
        Cleanup().identity,
        FileCleanup(services.storage).sweep,
    ]


def end_process(code: int) -> NoReturn:
    """End at once with the true exit code: a process that used a Temporal client may abort at its exit (facts)."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def set_up_temporal(settings: Settings) -> None:
    """Register search attributes and schedules; a second time changes nothing. Raises `OutageError`."""
    async with open_services(settings) as services:
        await prepare_temporal(services.temporal)


def main() -> int:
    """`python bootstrap.py`: prepare Temporal's namespace for workers; the exit code."""
    log_to_stdout("temporal-setup")
    try:
        asyncio.run(set_up_temporal(current_settings()))
    except (SettingsError, AcademyError, OSError) as error:
        sys.stderr.write(f"Temporal could not be prepared: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    end_process(main())
