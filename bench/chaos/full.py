"""A full disk (R06): the newsroom stands on a 4 MB tmpfs with so much left that it is full in the midst of a run; then
the space is freed (the tmpfs grows, since SQLite's log alone may take 4 MB), and the next run goes on.

Where nothing may be mounted, a limit on the size of files (RLIMIT_FSIZE) does instead: a write beyond it fails. Where
neither is to be had, the check has not been run.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.chaos.finding import SETTLE, Finding, World, look
from bench.chaos.kills import GOOD
from bench.chaos.outside import sink
from bench.chaos.place import Place

SMALL, LARGE = 4 * 1024 * 1024, 64 * 1024 * 1024


def full_disk(world: World, database: str, policy: str, *, trials: int, readers: int = 400) -> Finding:
    """Each trial with another share of what a run needs left; the space is freed, and the next run goes on."""
    found = Finding("a full disk", database, policy, "R06")
    with _disk(world) as disk:
        found.check += " (4 MB tmpfs)" if disk else " (RLIMIT_FSIZE)"
        wanted = min(_needed(world, disk, readers), SMALL // 2)
        for number in range(trials):
            share = world.chance(found.check, number).uniform(0.02, 0.9)
            _trial(world, found, disk, readers, int(wanted * share), f"trial {number}, {share:.0%} of {wanted} bytes")
    return found.ended()


@contextmanager
def _disk(world: World) -> Iterator[Path | None]:
    """A small file system of its own; None where we may not make one."""
    folder = Path(tempfile.mkdtemp(prefix="disk", dir=world.workshop.folder))
    program = shutil.which("mount") if os.geteuid() == 0 else None
    made = (
        program
        and not subprocess.run(  # noqa: S603
            [program, "-t", "tmpfs", "-o", f"size={LARGE}", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
    )
    try:
        yield folder if made else None
    finally:
        if made:
            subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S603, S607
        folder.rmdir()


def _needed(world: World, disk: Path | None, readers: int) -> int:
    """How many bytes more a whole run takes at its peak: on the disk, or by its longest file."""
    with (
        world.workshop.log() as log,
        sink(log, 0) as outside,
        world.workshop.place("sqlite", readers, port=outside.port, inside=disk) as place,
    ):
        before = most = _used(place)
        process = place.start_sending()
        while process.poll() is None:
            most = max(most, _used(place))
            time.sleep(0.005)
        if process.returncode:
            raise RuntimeError(f"without any need, the run left with {process.returncode}: {process.communicate()[1]}")
        return most - before if disk else most


def _used(place: Place) -> int:
    if place.folder.parent.is_mount():
        disk = os.statvfs(place.folder)
        return (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    return max(file.stat().st_size for file in place.folder.glob("subscribers.db*") if file.exists())


def _trial(world: World, found: Finding, disk: Path | None, readers: int, left: int, trial: str) -> None:
    with (
        world.workshop.log() as log,
        sink(log, world.delay_ms) as outside,
        world.workshop.place("sqlite", readers, port=outside.port, inside=disk, on_uncertain=found.policy) as place,
    ):
        how: dict[str, Any] = {}
        if disk:
            _resize(disk, SMALL)
            _fill(place, left)
        else:
            limit = left + 4096
            how["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        first = place.send(**how)
        held = len(outside.took())
        stopped = first.code not in (*GOOD, 1) and first.code > 0 and not first.crashed
        found.hold(stopped, f"{trial}: it left with {first.code} after {held} mails: {first.said[-300:]}")
        found.count("stopped before the first mail", not held)
        found.count("stopped in sending", 0 < held < readers)
        if disk:
            (place.folder / "ballast").unlink()
            _resize(disk, LARGE)
        time.sleep(SETTLE)
        moment = time.monotonic()
        last = place.finish()
        found.hold(last.code in GOOD, f"{trial}: with space again, the run left with {last.code}: {last.said}")
        found.add(look(place, outside, policy=found.policy, disturbed=[moment], bound=place.connections), trial)


def _resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)  # noqa: S603, S607


def _fill(place: Place, left: int) -> None:
    """Leave so many bytes free."""
    disk = os.statvfs(place.folder)
    size = disk.f_bavail * disk.f_frsize - left
    with (place.folder / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(size, 4096))
