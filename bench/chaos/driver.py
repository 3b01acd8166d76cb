"""The command line, with a bomb in it: python -m bench.chaos.driver '{"at": "module:name", …}' send --now

    {"at": "newsletter.deliver.ledger:Ledger.record", "when": "after", "call": 3, "reached": FILE}

wraps that function, writes FILE and kills its own process with SIGKILL right before, or right after, its third call:
no `finally`, no handler, no thread gets another word. A generator's or context manager's call is its making.

    {"shorten": {"newsletter.store.lease:LASTS": 4, "newsletter.store.lease:lease.renewed_every": 1}}

says how many seconds something lasts there (a module's constant, or what a function or a dataclass takes unless told
otherwise), so that a trial need not wait as long as a newsroom would.

    {"gate": FILE, "ready": FILE}

loads the program, writes `ready`, and waits until FILE is there: so several start at the same instant.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
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


def shorten(at: str, seconds: float) -> None:
    """Set `module:NAME`, or `module:function.parameter`, to so many seconds. Raises where there is no such name."""
    module, _, path = at.partition(":")
    name, _, parameter = path.partition(".")
    owner = importlib.import_module(module)
    before = getattr(owner, name)
    if parameter:
        _take_less(before, parameter, seconds)
    else:
        setattr(owner, name, _like(before, seconds))


def _take_less(function: Any, parameter: str, seconds: float) -> None:
    """What a function, or a dataclass, takes unless told otherwise."""
    function = function.__init__ if isinstance(function, type) else inspect.unwrap(function)
    defaults = {
        name: one.default
        for name, one in inspect.signature(function).parameters.items()
        if one.default is not one.empty
    }
    defaults[parameter] = _like(defaults[parameter], seconds)
    only = function.__kwdefaults__ or {}
    function.__kwdefaults__ = {name: defaults[name] for name in only}
    function.__defaults__ = tuple(value for name, value in defaults.items() if name not in only)


def _like(before: Any, seconds: float) -> Any:
    return timedelta(seconds=seconds) if isinstance(before, timedelta) else seconds


def wait_at(gate: str, ready: str) -> None:
    import newsletter.daily
    import newsletter.deliver
    import newsletter.render  # noqa: F401  all that takes time to load

    Path(ready).touch()
    while not Path(gate).exists():
        time.sleep(0.0005)


def main() -> None:
    order = json.loads(sys.argv[1])
    for at, seconds in order.get("shorten", {}).items():
        shorten(at, seconds)
    if "gate" in order:
        wait_at(order["gate"], order["ready"])
    if "at" in order:
        place_bomb(order["at"], order["when"], order["call"], order["reached"])
    from cli import cli

    cli(args=sys.argv[2:], prog_name="newsletter")


if __name__ == "__main__":
    main()
