"""Power cuts (R07): the process is killed, and the newsroom's folder put back to what had been synced (see shadow.c).

The machine that starts anew has another boot id: whoever reads /proc/sys/kernel/random/boot_id is shown another one.
PostgreSQL's own files are PostgreSQL's affair: there only the newsroom's folder is put back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.chaos.finding import Finding, World
from bench.chaos.kills import Cut, rounds
from bench.chaos.place import Place

SOURCE = Path(__file__).with_name("shadow.c")
# Whatever stands there at the beginning is durable: each file and folder is synced, under the library itself.
SYNC = """
import os, sys
for folder, _, files in os.walk(sys.argv[1], topdown=False):
    for name in [*files, "."]:
        fd = os.open(os.path.join(folder, name), os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
"""


class Shadow:
    """Keeps what a power cut would leave of `folder`; `beside` is where it keeps it."""

    def __init__(self, library: Path, folder: Path, beside: Path) -> None:
        self._folder = folder.resolve()
        self._beside = beside
        self._boot_id = beside / "boot_id"
        self.environ = {
            "LD_PRELOAD": str(library),
            "SHADOW_OF": str(self._folder),
            "SHADOW": str(beside),
            "SHADOW_BOOT_ID": str(self._boot_id),
        }
        self._begin()

    def cut(self) -> None:
        """Leave in the folder what was durable, and start the machine anew. Nobody may be writing there any more."""
        durable = {
            name.name.replace("\1", "/"): self._content(name.read_text(encoding="utf-8"))
            for name in (self._beside / "names").iterdir()
        }
        for file in [path for path in self._folder.rglob("*") if path.is_file()]:
            file.unlink()
        for name, content in durable.items():
            (self._folder / name).write_bytes(content)
            (self._folder / name).chmod(0o600)
        self._begin()

    def _content(self, inode: str) -> bytes:
        """As it was synced; of a file that never was, only the name is left."""
        kept = self._beside / "inodes" / inode
        return kept.read_bytes() if kept.exists() else b""

    def _begin(self) -> None:
        for part in ("inodes", "names"):
            shutil.rmtree(self._beside / part, ignore_errors=True)
            (self._beside / part).mkdir(parents=True)
        self._boot_id.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
        command = [sys.executable, "-c", SYNC, str(self._folder)]
        subprocess.run(command, env=os.environ | self.environ, check=True)  # noqa: S603  our own command


def build(folder: Path) -> Path | None:
    """The library, compiled; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "shadow.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True)  # noqa: S603
    return library


def power_cuts(world: World, database: str, policy: str, *, cuts: int, readers: int, per_round: int = 5) -> Finding:
    """So many cuts at random moments. In doubt are at most as many as were claimed at once."""
    found = Finding("power cut", database, policy, "R07")
    library = build(world.workshop.folder)
    if library is None:
        found.not_run = "no C compiler for the library that keeps what was synced"
        return found.ended()

    @contextmanager
    def cutter(place: Place) -> Iterator[Cut]:
        beside = world.workshop.folder / f"shadow-{place.folder.name}"
        shadow = Shadow(library, place.folder, beside)
        yield Cut(shadow.environ, shadow.cut)
        shutil.rmtree(beside)

    rounds(world, found, cuts, readers, per_round, bound=world.workshop.claim_size, cutter=cutter)
    return found.ended()
