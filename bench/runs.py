"""One run: a sender, a fresh sink, and what both took and counted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import newsroom, sinks
from bench.newsroom import Lists, Mail
from bench.senders import Job, Sender

METER = Path(__file__).resolve().parent / "meter.py"
DELAY = 20  # milliseconds that the far sink keeps each reply back
SIGNED = 200  # bytes that a signature adds at least
SINKS = ("postfix", "fast", "far")


@dataclass
class Ground:
    """All that runs share: programs, lists of subscribers, the mail."""

    folder: Path
    lists: Lists
    fastsink: str
    mail: Mail
    mail_file: Path
    say: Callable[[str], None]
    wrong: list[str] = field(default_factory=list)

    def sink(self, kind: str) -> AbstractContextManager[sinks.Sink]:
        if kind != "postfix":
            return sinks.fast(self.fastsink, self.folder, DELAY if kind == "far" else 0)
        binary = sinks.program("smtp-sink")
        if binary is None:
            raise RuntimeError("smtp-sink is not installed (package postfix)")
        return sinks.postfix(binary, self.folder)


def run(ground: Ground, sender: Sender, sink: str, count: int, stop_after: float | None = None) -> dict[str, Any]:
    """Send `count` mails, and judge by what the sink holds. `stop_after`: so many seconds after the first message the
    sender is told to stop (SIGTERM), and what it has sent until then counts.

    What is not as it should be stands in `wrong` of the result, and of the ground.
    """
    room = ground.lists.newsroom(sender.database, count) if sender.ours else nullcontext(ground.folder)
    with room as folder:
        with ground.sink(sink) as other:
            job = Job(other.port, count, ground.mail_file, ground.mail.size)
            words = _words(sender, folder, job)
            with measured(words, ground.folder, sender.environ) as child:
                stopped = _stop(child, other, stop_after) if stop_after is not None else False
        found = _result(sender, sink, count, child.figures, other.count, stopped)
        if sender.extra and found["size"] and found["size"] < ground.mail.size + SIGNED:
            found["wrong"] = f"{found['wrong']}; not signed".lstrip("; ")
    if found["wrong"]:
        ground.wrong.append(f"{sender.name} into {sink}: {found['wrong']}")
        ground.say(f"WRONG: {ground.wrong[-1]}: {child.said()}")
    return found


def _words(sender: Sender, folder: Path, job: Job) -> list[str]:
    if sender.line is not None:
        return sender.line(job)
    newsroom.set_way_out(folder, job.port, sender.extra)
    return newsroom.command(folder, "send", "--now")


def _stop(child: Child, other: sinks.Sink, seconds: float) -> bool:
    """Wait for the first message, then so long; True where it had to be told."""
    while not other.begun.wait(0.05):
        if child.process.poll() is not None:
            return False
    try:
        child.process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.process.send_signal(signal.SIGTERM)
        return True
    return False


def _result(
    sender: Sender, sink: str, count: int, took: dict[str, Any], seen: sinks.Count, stopped: bool
) -> dict[str, Any]:
    wrong = []
    right = {0}
    if stopped:  # when all was sent, it may have been on its way out, where a signal ends any program
        right = {0, 75, -signal.SIGTERM} if seen.messages == count else {75}
    if took["code"] not in right:
        wrong.append(f"left with {took['code']}")
    if not stopped and seen.messages != count:
        wrong.append(f"{seen.messages} messages instead of {count}")
    for what, number in (("recipients", seen.recipients), ("Message-IDs", seen.ids)):
        if number is not None and number != seen.messages:
            wrong.append(f"{number} different {what} in {seen.messages} messages")
    window = seen.last - seen.first
    after = seen.messages - sender.lanes  # the first of each connection only begin the window
    return {
        "sender": sender.name,
        "sink": sink,
        "wanted": count,
        "stopped": stopped and seen.messages != count,
        "messages": seen.messages,
        "ids": seen.ids,
        "size": seen.size,
        "rate": round(after / window, 2) if window > 0 and after > 0 else None,
        "whole_seconds": round(took["ended"] - took["began"], 3),
        "first_after": round(seen.first - took["began"], 3) if seen.messages else None,
        "window": round(window, 3),
        "cpu": round(took["user"] + took["system"], 4),
        "peak_mb": round(took["peak_kb"] / 1024, 1),
        "wrong": "; ".join(wrong),
    }


# --- A process that is measured ---------------------------------------------------------------------


@dataclass
class Child:
    """A command under `meter.py`. `figures` are there when it has ended."""

    process: subprocess.Popen[bytes]
    output: Path
    figures: dict[str, Any] = field(default_factory=dict)

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace").strip()[-500:]


@contextmanager
def measured(words: list[str], folder: Path, environ: Any = None, cwd: Path | None = None) -> Iterator[Child]:
    """Run a command; at the end it is waited for."""
    result, output = folder / "meter.json", folder / "meter.log"
    result.unlink(missing_ok=True)
    meter = [sys.executable, "-S", "-E", str(METER), str(result), str(output), *words]
    process = subprocess.Popen(meter, env=newsroom.environ() | dict(environ or {}), cwd=cwd or folder)  # noqa: S603
    child = Child(process, output)
    try:
        yield child
    finally:
        if sys.exc_info()[0] is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait()
    child.figures = json.loads(result.read_text(encoding="ascii"))


def timed(words: list[str], folder: Path, environ: Any = None) -> dict[str, Any]:
    """What a command takes that sends nothing; raises where it fails."""
    with measured(words, folder, environ) as child:
        pass
    took = child.figures
    if took["code"]:
        raise RuntimeError(f"{' '.join(words)} left with {took['code']}: {child.said()}")
    return {
        "seconds": round(took["ended"] - took["began"], 4),
        "cpu": round(took["user"] + took["system"], 4),
        "peak_mb": round(took["peak_kb"] / 1024, 1),
    }
