"""What one reader's message costs before it goes over the wire: spliced, then signed. In microseconds, in one process.

    python -m bench.splice
    python -m bench.splice --rounds 9 --messages 4000 --json found.json

All are measured in turns, round by round, so that a busy machine is unfair to all of them alike; medians are shown. The
edition is made by our own templates, 59 KB of it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from newsletter.config import NewsletterTable
from newsletter.links import Signer
from newsletter.mail.dkim import Sealer, prepare
from newsletter.mail.message import WireTemplate, freeze
from newsletter.model import DAILY, Article, Candidate, Choice, Edition, EditionStatus, Message, Picture
from newsletter.render import Look, render
from newsletter.words import Words

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
SITE = "https://journal.example"
SUMMARY = (
    "Les premières barques ont quitté le quai à l'aube. Dans la nouvelle halle, les mareyeuses attendent la chambre"
    " froide promise pour le mois prochain, et les comptes ne sont pas encore faits."
)
SIGNER = Signer("lettre.journal.example", {0: b"0" * 32}, 0)
RSA, ED25519 = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()


def main() -> None:
    wanted = _arguments()
    wire = edition(wanted.articles)
    messages: list[Message] = [wire.splice(SIGNER, **reader(number)) for number in range(wanted.messages)]
    size = statistics.fmean(len(one.content) for one in messages)
    kinds = _kinds(wire, messages)
    took: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(wanted.rounds):
        for name, run in kinds.items():
            clock = time.perf_counter if "threads" in name else time.thread_time
            began = clock()
            run()
            took[name].append((clock() - began) / len(messages) * 1e6)
    _print({name: statistics.median(times) for name, times in took.items()}, size, wanted)


def _print(found: dict[str, float], size: float, wanted: argparse.Namespace) -> None:
    for name in ("rsa", "ed25519"):
        alone = found[f"alone: {name}"] + found["alone: SHA-256 of the body"]
        found[f"seal: {name}, beside signature and hash"] = found[f"seal: {name}"] - alone
    busy = os.getloadavg()[0]
    lines = [
        f"{wanted.messages} messages of {size / 1000:.1f} KB, {wanted.rounds} rounds, load {busy:.1f};"
        " median µs of CPU a message (in threads: µs on the wall)"
    ]
    lines += [f"  {name:<44}{micros:>8.1f}" for name, micros in found.items()]
    sys.stdout.write("\n".join(lines) + "\n")
    if wanted.json:
        told = {"bytes": round(size), "load": busy, "micros": {name: round(one, 2) for name, one in found.items()}}
        Path(wanted.json).write_text(json.dumps(told, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.splice", description="Splicing and signing.")
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--articles", type=int, default=18, help="18 make 59 KB")
    parser.add_argument("--json", metavar="FILE", help="write what was found")
    return parser.parse_args()


def _kinds(wire: WireTemplate, messages: list[Message]) -> dict[str, Callable[[], object]]:
    """What is measured, by its name; each takes all messages once."""
    sealers = {
        "rsa": Sealer("journal.example", [("r", RSA)]),
        "ed25519": Sealer("journal.example", [("e", ED25519)]),
        "both": Sealer("journal.example", [("r", RSA), ("e", ED25519)]),
    }
    bodies = [memoryview(one.content)[one.content.index(b"\r\n\r\n") + 4 :] for one in messages]
    digest, padding, sha256 = b"x" * 32, PKCS1v15(), SHA256()
    header = b"x" * 1500  # about what is signed of a header
    readers = [reader(number) for number in range(len(messages))]
    kinds: dict[str, Callable[[], object]] = {
        "splice": lambda: _each(lambda given: wire.splice(SIGNER, **given), readers),
        "alone: one copy of the bytes": lambda: _each(lambda one: b"".join([b"", one.content]), messages),
        "alone: SHA-256 of the body": lambda: _each(lambda body: hashlib.sha256(body).digest(), bodies),
        "alone: rsa": lambda: _each(lambda _: RSA.sign(header, padding, sha256), messages),
        "alone: ed25519": lambda: _each(lambda _: ED25519.sign(digest), messages),
    }
    kinds |= {f"seal: {name}": partial(_each, sealer.seal, messages) for name, sealer in sealers.items()}
    kinds["seal: first half (prepare)"] = partial(_each, prepare, messages)
    ready = [prepare(one) for one in messages]
    kinds |= {f"seal: second half, {name}": partial(_each, sealer.sign, ready) for name, sealer in sealers.items()}
    kinds["alone: rsa, in two threads"] = lambda: _in_threads(lambda _: RSA.sign(header, padding, sha256), messages, 2)
    kinds["seal: rsa, in two threads"] = lambda: _in_threads(sealers["rsa"].seal, messages, 2)
    return kinds


def _each(do: Callable[[Any], object], many: Iterable[Any]) -> None:
    """What is made is let go of at once, as the sender does: kept, each would need fresh pages of memory."""
    for one in many:
        do(one)


def _in_threads(do: Callable[[Any], object], messages: list[Message], count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(partial(_each, do), [messages[start::count] for start in range(count)]))


def edition(articles: int) -> WireTemplate:
    """The frozen template of a day with that many articles."""
    paper = NewsletterTable.model_validate(
        {
            "title": "Le Quotidien du Golfe",
            "name": "La lettre du matin",
            "site_url": SITE,
            "public_url": "https://lettre.journal.example",
            "from": "Le Quotidien du Golfe <lettre@journal.example>",
            "reply_to": "redaction@journal.example",
            "postal_address": "14 rue des Filaos\n01 BP 0000 Lomé, Togo",
        }
    )
    made = Edition(id=1, day=date(2026, 11, 23), slot=DAILY, status=EditionStatus.DRAFT, picked_at=NOW)
    choices = [Choice(_candidate(number), True, "", number, "Société") for number in range(1, articles + 1)]
    rendered = render(Look(Path("."), Words("fr", paper.zone)), paper, made, choices)
    return freeze(rendered, paper, edition="2026-11-23", return_path="plain", key=0)


def _candidate(number: int) -> Candidate:
    url = f"{SITE}/2026/11/23/le-port-retrouve-ses-pecheurs-apres-deux-ans-de-travaux-{number}/"
    article = Article(
        identity=url,
        url=url,
        title=f"Le port retrouve ses pêcheurs après deux ans de travaux ({number})",
        summary=SUMMARY,
        authors=("Ama Kossivi", "Kodjo Atsou"),
        picture=Picture(f"{SITE}/images/{number}.jpg", "Une barque à quai", 768, 432, 40_000),
        published=NOW,
        words=640,
    )
    return Candidate(number, article, NOW, NOW)


def reader(number: int) -> dict[str, Any]:
    """To whom, and when; a few hundred share a second."""
    moment = NOW.replace(second=number // 400 % 60)
    address = f"lectrice{number}@lecteurs.example"
    return {"delivery": 1_000_000 + number, "subscriber": 500_000 + number, "address": address, "date": moment}


if __name__ == "__main__":
    main()
