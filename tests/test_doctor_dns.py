"""The doctor's judges of the DNS, by tables of cases out of the RFCs, over a real name server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from newsletter.doctor import dmarc, dns, signing, spf
from newsletter.doctor.domain import Ways, include_for
from newsletter.doctor.finding import Finding, Level
from newsletter.doctor.macros import Known, expand
from newsletter.doctor.mending import Mended, mend, proposed
from newsletter.doctor.spf import Result
from newsletter.lookup import NO_NAME, Answer, Lookup, State, own_addresses
from newsletter.mail.dkim import record
from tests.dns_server import NameServer, serving, txt
from tests.signatures import DOMAIN, ED25519, RECORDS, RSA

OURS, OTHER, SIX = "192.0.2.25", "198.51.100.9", "2001:db8::25"


@contextmanager
def zone(records: Mapping[str, Any]) -> Iterator[NameServer]:
    """Names → texts (a TXT record each), or whole entries of `dns_server`."""
    whole = {
        name: {"TXT": [txt(one) for one in there]} if isinstance(there, list) else there
        for name, there in records.items()
    }
    with serving(whole) as server:
        yield server


# --- SPF: RFC 7208 --------------------------------------------------------------------------------

HOSTS = {
    "mx.journal.example": {"A": [OURS], "AAAA": [SIX]},
    "www.journal.example": {"A": ["192.0.2.80"]},
    "_spf.relais.example": ["v=spf1 ip4:192.0.2.0/24 -all"],
    "_soft.relais.example": ["v=spf1 ip4:198.51.100.0/24 ~all"],
    "wrong.example": ["v=spf1 ipv4:192.0.2.1 -all"],
    "two.example": ["v=spf1 a -all", "v=spf1 mx -all"],
    "broken.example": "TROUBLE",
    "25.2.0.192.in-addr.arpa": {"PTR": ["mx.journal.example."]},
    "loop.example": ["v=spf1 include:loop.example -all"],
    "192.0.2.25.allow.example": {"A": ["127.0.0.2"]},
    "twelve.example": {"MX": [f"10 m{i}.twelve.example." for i in range(12)]},
}

CASES = [  # the record at journal.example, the address, what comes of it, words of why
    ("v=spf1 ip4:192.0.2.25 -all", OURS, Result.PASS, "ip4:192.0.2.25"),
    ("v=spf1 ip4:192.0.2.0/24 -all", OURS, Result.PASS, ""),
    ("v=spf1 ip4:198.51.100.0/24 -all", OURS, Result.FAIL, "-all"),
    ("v=spf1 ip4:198.51.100.0/24 ~all", OURS, Result.SOFTFAIL, "~all"),
    ("v=spf1 ip4:198.51.100.0/24 ?all", OURS, Result.NEUTRAL, "?all"),
    ("v=spf1 ip4:198.51.100.0/24", OURS, Result.NEUTRAL, "no term speaks of it"),
    ("v=spf1", OURS, Result.NEUTRAL, ""),
    ("V=SPF1 IP4:192.0.2.25 -ALL", OURS, Result.PASS, ""),
    ("v=spf1 -ip4:192.0.2.25 +all", OURS, Result.FAIL, ""),
    ("v=spf1 ip6:2001:db8::/32 -all", SIX, Result.PASS, ""),
    ("v=spf1 ip4:192.0.2.0/24 -all", SIX, Result.FAIL, ""),
    ("v=spf1 ip4:192.0.2.25 -all", f"::ffff:{OURS}", Result.PASS, ""),
    ("v=spf1 a:mx.journal.example -all", OURS, Result.PASS, ""),
    ("v=spf1 a:mx.journal.example -all", SIX, Result.PASS, ""),
    ("v=spf1 a:www.journal.example/24 -all", OURS, Result.PASS, ""),
    ("v=spf1 a:www.journal.example -all", OURS, Result.FAIL, ""),
    ("v=spf1 a:mx.journal.example//64 -all", "2001:db8::99", Result.PASS, ""),
    ("v=spf1 a -all", OURS, Result.FAIL, ""),
    ("v=spf1 mx -all", OURS, Result.PASS, "mx"),
    ("v=spf1 mx/24//64 -all", "192.0.2.99", Result.PASS, ""),
    ("v=spf1 mx:twelve.example -all", OURS, Result.PERMERROR, "more than 10 hosts"),
    ("v=spf1 ptr -all", OURS, Result.PASS, "ptr"),
    ("v=spf1 ptr:autre.example -all", OURS, Result.FAIL, ""),
    ("v=spf1 exists:%{i}.allow.example -all", OURS, Result.PASS, ""),
    ("v=spf1 exists:%{i}.allow.example -all", OTHER, Result.FAIL, ""),
    ("v=spf1 include:_spf.relais.example -all", OURS, Result.PASS, "include:_spf.relais.example"),
    ("v=spf1 include:_spf.relais.example ~all", OTHER, Result.SOFTFAIL, ""),
    ("v=spf1 include:_soft.relais.example -all", OURS, Result.FAIL, ""),  # softfail inside is no match
    ("v=spf1 include:nowhere.example -all", OURS, Result.PERMERROR, "leads to no record"),
    ("v=spf1 include:wrong.example -all", OURS, Result.PERMERROR, "wrong.example"),
    ("v=spf1 include:broken.example -all", OURS, Result.TEMPERROR, "broken.example"),
    ("v=spf1 include:loop.example -all", OURS, Result.PERMERROR, "more than 10"),
    ("v=spf1 redirect=_spf.relais.example", OURS, Result.PASS, ""),
    ("v=spf1 redirect=_spf.relais.example", OTHER, Result.FAIL, ""),
    ("v=spf1 redirect=nowhere.example", OURS, Result.PERMERROR, "leads to no record"),
    ("v=spf1 redirect=_spf.relais.example -all", OURS, Result.FAIL, ""),  # behind all it does not count
    ("v=spf1 redirect=a.example redirect=b.example", OURS, Result.PERMERROR, "twice"),
    ("v=spf1 unknown=whatever ip4:192.0.2.25 -all", OURS, Result.PASS, ""),
    ("v=spf1 a=whatever -all", OURS, Result.FAIL, ""),  # a modifier that is called like a mechanism
    ("v=spf1 moo -all", OURS, Result.PERMERROR, "“moo” is no term"),
    ("v=spf1 ip4:192.0.2.25 ip4:300.1.1.1 -all", OURS, Result.PERMERROR, "no network"),  # before anything matches
    ("v=spf1 ip4:2001:db8::1 -all", OURS, Result.PERMERROR, "IPv4"),
    ("v=spf1 include: -all", OURS, Result.PERMERROR, "names no domain"),
    ("v=spf1 a:mx.journal.example/33 -all", OURS, Result.PERMERROR, "no such prefix length"),
    ("v=spf1 all:x", OURS, Result.PERMERROR, "all takes nothing"),
    ("v=spf1 exists:%(i).example -all", OURS, Result.PERMERROR, "%"),
    ("v=spf1 a:x1.example a:x2.example a:x3.example -all", OURS, Result.PERMERROR, "what is not there"),
    ("v=spf1 a:x1.example a:x2.example -all", OURS, Result.FAIL, ""),
    ("v=spf1 " + "a:www.journal.example " * 10 + "-all", OURS, Result.FAIL, ""),
    ("v=spf1 " + "a:www.journal.example " * 11 + "-all", OURS, Result.PERMERROR, "more than 10 terms"),
    ("v=spf10 ip4:192.0.2.25 -all", OURS, Result.NONE, "no SPF record"),
]


@pytest.mark.parametrize(("text", "address", "result", "why"), CASES, ids=[f"{one[0][:50]} {one[1]}" for one in CASES])
def test_spf(text: str, address: str, result: Result, why: str) -> None:
    own = {"TXT": [txt(text)], "MX": ["10 mx.journal.example."], "A": ["192.0.2.80"]}
    with zone({**HOSTS, DOMAIN: own}) as server:
        found = spf.check(server.lookup(2), address, DOMAIN, f"lettre@{DOMAIN}")
    assert found.result is result
    assert why in found.said


def test_spf_of_a_domain_without_one_with_two_and_of_silence() -> None:
    with zone({**HOSTS, "mute.example": "SILENCE"}) as server:
        results = {name: spf.check(server.lookup(0.3), OURS, name, f"x@{name}") for name in (
            "nowhere.example", "two.example", "mute.example")}  # fmt: skip
    assert [one.result for one in results.values()] == [Result.NONE, Result.PERMERROR, Result.TEMPERROR]
    assert "2 SPF records" in results["two.example"].said


def test_spf_tells_what_it_costs_and_includes() -> None:
    with zone({**HOSTS, DOMAIN: ["v=spf1 include:_soft.relais.example include:_spf.relais.example -all"]}) as server:
        found = spf.check(server.lookup(), OTHER, DOMAIN, f"x@{DOMAIN}")
        nobody = spf.check(server.lookup(), dns.NOBODY, DOMAIN, f"x@{DOMAIN}")
    assert (found.lookups, found.included) == (1, ("_soft.relais.example",))  # it matched, and went no further
    assert (nobody.lookups, nobody.included) == (2, ("_soft.relais.example", "_spf.relais.example"))


MACROS = [  # RFC 7208, 7.4
    ("%{s}", "strong-bad@email.example.com"),
    ("%{o}", "email.example.com"),
    ("%{d}", "email.example.com"),
    ("%{d4}", "email.example.com"),
    ("%{d1}", "com"),
    ("%{dr}", "com.example.email"),
    ("%{d2r}", "example.email"),
    ("%{l}", "strong-bad"),
    ("%{l-}", "strong.bad"),
    ("%{lr-}", "bad.strong"),
    ("%{l1r-}", "strong"),
    ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
    ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
    ("%%%_%-", "% %20"),
    ("%{S}", "strong-bad%40email.example.com"),
]


@pytest.mark.parametrize(("text", "expanded"), MACROS)
def test_macros(text: str, expanded: str) -> None:
    from ipaddress import ip_address

    sender = "strong-bad@email.example.com"
    four = Known(
        sender, "strong-bad", "email.example.com", "email.example.com", ip_address("192.0.2.3"), "mx.example.org"
    )
    assert expand(text, four) == expanded


def test_macros_of_ipv6_and_of_long_names() -> None:
    from ipaddress import ip_address

    known = Known("a@b.example", "a", "b.example", "b.example", ip_address("2001:db8::cb01"), "h.example")
    dotted = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
    assert expand("%{ir}.%{v}.arpa", known) == f"{dotted}.ip6.arpa"
    assert len(expand("label." * 60 + "%{d}", known)) <= 253
    for wrong in ("%", "%{x}", "%{d0}", "100%.example", "%{i"):
        with pytest.raises(ValueError, match="%"):
            expand(wrong, known)


class Nothing:
    """A DNS in which one text stands everywhere, and nothing else."""

    def __init__(self, text: str) -> None:
        self.text = text

    def txt(self, name: str) -> Answer:
        return Answer(State.FOUND, (self.text,))

    def mx(self, name: str) -> Answer:
        return NO_NAME

    a = aaaa = ptr = mx


@given(st.text(max_size=120))
def test_no_record_whatever_is_an_exception(text: str) -> None:
    assert spf.check(Nothing(f"v=spf1 {text}"), OURS, DOMAIN, f"x@{DOMAIN}").result in Result
    for whole in (f"v=spf1 {text}", f'"v=spf1 {text}', text):
        assert dns.judge_spf(Nothing(whole), DOMAIN, RELAY).level in Level
    for whole in (f"v=DMARC1;{text}", f'"v=dmarc1 {text}', text):
        walk = dmarc.walk(Nothing(whole), "a.b.example")
        assert dns.judge_dmarc(walk).level in Level
        assert walk.record is None or dmarc.parse(walk.record.text, "a.b.example")
    assert signing.judge("x", [text, f"p={text}"], RECORDS[0]).level in Level


SERVICES = {
    "amazonses.com": ["v=spf1 ip4:199.255.192.0/22 -all"],
    "mx.ovh.com": ["v=spf1 ip4:198.51.100.0/24 -all"],
    "_open.relais.example": ["v=spf1 +all"],
}
RELAY = Ways("relais.journal.example", True, (OURS,))
SES = Ways("email-smtp.eu-west-1.amazonaws.com", False, ("203.0.113.7",))
OVH = Ways("ssl0.ovh.net", False, ("203.0.113.8",))
ABROAD = Ways("smtp.inconnu.example", False, (OTHER,))
BOTH = Ways("smtp.inconnu.example", False, (OTHER, "2001:db8::9"))
JUDGED = [  # the records, the ways, the level, words of what is said or to be done
    (["v=spf1 ip4:192.0.2.25 -all"], RELAY, Level.OK, "lets 192.0.2.25 send"),
    ([], RELAY, Level.FAILURE, "no SPF record"),
    (["v=spf1 -all"], RELAY, Level.FAILURE, "does not let 192.0.2.25 send"),
    (["v=spf1 +all"], RELAY, Level.FAILURE, "lets everybody send"),
    (["v=spf1 ip4:192.0.2.25 -all", "v=spf1 mx -all"], RELAY, Level.FAILURE, "make one record of them"),
    (["v=spf1 moo -all"], RELAY, Level.FAILURE, "“moo” is no term"),
    (["v=spf1 ip4:192.0.2.25 include:nowhere.example -all"], RELAY, Level.WARNING, "fails for all that come later"),
    (["v=spf1 include:broken.example -all"], RELAY, Level.WARNING, "could not be looked up"),
    (["v=spf1 include:amazonses.com -all"], SES, Level.OK, "includes amazonses.com"),
    (["v=spf1 ip4:203.0.113.7 -all"], SES, Level.WARNING, "add include:amazonses.com"),
    ([], SES, Level.WARNING, "return path of its own"),
    (["v=spf1 ip4:203.0.113.7 -all"], OVH, Level.FAILURE, "add include:mx.ovh.com"),
    (["v=spf1 include:_spf.relais.example -all"], ABROAD, Level.WARNING, "ask your relay"),
    (["v=spf1 mx a -all"], ABROAD, Level.WARNING, "does not let 198.51.100.9 send"),  # where it takes mail, that is all
    (["v=spf1 ip4:198.51.100.9 -all"], BOTH, Level.WARNING, "does not let 2001:db8::9 send"),
    (["v=spf1 -all"], ABROAD, Level.FAILURE, "does not let 198.51.100.9 send"),  # it says that nobody sends
    (["v=spf1 include:MX.OVH.com -all"], OVH, Level.OK, "includes mx.ovh.com"),
    (["v=spf1 include:AmazonSES.com -all"], SES, Level.OK, "includes amazonses.com"),
    (["v=spf1 ip4:192.0.2.25"], RELAY, Level.WARNING, "end the record with ~all"),
    (["v=spf1 ip4:192.0.2.25 ?all"], RELAY, Level.WARNING, "end the record with ~all"),
    (["v=spf1 ip4:192.0.2.25 redirect=_soft.relais.example"], RELAY, Level.OK, "lets 192.0.2.25 send"),
    (['"v=spf1 ip4:192.0.2.25 include:nowhere.example -all"'], RELAY, Level.FAILURE, "write it as v=spf1 ip4:192.0.2.25 inc"),
    (["v=spf1 -include:mx.ovh.com -all"], OVH, Level.FAILURE, "does not include mx.ovh.com"),
    (['"v=spf1 ip4:192.0.2.25 -all"'], RELAY, Level.FAILURE, "does not count: it has quotes inside"),
    ([" v=spf1 ip4:192.0.2.25 -all"], RELAY, Level.FAILURE, "does not count: it begins with a space"),
    (["v=spf1\tip4:192.0.2.25 -all"], RELAY, Level.FAILURE, "does not count: a tab"),
    (["v=spf1 ip4:0.0.0.0/0 -all"], RELAY, Level.FAILURE, "leave it out, or name less by it"),
    (["v=spf1 include:_open.relais.example -all"], RELAY, Level.FAILURE, "leave it out, or name less by it"),
    (["v=spf1 ip4:192.0.2.25 exists:%{z}.x -all"], RELAY, Level.FAILURE, "%{z} is no macro here"),
    (["v=spf1 a:x1.example a:x2.example a:x3.example -all"], RELAY, Level.FAILURE, "names nothing any more"),
    ([], None, Level.FAILURE, "set delivery.via first"),
    ([], Ways("localhost", True, (), "hidden"), Level.FAILURE, "with the public address of localhost"),
    (["v=spf1 mx -all"], None, Level.OK, "seen when there is one"),
    (["v=spf1 mx -all"], Ways("localhost", True, (), "hidden"), Level.WARNING, "hidden"),
    (["v=spf1 mx -all"], Ways("x.example", False, trouble="silence"), Level.WARNING, "could not be looked up"),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "ways", "level", "words"), JUDGED)
def test_spf_judged_for_the_relay(texts: list[str], ways: Ways | None, level: Level, words: str) -> None:
    there = {**HOSTS, **SERVICES, DOMAIN: texts or {"A": [OURS]}}
    with zone(there) as server:
        found = dns.judge_spf(server.lookup(2), DOMAIN, ways)
    assert found.level is level
    assert words in f"{found.said} {found.remedy}"
    assert found.sure == ("could not be looked up" not in found.said)


def test_what_others_say_is_one_line_without_controls() -> None:
    with zone({DOMAIN: ["v=spf1 \x1b[31mmoo\x07 -all"]}) as server:
        found = dns.judge_spf(server.lookup(), DOMAIN, RELAY)
    assert found.level is Level.FAILURE
    assert "moo" in found.said
    assert found.said.isprintable()
    assert Finding("x", Level.OK, "a\nb\u2028" + "c" * 900).said.startswith("a b c")
    assert len(Finding("x", Level.OK, "c" * 900).said) == 500


def test_well_known_relays_name_what_to_include() -> None:
    assert include_for("email-smtp.eu-west-3.amazonaws.com") == "amazonses.com"
    assert include_for("SMTP-relay.brevo.com.") == "spf.brevo.com"
    assert include_for("notbrevo.com") is None


PASTED: list[tuple[list[str], list[str], str, tuple[str, ...]]] = [  # what is there, wanted, to paste, left out
    ([], ["ip4:192.0.2.25"], "v=spf1 ip4:192.0.2.25 ~all", ()),
    (["v=spf1 mx -all"], ["include:amazonses.com"], "v=spf1 mx include:amazonses.com -all", ()),
    (["v=spf1 mx ip4:192.0.2.25 -all"], ["ip4:192.0.2.25"], "v=spf1 mx ip4:192.0.2.25 -all", ()),
    (["v=spf1 mx -all", "v=spf1 include:a.example ~all"], [], "v=spf1 mx include:a.example ~all", ()),
    (["v=spf1 mx +all"], [], "v=spf1 mx ~all", ()),
    (["v=spf1 mx ?all"], [], "v=spf1 mx ~all", ()),
    (["v=spf1 moo ipv4:1.2.3.4 mx"], [], "v=spf1 mx ~all", ("moo", "ipv4:1.2.3.4")),
    (["v=spf1 mx ipv4:198.51.100.7 -all"], [], "v=spf1 mx ~all", ("ipv4:198.51.100.7",)),  # it may have meant a sender
    (["v=spf1 redirect=_spf.relais.example"], [], "v=spf1 redirect=_spf.relais.example", ()),
    (["v=spf1 mx redirect=a.example"], [], "v=spf1 mx redirect=a.example", ()),
    (["v=spf1 redirect=a.example"], ["mx"], "v=spf1 include:a.example mx ~all", ()),
    (["v=spf1 mx -all redirect=a.example"], ["a"], "v=spf1 mx a -all", ("redirect=a.example",)),  # it never counted
    (
        ["v=spf1 -include:b.example mx -all"],
        ["include:b.example"],
        "v=spf1 -include:b.example mx include:b.example -all",
        (),
    ),
    (["v=spf1 include:AmazonSES.com -all"], ["include:amazonses.com"], "v=spf1 include:AmazonSES.com -all", ()),
    (["v=spf1 mx include:journal.example -all"], [], "v=spf1 mx ~all", ("include:journal.example",)),
    (["v=spf1 mx exists:%{z}.x -all"], [], "v=spf1 mx ~all", ("exists:%{z}.x",)),
    (["v=spf1 mx exp=a.example exp=b.example -all"], [], "v=spf1 mx exp=a.example ~all", ("exp=b.example",)),
    (["v=spf1 mx ip4:0.0.0.0/0 -all"], [], "v=spf1 mx ~all", ("ip4:0.0.0.0/0",)),
]


@pytest.mark.parametrize(("there", "wanted", "value", "left_out"), PASTED)
def test_the_spf_record_to_paste(there: list[str], wanted: list[str], value: str, left_out: tuple[str, ...]) -> None:
    assert mend(there, wanted, DOMAIN) == Mended(value, left_out)


PROPOSED: list[tuple[list[str], Ways | None, str | None]] = [
    (["v=spf1 ip4:192.0.2.80 -all"], RELAY, "v=spf1 ip4:192.0.2.80 ip4:192.0.2.25 -all"),
    (['"v=spf1 include:_soft.relais.example -all"'], RELAY, "v=spf1 include:_soft.relais.example ip4:192.0.2.25 -all"),
    (["v=spf1\tip4:192.0.2.0/24 -all"], RELAY, "v=spf1 ip4:192.0.2.0/24 -all"),  # it names the relay as it is
    (["v=spf1 ip4:192.0.2.25"], RELAY, "v=spf1 ip4:192.0.2.25 ~all"),
    (["v=spf1 " + " ".join(f"include:i{i}.example" for i in range(11)) + " -all"], RELAY, None),  # they cost too much
    (["v=spf1 a:x1.example a:x2.example a:x3.example -all"], RELAY, None),  # they lead nowhere
    (["v=spf1 include:_open.relais.example -all"], RELAY, None),  # it lets everybody send
    (["v=spf1 include:nowhere.example -all"], RELAY, None),
    (["v=spf1 include:broken.example -all"], RELAY, None),  # nobody could say
    ([], None, None),  # it would say that nobody sends
    (["v=spf1 -all"], None, None),
]


@pytest.mark.parametrize(("texts", "ways", "value"), PROPOSED)
def test_what_is_given_to_paste_holds(texts: list[str], ways: Ways | None, value: str | None) -> None:
    eleven = {f"i{i}.example": ["v=spf1 -all"] for i in range(11)}
    own: dict[str, Any] = {"A": [OURS], "MX": ["10 mx.journal.example."]}
    own |= {"TXT": [txt(one) for one in texts]} if texts else {}
    with zone({**HOSTS, **SERVICES, **eleven, DOMAIN: own}) as server:
        lookup = server.lookup(2)
        made = proposed(lookup, DOMAIN, ways)
        told = dns.judge_spf(lookup, DOMAIN, ways)
    assert (made.value if made else None) == value
    assert ("below" in told.remedy or told.remedy == "end the record with ~all") == bool(value), (
        "it points at a record below only where there is one"
    )


# --- DKIM: RFC 6376, 8463 -------------------------------------------------------------------------

VALUE = RECORDS[0].value
KEY = VALUE.partition("p=")[2]
SMALL = record(DOMAIN, "lettre", generate_private_key(65537, 1024))
KEYS = [
    ([VALUE], Level.OK, "matches our key (rsa)"),
    ([VALUE.replace("v=DKIM1; k=rsa; ", "")], Level.OK, "matches"),
    ([f" v = DKIM1 ; k = rsa ; p = {KEY[:100]} {KEY[100:]} ;"], Level.OK, "matches"),
    (["google-site-verification=x", VALUE], Level.OK, "matches"),
    ([VALUE + "; t=s; n=note"], Level.OK, "matches"),
    ([], Level.FAILURE, "there is no record"),
    (["v=spf1 -all"], Level.FAILURE, "holds no key"),
    (["v=DKIM1; k=rsa; p="], Level.FAILURE, "revoked"),
    ([SMALL.value], Level.FAILURE, "another key"),
    ([RECORDS[1].value], Level.FAILURE, "kind ed25519"),
    ([VALUE[:255]], Level.FAILURE, "is cut off after"),
    ([VALUE.replace(KEY, f'{KEY[:200]}""{KEY[200:]}')], Level.FAILURE, "quotes"),
    ([VALUE, SMALL.value], Level.FAILURE, "2 keys"),
    ([VALUE + "; t=y"], Level.WARNING, "only testing"),
    ([VALUE + "; t=y:s"], Level.WARNING, "only testing"),
    ([VALUE + "; h=sha1"], Level.FAILURE, "SHA-256"),
    ([VALUE + "; h=sha1:sha256"], Level.OK, "matches"),
    ([VALUE + "; s=tlsrpt"], Level.FAILURE, "for mail"),
    ([VALUE + "; s=email:other"], Level.OK, "matches"),
    ([VALUE.replace("DKIM1", "DKIM2")], Level.FAILURE, "version"),
]


@pytest.mark.parametrize(("found", "level", "words"), KEYS)
def test_the_dkim_record(found: list[str], level: Level, words: str) -> None:
    judged = signing.judge("dns DKIM", found, RECORDS[0])
    assert judged.level is level
    assert words in judged.said
    assert bool(judged.remedy) == (level is not Level.OK)


def test_both_kinds_of_key_match_their_records_over_the_dns() -> None:
    with zone({one.name: [one.value] for one in RECORDS}) as server:
        for selector, key in (("lettre", RSA), ("lettre-ed", ED25519)):
            ours = record(DOMAIN, selector, key)
            assert signing.judge("", server.lookup().txt(ours.name).values, ours).level is Level.OK


# --- DMARC: RFC 9989 ------------------------------------------------------------------------------


def test_a_walk_asks_eight_times_at_most() -> None:  # RFC 9989, 4.10
    assert list(dmarc.steps("a.mail.journal.example")) == [
        "a.mail.journal.example", "mail.journal.example", "journal.example", "example"]  # fmt: skip
    assert list(dmarc.steps("a.b.c.d.e.f.g.h.i.j.mail.example")) == [
        "a.b.c.d.e.f.g.h.i.j.mail.example",
        "g.h.i.j.mail.example".join(["f.", ""]),
        "g.h.i.j.mail.example", "h.i.j.mail.example", "i.j.mail.example", "j.mail.example", "mail.example", "example",
    ]  # fmt: skip
    assert len(list(dmarc.steps(".".join("abcdefgh")))) == 8
    with zone({}) as server:
        walk = dmarc.walk(server.lookup(), ".".join(["x"] * 20))
        assert (walk.asked, len(server.asked)) == (8, 8)
        assert (walk.record, walk.organisation) == (None, walk.domain)


WALKS = [  # records below _dmarc., the domain, its organisation, where its policy stands, what that says
    ({"journal.example": "v=DMARC1; p=reject"}, "journal.example", "journal.example", "journal.example", "reject"),
    ({"journal.example": "v=DMARC1; p=reject"}, "a.journal.example", "journal.example", "journal.example", "reject"),
    ({"journal.example": "v=DMARC1; p=none; sp=reject"}, "a.journal.example", "journal.example", "journal.example", "reject"),
    ({"journal.example": "v=DMARC1; p=none", "a.journal.example": "v=DMARC1; p=reject"},
     "a.journal.example", "journal.example", "a.journal.example", "reject"),
    ({"journal.example": "v=DMARC1; p=none", "a.journal.example": "v=DMARC1; p=reject; psd=n"},
     "b.a.journal.example", "a.journal.example", "a.journal.example", "reject"),
    ({"example": "v=DMARC1; p=reject; psd=y; np=reject"}, "journal.example", "journal.example", "example", "reject"),
    ({"example": "v=DMARC1; p=none; psd=y", "journal.example": "v=DMARC1; p=quarantine"},
     "a.journal.example", "journal.example", "journal.example", "quarantine"),
    ({"example": "v=DMARC1; p=reject; psd=y"}, "example", "example", "example", "reject"),
    ({"journal.example": "v=DMARC1; rua=mailto:a@b.example"}, "journal.example", "journal.example", "journal.example", "none"),
    ({"journal.example": "v=dmarc1; p=reject"}, "journal.example", "journal.example", None, ""),
    ({"journal.example": "p=reject; v=DMARC1"}, "journal.example", "journal.example", None, ""),
    ({}, "a.journal.example", "a.journal.example", None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("records", "domain", "organisation", "at", "policy"), WALKS)
def test_the_walk(records: dict[str, str], domain: str, organisation: str, at: str | None, policy: str) -> None:
    with zone({f"_dmarc.{name}": [text, "something else"] for name, text in records.items()}) as server:
        walk = dmarc.walk(server.lookup(), domain)
    assert walk.organisation == organisation
    assert (walk.record.domain if walk.record else None) == at
    assert (walk.record.policy_for(domain) if walk.record else "") == policy


def test_a_suffix_that_writes_itself_and_several_records() -> None:
    own = {"_dmarc.journal.example": ["v=DMARC1; p=none; psd=y"], "_dmarc.example": ["v=DMARC1; p=reject"]}
    with zone(own) as server:
        assert dmarc.walk(server.lookup(), "journal.example").organisation == "example"
    twice = {"_dmarc.journal.example": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}
    with zone(twice) as server:
        walk = dmarc.walk(server.lookup(), "journal.example")
    assert (walk.record, walk.crowded) == (None, ("journal.example",))  # RFC 9989, 4.10: none of them counts


def test_what_does_not_exist_has_a_policy_of_its_own() -> None:
    found = dmarc.parse("v=DMARC1; p=none; sp=quarantine; np=reject", DOMAIN)
    assert found
    assert [found.policy_for(DOMAIN), found.policy_for(f"a.{DOMAIN}"), found.policy_for(f"b.{DOMAIN}", exists=False)] == [
        "none", "quarantine", "reject"]  # fmt: skip


ALIGNED = [  # the record of the author's domain, the other domain, strict, whether it aligns
    ("v=DMARC1; p=none", "journal.example", False, True),
    ("v=DMARC1; p=none", "bounces.journal.example", False, True),
    ("v=DMARC1; p=none", "bounces.journal.example", True, False),
    ("v=DMARC1; p=none", "journal.example", True, True),
    ("v=DMARC1; p=none", "autre.example", False, False),
    ("v=DMARC1; p=none", "notjournal.example", False, False),
]


@pytest.mark.parametrize(("text", "other", "strict", "expected"), ALIGNED)
def test_alignment(text: str, other: str, strict: bool, expected: bool) -> None:
    with zone({f"_dmarc.{DOMAIN}": [text]}) as server:
        author = dmarc.walk(server.lookup(), DOMAIN)
        assert dmarc.aligned(server.lookup(), author, other, strict=strict) is expected


def test_without_a_record_a_parent_does_not_align() -> None:
    """Each is then an organisation of its own (RFC 9989, 4.10.2)."""
    with zone({}) as server:
        author = dmarc.walk(server.lookup(), f"lettre.{DOMAIN}")
        assert dmarc.aligned(server.lookup(), author, DOMAIN, strict=False) is False


def test_alignment_that_nobody_could_say() -> None:
    with zone({f"_dmarc.{DOMAIN}": ["v=DMARC1; p=none"], "_dmarc.autre.example": "TROUBLE"}) as server:
        author = dmarc.walk(server.lookup(), DOMAIN)
        assert dmarc.aligned(server.lookup(), author, "autre.example", strict=False) is None


POLICIES: list[tuple[list[str], Level, str]] = [
    (["v=DMARC1; p=reject; rua=mailto:a@journal.example"], Level.OK, "p=reject"),
    (["v=DMARC1; p=none; rua=mailto:a@journal.example"], Level.OK, "p=quarantine"),
    (["v=DMARC1; p=none"], Level.OK, "rua="),
    (["v=DMARC1; p=reject; t=y; rua=mailto:a@journal.example"], Level.OK, "no t=y"),
    (["v=DMARC1; p=reject; pct=50; ri=86400"], Level.OK, "pct, ri= are no tags any more"),
    (["v=DMARC1; p=rejct"], Level.WARNING, "is no policy"),
    ([], Level.FAILURE, "there is no DMARC record"),
    (
        ["v=DMARC1; p=none", "v=DMARC1; p=reject; pct=9"],
        Level.FAILURE,
        "leave one of them, the strictest: v=DMARC1; p=reject",
    ),
    (["v=DMARC1; p=reject; sp=none", "v=DMARC1; p=reject"], Level.FAILURE, "the strictest: v=DMARC1; p=reject"),
    (['"v=DMARC1; p=reject"'], Level.FAILURE, "quotes inside → write it as v=DMARC1; p=reject"),
    ([" v=DMARC1; p=reject"], Level.FAILURE, "begins with a space → write it as v=DMARC1; p=reject"),
    (["V=DMARC1; p=reject"], Level.FAILURE, "in these very letters → write it as v=DMARC1; p=reject"),
    (["v=dmarc1; p=reject"], Level.FAILURE, "in these very letters"),
    (["v=DMARC1 p=reject"], Level.FAILURE, "a semicolon must stand behind v=DMARC1 → write it as v=DMARC1; p=reject"),
    (["v=DMARC10; p=reject"], Level.FAILURE, "there is no DMARC record"),
]


@pytest.mark.parametrize(("texts", "level", "words"), POLICIES)
def test_the_policy_judged(texts: list[str], level: Level, words: str) -> None:
    with zone({f"_dmarc.{DOMAIN}": texts} if texts else {}) as server:
        found = dns.judge_dmarc(dmarc.walk(server.lookup(), DOMAIN))
    assert found.level is level
    assert words in f"{found.said} → {found.remedy}"


def test_several_records_of_the_organisation_are_told_to_its_subdomain() -> None:
    with zone({f"_dmarc.{DOMAIN}": ["v=DMARC1; p=none", "v=DMARC1; p=quarantine"]}) as server:
        found = dns.judge_dmarc(dmarc.walk(server.lookup(), f"lettre.{DOMAIN}"))
    assert f"several DMARC records stand at _dmarc.{DOMAIN}" in found.said
    assert found.remedy.endswith("v=DMARC1; p=quarantine")


# --- PTR and MX -----------------------------------------------------------------------------------

REVERSE = "25.2.0.192.in-addr.arpa"
PTRS: list[tuple[dict[str, Any], Level, str]] = [
    (
        {REVERSE: {"PTR": ["mx.journal.example."]}, "mx.journal.example": {"A": [OURS]}},
        Level.OK,
        "is mx.journal.example",
    ),
    ({REVERSE: {"PTR": ["mx.journal.example."]}, "mx.journal.example": {"A": [OTHER]}}, Level.FAILURE, "lead back"),
    ({REVERSE: {"PTR": ["mx.journal.example."]}}, Level.FAILURE, "lead back"),
    ({REVERSE: {"PTR": ["mx.journal.example."]}, "mx.journal.example": "TROUBLE"}, Level.WARNING, "looked up"),
    ({}, Level.FAILURE, "has no name"),
    ({REVERSE: "TROUBLE"}, Level.WARNING, "could not be looked up"),
]
MXS: list[tuple[dict[str, Any], Level, str]] = [
    ({DOMAIN: {"MX": ["10 mx.journal.example."]}, "mx.journal.example": {"A": [OURS]}}, Level.OK, "goes to mx"),
    ({DOMAIN: {"MX": ["10 mx.journal.example."]}}, Level.FAILURE, "none of its mail servers"),
    ({DOMAIN: {"MX": ["10 mx.journal.example."]}, "mx.journal.example": "TROUBLE"}, Level.WARNING, "looked up"),
    ({DOMAIN: {"MX": ["0 ."]}}, Level.FAILURE, "null MX"),
    ({DOMAIN: {"A": [OURS]}}, Level.WARNING, "has no MX record"),
    ({DOMAIN: {"TXT": [txt("x")]}}, Level.FAILURE, "takes no mail"),
    ({}, Level.FAILURE, "takes no mail"),
    ({DOMAIN: "TROUBLE"}, Level.WARNING, "could not be looked up"),
]  # fmt: skip


def judged(records: dict[str, Any], judge: Callable[[Lookup], Finding]) -> Finding:
    with serving(records) as server:
        return judge(server.lookup(2))


@pytest.mark.parametrize(("records", "level", "words"), PTRS)
def test_the_name_of_an_address(records: dict[str, Any], level: Level, words: str) -> None:
    found = judged(records, lambda lookup: dns.judge_ptr(lookup, OURS))
    assert (found.level, words in found.said) == (level, True), found


@pytest.mark.parametrize(("records", "level", "words"), MXS)
def test_where_mail_to_us_goes(records: dict[str, Any], level: Level, words: str) -> None:
    found = judged(records, lambda lookup: dns.judge_mx(lookup, DOMAIN))
    assert (found.level, words in found.said) == (level, True), found


def test_own_addresses_are_this_machines() -> None:
    for one in own_addresses():
        family = socket.AF_INET6 if ":" in one else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as way:
            way.bind((one, 0))  # only what is ours can be taken
