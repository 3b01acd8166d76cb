"""Where the time of one `newsletter send` goes: python -m bench.profile

The program runs in this very process, into a fastsink, and a thread looks again and again at what all the
others are doing: a function counts for itself where it stands at the top, and as part of a whole where it stands below.
Waiting counts too (a lock, a reply, the disk), so this tells where the time goes, not the CPU. It costs some speed.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from bench import machine, newsroom, sinks
from bench.newsroom import Lists

EVERY = 0.005  # seconds


class Looker(threading.Thread):
    """Counts, for each thread's name, in which functions it was seen: at the top, and anywhere."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.looks = 0
        self.top: Counter[str] = Counter()
        self.within: Counter[str] = Counter()
        self.threads: Counter[str] = Counter()

    def run(self) -> None:
        while not self.over.wait(EVERY):
            self.looks += 1
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            for ident, frame in sys._current_frames().items():
                if ident != self.ident:
                    self._see(names.get(ident, "?"), frame)

    def _see(self, name: str, frame: FrameType | None) -> None:
        self.threads[name] += 1
        if frame is not None:
            self.top[_place(frame, line=True)] += 1
        seen = set()
        while frame is not None:
            seen.add(_place(frame))
            frame = frame.f_back
        self.within.update(seen)


def _place(frame: FrameType, *, line: bool = False) -> str:
    path = Path(frame.f_code.co_filename)
    short = "/".join(path.parts[-2:])
    return f"{short}:{frame.f_lineno} {frame.f_code.co_name}" if line else f"{short} {frame.f_code.co_name}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description="Where the time of a send goes.")
    parser.add_argument("--count", type=int, default=2000, help="subscribers")
    parser.add_argument("--show", type=int, default=25, help="lines of each table")
    given = parser.parse_args()
    looker = Looker()
    with machine.temporary(None) as name:
        folder = Path(name)
        binary = sinks.compile_fastsink(folder)
        with Lists(folder).newsroom("sqlite", given.count) as room, sinks.fast(binary, folder) as sink:
            newsroom.set_way_out(room, sink.port)
            looker.start()
            began = time.monotonic()
            _send(room)
            took = time.monotonic() - began
            looker.over.set()
            looker.join()
    sys.stdout.write(f"{sink.count.messages:,} messages, {took:.2f} s, {looker.looks} looks\n")
    _print("threads", looker.threads, looker.looks, given.show)
    _print("at the top: line of", looker.top, looker.looks, given.show)
    _print("anywhere below: in", looker.within, looker.looks, given.show)
    return 0


def _send(room: Path) -> None:
    """The program, in this process."""
    script, *words = newsroom.command(room, "send", "--now")[1:]
    before = sys.argv, os.getcwd()
    sys.argv = [script, *words]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.argv = before[0]
        os.chdir(before[1])


def _print(title: str, found: Counter[str], looks: int, show: int) -> None:
    lines = [f"\n{'of the time':>12}  {title}"]
    lines += [f"{100 * number / looks:11.1f}%  {place}" for place, number in found.most_common(show)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
