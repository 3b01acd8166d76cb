"""What a spam filter of this machine says of a message. Runs the filter's own program, the message on its standard
input; nothing else is touched.

Nothing leaves the machine. SpamAssassin is called itself (`-L`, local rules), never `spamc`: the daemon behind that
asks the network by its own configuration. rspamd is a daemon in any case: it is asked for those groups of rules alone
that look up no name (seen with 3.4: none of its DNS requests are made then). Nothing is learnt.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST = 30.0  # seconds for one program: SpamAssassin takes one or two
LARGEST = 1_000_000  # bytes of an answer that are read
PLACES = "/usr/bin:/usr/local/bin:/usr/sbin:/usr/local/sbin"  # cron's PATH may hold less
MARK = "newsletter-score"
SETTINGS = (
    "use_bayes 0",  # it would judge by what others taught it, and learn
    "clear_report_template",
    f"report {MARK} _SCORE_ _REQD_ _VERSION_",
    "report _SUMMARY_",
)
# Groups of rspamd's rules that ask nobody: phishing, policies (SPF, DKIM, DMARC), rbl, surbl and fuzzy ask the DNS.
# hfilter judges the machine that brought the mail, and here none has.
GROUPS = ("body", "content", "headers", "html", "mime", "mime_types", "mua", "subject", "url")
HEAD = re.compile(rf"^{MARK} (-?[\d.]+) (-?[\d.]+) (\S+)", re.MULTILINE)
RULE = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s+([A-Z][A-Z0-9_]{2,})\s+(.*)$")
SPAM = frozenset({"reject", "add header", "rewrite subject", "quarantine"})  # what rspamd calls it


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that fits the message, and what it adds."""

    name: str
    points: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Score:
    """A filter's judgement."""

    program: str  # with its version, where it says one
    points: float
    threshold: float  # from so many on it is spam, or refused
    rules: tuple[Rule, ...]  # the costliest first
    spam: bool


@dataclass(frozen=True, slots=True)
class Mute:
    """A filter that is there and gave no judgement."""

    program: str
    why: str


Which = Callable[[str], str | None]


def installed(program: str) -> str | None:
    """Where a program stands; None where it is not installed."""
    return shutil.which(program) or shutil.which(program, path=PLACES)


def ask(
    message: bytes, *, which: Which = installed, longest: float = LONGEST, rspamd: str = "localhost:11333"
) -> list[Score | Mute]:
    """The judgement of each filter that is installed; none where none is. `rspamd` is where its daemon listens."""
    found: list[Score | Mute] = []
    assassin, client = which("spamassassin"), which("rspamc")
    if assassin:
        settings = [f"--cf={line}" for line in SETTINGS]
        # env: whoever speaks French here has French meanings in the table, and a comma in its numbers.
        command = ["/usr/bin/env", "LC_ALL=C", assassin, "--local", "--test-mode", "--nocreate-prefs", *settings]
        found.append(_run("SpamAssassin", command, message, longest, read_spamassassin))
    if client:
        wanted = json.dumps({"groups_enabled": GROUPS})
        command = [
            client,
            f"--connect={rspamd}",
            "--json",
            f"--timeout={longest:g}",
            f"--header=Settings={wanted}",
            "symbols",
        ]
        found.append(_run("rspamd", command, message, longest, read_rspamd))
    return found


def _run(
    program: str, command: Sequence[str], message: bytes, longest: float, read: Callable[[str], Score | None]
) -> Score | Mute:
    try:
        done = subprocess.run(command, input=message, capture_output=True, timeout=longest, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return Mute(program, f"no answer within {longest:g} s")
    except OSError as error:
        return Mute(program, error.strerror or str(error))
    score = read(done.stdout[-LARGEST:].decode("utf-8", "replace"))
    if score is not None:
        return score
    said = (done.stderr or done.stdout).decode("utf-8", "replace").split()
    return Mute(program, " ".join(said)[:200] or f"it ended with {done.returncode} and said nothing")


def read_spamassassin(text: str) -> Score | None:
    """Our own report at the end of what it prints; None where there is none. Pure."""
    heads = list(HEAD.finditer(text))
    if not heads:
        return None
    head = heads[-1]  # the message stands before it, whatever it holds
    rules: list[Rule] = []
    for line in text[head.end() :].splitlines():
        fits = RULE.match(line)
        if fits:
            rules.append(Rule(fits[2], float(fits[1]), fits[3].strip()))
        elif rules and line.startswith(" " * 8) and line.strip():  # a meaning goes on
            last = rules[-1]
            rules[-1] = Rule(last.name, last.points, f"{last.meaning} {line.strip()}")
        elif rules:
            break
    points, threshold = float(head[1]), float(head[2])
    return Score(f"SpamAssassin {head[3]}", points, threshold, _sorted(rules), points >= threshold)


def read_rspamd(text: str) -> Score | None:
    """rspamc's JSON; None where it is none, or an error. Pure."""
    try:
        found = json.loads(text)
        rules = [
            Rule(str(one["name"]), float(one["score"]), str(one.get("description", "")))
            for one in found["symbols"].values()
        ]
        points, threshold = float(found["score"]), float(found["required_score"])
        return Score("rspamd", points, threshold, _sorted(rules), found["action"] in SPAM)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _sorted(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    return tuple(sorted(rules, key=lambda one: -one.points))
