"""Quiet hours on the person's own clock, also in the nights when it is changed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messaging.quiet_hours import QuietHours, quiet_until

NIGHT = {"since": time(22), "until": time(7)}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "moment", "end"),
    [
        ("Asia/Kolkata", "2026-11-25T16:29", None),  # 21:59 there
        ("Asia/Kolkata", "2026-11-25T16:30", "2026-11-26T01:30"),  # 22:00 → 07:00 there
        ("Asia/Kolkata", "2026-11-26T01:29", "2026-11-26T01:30"),
        ("Asia/Kolkata", "2026-11-26T01:30", None),
        ("America/New_York", "2026-03-08T03:30", "2026-03-08T11:00"),  # an hour shorter: 07:00 is EDT by then
        ("America/New_York", "2026-11-01T03:30", "2026-11-01T12:00"),  # an hour longer: 07:00 is EST by then
        ("Nowhere/Unknown", "2026-11-25T16:30", "2026-11-26T01:30"),
    ],
)
def test_a_night(zone: str, moment: str, end: str | None) -> None:
    quiet = QuietHours(time_zone=zone, **NIGHT)
    assert quiet_until(quiet, at(moment)) == (end and at(end))


def test_hours_by_day_and_equal_times() -> None:
    noon = QuietHours(since=time(12), until=time(14), time_zone="UTC")
    assert quiet_until(noon, at("2026-11-25T13:59")) == at("2026-11-25T14:00")
    assert quiet_until(noon, at("2026-11-25T14:00")) is None
    assert quiet_until(QuietHours(since=time(12), until=time(12), time_zone="UTC"), at("2026-11-25T12:00")) is None


def test_an_end_that_the_clock_skips_or_shows_twice() -> None:
    skipped = QuietHours(since=time(22), until=time(2, 30), time_zone="Europe/Berlin")
    assert quiet_until(skipped, at("2026-03-29T00:00")) == at("2026-03-29T01:30")  # 01:00 CET → 02:30 is 03:30 CEST
    twice = QuietHours(since=time(22), until=time(2, 30), time_zone="Europe/Berlin")
    assert quiet_until(twice, at("2026-10-24T23:00")) == at("2026-10-25T00:30")
    assert quiet_until(twice, at("2026-10-25T01:10")) == at("2026-10-25T01:30")  # 02:10 for the second time


@given(
    st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: at("2026-01-01T00:00") + timedelta(minutes=minutes)),
    st.times(),
    st.times(),
    st.sampled_from(["Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_the_end_lies_ahead_within_a_day_and_is_quiet_no_more(
    moment: datetime, since: time, until: time, zone: str
) -> None:
    end = quiet_until(QuietHours(since=since, until=until, time_zone=zone), moment)
    if end is not None:
        assert moment < end <= moment + timedelta(hours=25)
        assert end.astimezone(ZoneInfo(zone)).time() >= until
