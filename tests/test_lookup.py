"""Asking the DNS: what is there, what is certainly not, and what nobody could say."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from newsletter.lookup import Answer, Lookup, State
from tests.dns_server import serving, txt

RECORDS = {
    "journal.example": {
        "TXT": [txt("v=spf1 -all"), txt("x" * 300)],
        "MX": ["20 mx2.journal.example.", "5 MX1.journal.example."],
        "A": ["192.0.2.1"],
        "AAAA": ["2001:db8::1"],
    },
    "six.example": {"AAAA": ["2001:db8::2"]},
    "null.example": {"MX": ["0 ."]},
    "2.1.2.0.192.in-addr.arpa": {"PTR": ["nothing.example."]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["relais.journal.example."]},
    "long.example": {"TXT": [txt("y" * 3000)]},
    "broken.example": "TROUBLE",
    "silent.example": "SILENCE",
}


def test_each_kind_of_record() -> None:
    with serving(RECORDS) as server:
        lookup = server.lookup()
        assert sorted(lookup.txt("journal.example").values) == ["v=spf1 -all", "x" * 300]
        assert lookup.mx("journal.example").values == ("mx1.journal.example", "mx2.journal.example")
        assert lookup.mx("null.example").values == ("",)
        assert lookup.a("journal.example.").values == ("192.0.2.1",)
        assert lookup.addresses("journal.example").values == ("192.0.2.1", "2001:db8::1")
        assert lookup.addresses("six.example").values == ("2001:db8::2",)
        assert lookup.ptr("192.0.2.1").values == ("relais.journal.example",)


def test_what_is_not_there_is_an_answer() -> None:
    with serving(RECORDS) as server:
        lookup = server.lookup()
        assert lookup.txt("nowhere.example").state is State.NO_NAME
        assert lookup.txt("six.example").state is State.NO_DATA
        assert lookup.addresses("nowhere.example").nothing
        assert lookup.ptr("192.0.2.77").nothing


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "two..dots.example", ".".join(["label"] * 60)])
def test_what_is_no_name_does_not_exist(name: str) -> None:
    with serving({}) as server:
        assert server.lookup().txt(name).state is State.NO_NAME
        assert not server.asked


def test_trouble_is_no_answer() -> None:
    with serving(RECORDS) as server:
        broken = server.lookup().txt("broken.example")
        assert (broken.state, broken.nothing) == (State.TROUBLE, False)
        assert "SERVFAIL" in broken.said
        began = time.monotonic()
        assert server.lookup(lifetime=0.4).a("silent.example") == Answer(State.TROUBLE, said="no answer within 0.4 s")
        assert time.monotonic() - began < 5
    nobody = Lookup([], lifetime=0.4).txt("journal.example")
    assert nobody.trouble
    assert nobody.said


def test_one_kind_of_address_is_enough() -> None:
    with serving({"half.example": "TROUBLE"}) as server:
        assert server.lookup().addresses("half.example").trouble


def test_long_answers_come_by_tcp() -> None:
    with serving(RECORDS) as server:
        assert server.lookup().txt("long.example").values == ("y" * 3000,)
        assert server.by_tcp == 1


def test_one_examination_asks_each_question_once() -> None:
    with serving(RECORDS) as server:
        plain = server.lookup()
        lookup = plain.remembering()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lookup.txt, ["journal.example", "Journal.example."] * 8))
        assert {one.state for one in found} == {State.FOUND}
        assert [lookup.txt("broken.example").trouble for _ in range(2)] == [True, True]
        assert server.asked.count("journal.example TXT") == 1
        assert server.asked.count("broken.example TXT") == 1, "what nobody could say is not waited for twice"
        assert lookup.remembering() is lookup
        plain.txt("journal.example")
        assert server.asked.count("journal.example TXT") == 2, "the next examination asks anew"


def test_a_fault_while_asking_is_everybodys_who_asked() -> None:
    class Faulty(Lookup):
        def _ask(self, *_: object) -> Answer:
            raise ZeroDivisionError

    lookup = Faulty().remembering()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            lookup.a("journal.example")
