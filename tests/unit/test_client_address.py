"""Whose address it is, behind proxies and behind liars."""

import pytest

from api.http.client_address import caller_of, counted_as, networks_of
from settings import SettingsError, load_settings

TRUSTED = networks_of("10.0.0.0/8, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # not a proxy of ours: its words count for nothing
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # what the caller wrote stands further left
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),  # two proxies
        ("10.0.0.1", "10.9.9.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),  # nor may the caller pose as a proxy
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("fd00::1", "[2001:db8::5]:4711", "2001:db8::5"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("a.unix.socket", "198.51.100.1", "a.unix.socket"),
    ],
)
def test_the_caller_is_the_nearest_that_is_no_proxy_of_ours(peer: str, forwarded: str, caller: str) -> None:
    assert caller_of(peer, forwarded, TRUSTED) == caller


def test_without_trusted_proxies_the_peer_is_the_caller() -> None:
    assert caller_of("10.0.0.1", "198.51.100.1", networks_of("")) == "10.0.0.1"


def test_one_customers_network_is_one_caller() -> None:
    assert counted_as("2001:db8:0:7::1") == counted_as("2001:db8:0:7:ffff::2") == "2001:db8:0:7::/64"
    assert counted_as("2001:db8:0:8::1") != counted_as("2001:db8:0:7::1")
    assert counted_as("::ffff:198.51.100.1") == counted_as("198.51.100.1") == "198.51.100.1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trusted_proxies", "10.0.0.0/8,proxy.example"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("cors_origins", "*"),
        ("cors_origins", "https://app.example/"),
        ("cors_origins", "app.example"),
        ("rate_limit_per_user", -1),
    ],
)
def test_settings_that_would_not_mean_what_they_say_are_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        load_settings(_env_file=None, **{name: value})
