"""Settings: production refuses what only development may use, and `.env.example` tells the truth."""

import re
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import SecretStr

from bootstrap import payment_providers
from settings import (
    DEVELOPMENT_SECRETS,
    PAYMENT_KEYS,
    REQUIRED_IN_PRODUCTION,
    Settings,
    SettingsError,
    load_settings,
)
from stack.embedded import EmbeddedStack
from stack.process import PROJECT

PRODUCTION = {
    "app_env": "production",
    **dict.fromkeys((name.lower() for name in (*REQUIRED_IN_PRODUCTION, *DEVELOPMENT_SECRETS)), "our-own"),
    "storage_url": "file:///srv/files",
}


def test_production_starts_with_values_of_its_own() -> None:
    assert load_settings(_env_file=None, **PRODUCTION).app_env == "production"


@pytest.mark.parametrize("name", [*REQUIRED_IN_PRODUCTION, *DEVELOPMENT_SECRETS])
def test_production_names_what_is_missing(name: str) -> None:
    values = {key: value for key, value in PRODUCTION.items() if key != name.lower()}
    with pytest.raises(SettingsError, match=rf"set {name} to") as refused:
        load_settings(_env_file=None, **values)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("name", "value"), DEVELOPMENT_SECRETS.items())
def test_production_refuses_a_development_secret_without_telling_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"set {name} to") as refused:
        load_settings(_env_file=None, **{**PRODUCTION, name.lower(): value})
    assert value not in str(refused.value)


@pytest.mark.parametrize("provider", PAYMENT_KEYS)
def test_production_sells_by_one_provider_without_keys_of_the_other(provider: str) -> None:
    others = {name.lower() for other, names in PAYMENT_KEYS.items() if other != provider for name in names}
    settings = load_settings(_env_file=None, **{key: value for key, value in PRODUCTION.items() if key not in others})
    assert settings.payment_providers == (provider,)
    assert set(payment_providers(settings)) == {provider}, "nothing speaks with development keys to a real provider"


def test_production_sells_by_some_provider_and_development_by_all() -> None:
    keys = {name.lower() for names in PAYMENT_KEYS.values() for name in names}
    with pytest.raises(SettingsError, match="the keys of Stripe or Razorpay"):
        load_settings(_env_file=None, **{key: value for key, value in PRODUCTION.items() if key not in keys})
    assert load_settings(_env_file=None).payment_providers == tuple(PAYMENT_KEYS)


def test_an_empty_variable_leaves_a_provider_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """So compose files may pass variables that nobody has set."""
    for name in PAYMENT_KEYS["stripe"]:
        monkeypatch.setenv(name, "")
    values = {key: value for key, value in PRODUCTION.items() if key.upper() not in PAYMENT_KEYS["stripe"]}
    assert load_settings(_env_file=None, **values).payment_providers == ("razorpay",)


@pytest.mark.parametrize("name", ["JWT_KEYS", "PAYLOAD_KEYS"])
@pytest.mark.parametrize("keys", ["prod:{}", "prod:our-own, old:{}"])
def test_production_knows_a_development_secret_by_another_id(name: str, keys: str) -> None:
    secret = DEVELOPMENT_SECRETS[name].partition(":")[2]
    with pytest.raises(SettingsError, match=rf"set {name} to"):
        load_settings(_env_file=None, **{**PRODUCTION, name.lower(): keys.format(secret)})


def test_production_runs_on_no_server_of_this_machine(tmp_path: Path) -> None:
    stack = EmbeddedStack(load_settings(_env_file=None, data_dir=tmp_path, **PRODUCTION))
    assert set(stack.parts) == {"worker", "api"}
    assert stack.settings.stripe_api_base == "https://api.stripe.com"
    assert stack.settings.demo_password is None


def test_an_unreadable_value_is_named() -> None:
    with pytest.raises(SettingsError, match="API_PORT"):
        load_settings(_env_file=None, api_port="eight thousand")


def test_the_example_lists_every_setting_with_its_default_and_a_comment() -> None:
    text = (PROJECT / ".env.example").read_text()
    lines = re.findall(r"^#([A-Z].*)$", text, re.MULTILINE)
    assert all("  # " in line for line in lines)
    shown = dotenv_values(stream=StringIO("\n".join(lines)))
    assert shown == {name.upper(): _plain(field.default) for name, field in Settings.model_fields.items()}


def _plain(default: object) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default)


def test_production_refuses_the_development_key_behind_a_key_of_ones_own() -> None:
    mixed = f"mine:of-my-own-0123456789abcdef0123456789,{DEVELOPMENT_SECRETS['JWT_KEYS']}"
    with pytest.raises(SettingsError, match="JWT_KEYS"):
        load_settings(_env_file=None, app_env="production", jwt_keys=mixed)


@pytest.mark.parametrize(("name", "value"), [("default_currency", "CAD"), ("seller_state", "ZZ")])
def test_what_we_cannot_sell_with_is_refused_at_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        load_settings(_env_file=None, **{name: value})


ISSUER = {
    "oidc_issuer": "https://login.example",
    "oidc_audience": "academy",
    "oidc_roles": "doctor=Doctor, desk=ClinicAdmin",
}


def test_another_issuer_is_accepted_with_an_audience() -> None:
    assert load_settings(_env_file=None, **ISSUER, **PRODUCTION).oidc_audience == "academy"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oidc_audience", ""),
        ("oidc_issuer", "login.example"),
        ("oidc_issuer", "http://login.example"),
        ("oidc_roles", "doctor"),
        ("oidc_roles", "doctor=Physician"),
        ("oidc_roles", "=Doctor"),
        ("oidc_roles", "doctor=Doctor,doctor=SuperAdmin"),
    ],
)
def test_an_issuer_that_could_open_too_much_is_refused_at_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        load_settings(_env_file=None, **{**PRODUCTION, **ISSUER, name: value})
