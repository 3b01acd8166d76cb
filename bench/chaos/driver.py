"""The command line, with a bomb in it: python -m bench.chaos.driver '{"at": "module:name", …}' send --now

    {"at": "newsletter.deliver.ledger:Ledger.record", "when": "after", "call": 3, "reached": FILE}

wraps that function, writes FILE and kills its own process with SIGKILL right before, or right after, its third call:
no `finally`, no handler, no thread gets another word. A generator's or context manager's call is its making.

    {"gate": FILE, "ready": FILE}

loads the program, writes `ready`, and waits until FILE is there: so several start at the same instant.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def place_bomb(at: str, when: str, call: int, reached: str) -> None:
    """Wrap `module:attribute`, or `module:Class.method`. Raises where there is none of that name."""
    module, _, path = at.partition(":")
    *outer, name = path.split(".")
    owner: Any = functools.reduce(getattr, outer, importlib.import_module(module))
    before: Callable[..., Any] = getattr(owner, name)
    kind = vars(owner).get(name)
    lock, count = threading.Lock(), iter(range(1, 1 << 60))

    @functools.wraps(before)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with lock:
            ours = next(count) == call
        if ours and when == "before":
            die(reached)
        result = before(*args, **kwargs)
        if ours:
            die(reached)
        return result

    setattr(owner, name, staticmethod(wrapped) if isinstance(kind, (staticmethod, classmethod)) else wrapped)


def die(reached: str) -> None:
    Path(reached).write_text("reached", encoding="utf-8")
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal comes before this ends


def wait_at(gate: str, ready: str) -> None:
    import newsletter.daily
    import newsletter.deliver
    import newsletter.render  # noqa: F401  all that takes time to load

    Path(ready).touch()
    while not Path(gate).exists():
        time.sleep(0.0005)


def main() -> None:
    order = json.loads(sys.argv[1])
    if "gate" in order:
        wait_at(order["gate"], order["ready"])
    if "at" in order:
        place_bomb(order["at"], order["when"], order["call"], order["reached"])
    from cli import cli

    cli(args=sys.argv[2:], prog_name="newsletter")


if __name__ == "__main__":
    main()
