"""The one typed object read from the environment; nothing else in the project reads the environment."""

from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.billing.gstin import is_gstin_of
from domain.billing.money import SOLD_IN
from domain.billing.places import INDIAN_STATES
from domain.identity.external_login import role_mapping

DEVELOPMENT_SECRETS = {
    "STRIPE_SECRET_KEY": "sk_test_development_only",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_development_only",
    "STRIPE_WEBHOOK_SECRET": "whsec_development_only",
    "RAZORPAY_KEY_ID": "rzp_test_development_only",
    "RAZORPAY_KEY_SECRET": "razorpay_key_secret_development_only",
    "RAZORPAY_WEBHOOK_SECRET": "razorpay_webhook_secret_development_only",
    "JWT_KEYS": "dev:development-only-signing-key-0123456789abcdef",
    "PAYLOAD_KEYS": "dev:ZGV2ZWxvcG1lbnQtb25seS1wYXlsb2FkLWtleS0zMmI=",
}
"""Values that make the embedded stack work out of the box and that production refuses."""

PAYMENT_KEYS = {
    "stripe": ("STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET"),
    "razorpay": ("RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET", "RAZORPAY_WEBHOOK_SECRET"),
}
"""What each payment provider needs. In production one of which nothing is set is off, and one of them must be on."""

REQUIRED_IN_PRODUCTION = ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "SMTP_URL", "PUBLIC_BASE_URL", "STORAGE_URL")
"""What the embedded stack supplies otherwise, and production must name."""


class SettingsError(Exception):
    """The environment cannot be used; the text names the variables and how to mend them, never a value."""


class Settings(BaseSettings):
    """Every setting, named like its environment variable (`.env.example` explains each in a line)."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    app_env: Literal["development", "test", "production"] = "development"
    api_port: int = 8000
    public_base_url: str = "http://127.0.0.1:8000"
    trusted_proxies: str = ""
    cors_origins: str = ""
    rate_limit_per_address: Annotated[int, Field(ge=0)] = 1200
    rate_limit_per_user: Annotated[int, Field(ge=0)] = 300
    api_metrics_address: str = ""
    worker_metrics_address: str = ""
    data_dir: Path = Path(".data")
    demo_password: SecretStr | None = None

    database_url: str = ""
    database_pool_size: int = 16
    redis_url: str = ""

    temporal_address: str = ""
    temporal_namespace: str = "default"
    temporal_tls: bool = False
    temporal_api_key: SecretStr | None = None
    temporal_ui_url: str = "http://127.0.0.1:8233"

    jwt_keys: SecretStr = SecretStr(DEVELOPMENT_SECRETS["JWT_KEYS"])
    unsubscribe_keys: SecretStr = SecretStr("")
    payload_keys: SecretStr = SecretStr(DEVELOPMENT_SECRETS["PAYLOAD_KEYS"])

    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_role_claim: str = "roles"
    oidc_roles: str = ""

    stripe_api_base: str = "https://api.stripe.com"
    stripe_secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRETS["STRIPE_SECRET_KEY"])
    stripe_publishable_key: str = DEVELOPMENT_SECRETS["STRIPE_PUBLISHABLE_KEY"]
    stripe_webhook_secret: SecretStr = SecretStr(DEVELOPMENT_SECRETS["STRIPE_WEBHOOK_SECRET"])

    razorpay_api_base: str = "https://api.razorpay.com"
    razorpay_key_id: str = DEVELOPMENT_SECRETS["RAZORPAY_KEY_ID"]
    razorpay_key_secret: SecretStr = SecretStr(DEVELOPMENT_SECRETS["RAZORPAY_KEY_SECRET"])
    razorpay_webhook_secret: SecretStr = SecretStr(DEVELOPMENT_SECRETS["RAZORPAY_WEBHOOK_SECRET"])
    twilio_api_base: str = "https://api.twilio.com"
    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_from: str = ""
    whatsapp_api_base: str = "https://graph.facebook.com/v23.0"
    whatsapp_phone_number_id: str = ""
    whatsapp_access_token: SecretStr = SecretStr("")
    whatsapp_app_secret: SecretStr = SecretStr("")
    whatsapp_verify_token: SecretStr = SecretStr("")
    fcm_api_base: str = "https://fcm.googleapis.com"
    fcm_service_account: SecretStr = SecretStr("")
    vapid_private_key: SecretStr = SecretStr("")
    vapid_subject: str = "mailto:push@academy.example"
    web_push_origins: str = ""

    smtp_url: str = ""
    mail_from: str = "Academy <no-reply@academy.example>"

    storage_endpoint: str = ""
    storage_region: str = "ap-south-1"
    storage_access_key_id: str = ""
    storage_secret_access_key: SecretStr = SecretStr("")
    storage_url: str = ""
    upload_max_megabytes: Annotated[int, Field(ge=1, le=1000)] = 25

    seller_name: str = "Ayurveda Academy Private Limited"
    seller_address: str = "12 Vaidya Marg, Kochi 682001"
    seller_state: str = "KL"
    seller_gstin: str = "32AAACA0001A1Z6"
    default_currency: str = "INR"

    payment_poll_seconds: int = 30
    purchase_expiry_seconds: int = 24 * 60 * 60
    refund_window_days: Annotated[int, Field(ge=0, le=3650)] = 14
    refund_max_watched_percent: Annotated[int, Field(ge=0, le=100)] = 20
    video_complete_percent: Annotated[int, Field(ge=1, le=100)] = 90

    postgres_port: int = 54329
    valkey_port: int = 63799
    temporal_port: int = 7233
    temporal_ui_port: int = 8233
    stripe_stand_in_port: int = 12111
    razorpay_stand_in_port: int = 12113
    smtp_port: int = 1025
    inbox_port: int = 8025

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: str) -> str:
        for part in filter(None, map(str.strip, networks.split(","))):
            ip_network(part)
        return networks

    @field_validator("api_metrics_address", "worker_metrics_address")
    @classmethod
    def _has_host_and_port(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if address and not (host and port.isdecimal()):
            raise ValueError("not host:port")
        return address

    @field_validator("cors_origins")
    @classmethod
    def _are_exact_origins(cls, origins: str) -> str:
        for part in filter(None, map(str.strip, origins.split(","))):
            parts = urlsplit(part)
            if parts.scheme not in ("http", "https") or part.lower() != f"{parts.scheme}://{parts.netloc}".lower():
                raise ValueError("not an origin")
        return origins

    @field_validator("oidc_issuer")
    @classmethod
    def _is_a_safe_issuer(cls, issuer: str, info: ValidationInfo) -> str:
        """Its keys open every account: over plain HTTP anybody on the way could send their own."""
        allowed = ("https://",) if info.data.get("app_env") == "production" else ("https://", "http://")
        if issuer and not issuer.startswith(allowed):
            raise ValueError("not an https address")
        return issuer

    @field_validator("oidc_audience")
    @classmethod
    def _is_set_with_the_issuer(cls, audience: str, info: ValidationInfo) -> str:
        """Without an audience, a token that was made for another program would open ours."""
        if info.data.get("oidc_issuer") and not audience:
            raise ValueError("needed with OIDC_ISSUER")
        return audience

    @field_validator("oidc_roles")
    @classmethod
    def _maps_to_roles_of_ours(cls, mapping: str) -> str:
        role_mapping(mapping)
        return mapping

    @field_validator("storage_url")
    @classmethod
    def _is_a_storage(cls, url: str, info: ValidationInfo) -> str:
        parts = urlsplit(url)
        if parts.scheme == "file":
            if parts.netloc or len(parts.path) < 2:
                raise ValueError("not file:///directory")
        elif parts.scheme == "s3":
            keys = info.data["storage_access_key_id"], info.data["storage_secret_access_key"].get_secret_value()
            if not parts.netloc or not all(keys):
                raise ValueError("needs a bucket, and both of its keys")
        elif url:
            raise ValueError("neither file:///directory nor s3://bucket")
        return url

    @field_validator("default_currency")
    @classmethod
    def _is_sold_in(cls, currency: str) -> str:
        if currency not in SOLD_IN:
            raise ValueError("not a currency that the academy sells in")
        return currency

    @field_validator("seller_state")
    @classmethod
    def _is_a_state(cls, state: str) -> str:
        if state not in INDIAN_STATES:
            raise ValueError("not a GST state code")
        return state

    @field_validator("seller_gstin")
    @classmethod
    def _is_a_gstin(cls, gstin: str, info: ValidationInfo) -> str:
        if not is_gstin_of(gstin, info.data.get("seller_state", "")):
            raise ValueError("not a GSTIN of SELLER_STATE")
        return gstin

    @property
    def payment_providers(self) -> tuple[str, ...]:
        """The payment providers that the academy sells by; outside of production both, with their stand-ins."""
        everywhere = self.app_env != "production"
        return tuple(
            provider
            for provider, names in PAYMENT_KEYS.items()
            if everywhere or any(name.lower() in self.model_fields_set for name in names)
        )

    def require_servers(self) -> None:
        """Raises `SettingsError`, naming what is missing, unless every server is named that a process speaks to."""
        servers = ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "SMTP_URL")
        missing = [name for name in servers if not getattr(self, name.lower())]
        if missing:
            raise SettingsError(f"Set {', '.join(missing)}, or use `make run`, which brings servers of its own.")


def load_settings(**overrides: object) -> Settings:
    """Read the environment (and `.env`) once.

    Raises `SettingsError`, naming each variable, when one cannot be parsed or when `APP_ENV=production`
    meets a missing or development value.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        names = sorted({str(problem["loc"][0]).upper() for problem in error.errors()})
        raise SettingsError(f"These settings cannot be read, see .env.example: {', '.join(names)}") from None
    if settings.app_env == "production":
        _refuse_development_values(settings)
    return settings


def _refuse_development_values(settings: Settings) -> None:
    def value_of(name: str) -> str:
        value = getattr(settings, name.lower())
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")

    missing = [n for n in REQUIRED_IN_PRODUCTION if n.lower() not in settings.model_fields_set]
    on = settings.payment_providers
    if not on:
        missing.append("the keys of " + " or ".join(provider.title() for provider in PAYMENT_KEYS))
    off = {name for provider, names in PAYMENT_KEYS.items() if provider not in on for name in names}
    # A list of keys must not carry the development one either, under whatever id.
    default = [
        name
        for name, development in DEVELOPMENT_SECRETS.items()
        if name not in off
        and (not value_of(name) or _secret_of(development) in map(_secret_of, value_of(name).split(",")))
    ]
    if missing or default:
        raise SettingsError(
            "APP_ENV=production refuses to start: set "
            + ", ".join(sorted({*missing, *default}))
            + " to values of your own (.env.example explains each)."
        )


def _secret_of(key: str) -> str:
    """What is secret of `id:secret`, or of a secret without an id."""
    return key.strip().rpartition(":")[2]


@cache
def current_settings() -> Settings:
    """The settings of this process."""
    return load_settings()
