"""The small values of a configuration."""

from __future__ import annotations

import pytest

from newsletter.settings import Days, Rate, Via, is_loopback


@pytest.mark.parametrize(
    ("text", "host", "port", "security", "user"),
    [
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, "plain", None),
        ("smtp://localhost", "localhost", 25, "plain", None),
        ("smtp://relay.example:25", "relay.example", 25, "starttls", None),  # S01
        ("smtp+plain://relay.example", "relay.example", 25, "plain", None),
        ("smtp+starttls://lettre@relay.example", "relay.example", 587, "starttls", "lettre"),
        ("smtps://lettre%40golfe@relay.example", "relay.example", 465, "tls", "lettre@golfe"),
        ("smtp://[::1]:2525", "::1", 2525, "plain", None),
    ],
)
def test_tls_is_required_off_loopback(text: str, host: str, port: int, security: str, user: str | None) -> None:
    via = Via.parse(text)
    assert (via.host, via.port, via.security, via.user) == (host, port, security, user)
    assert str(via) == text


@pytest.mark.parametrize(
    "text", ["", "maildir:", "smtp://", "http://relay.example", "smtp://h:99999", "smtp://h/path", "smtp+plain://u@h"]
)
def test_other_ways_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Via.parse(text)


@pytest.mark.parametrize(
    ("text", "interval"), [("30/minute", 2.0), ("200/hour", 18.0), ("14 / second", 1 / 14), ("500/days", 172.8)]
)
def test_a_rate_is_an_interval(text: str, interval: float) -> None:
    rate = Rate.parse(text)
    assert rate is not None
    assert rate.interval == interval


def test_zero_is_no_limit() -> None:
    assert Rate.parse("0") is None
    assert Rate.parse(0) is None


@pytest.mark.parametrize("text", ["", "fast", "0/hour", "-3/hour", "3/week"])
def test_other_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Rate.parse(text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("mon-sun", {0, 1, 2, 3, 4, 5, 6}),
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("mon, wed,fri", {0, 2, 4}),
        ("sat-mon", {5, 6, 0}),
        ("SUN", {6}),
    ],
)
def test_days(text: str, numbers: set[int]) -> None:
    assert Days.parse(text).numbers == numbers


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("localhost", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("x.localhost", True),
        ("10.0.0.1", False),
        ("a.b", False),
    ],
)
def test_loopback(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it
