"""The whole crash programme, or a part of it: the report as Markdown on stdout, and as JSON in a file.

Leaves with 1 where something failed, and with 2 where something could not be run and nothing failed.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.chaos import finding
from bench.chaos.cluster import clusters
from bench.chaos.ends import sigterms
from bench.chaos.finding import Finding, World, markdown
from bench.chaos.full import full_disk
from bench.chaos.kills import random_kills
from bench.chaos.leave import races
from bench.chaos.locks import locked_out
from bench.chaos.place import DATABASES, POLICIES, Server, Workshop
from bench.chaos.power import power_cuts
from bench.chaos.starts import many_starts, stopped_sender
from bench.chaos.steps import named_steps

LITE = ("sqlite",)
ONE = ("resend",)  # where the policy changes nothing


@dataclass(frozen=True, slots=True)
class Part:
    """A check, how many trials the whole has of it, and over which databases and policies these are spread."""

    run: Callable[[World, str, str, int], Finding]
    whole: int
    databases: tuple[str, ...] = DATABASES
    policies: tuple[str, ...] = POLICIES

    def share(self, trials: int) -> int:
        """Trials for each database and policy."""
        return -(-trials // (len(self.databases) * len(self.policies)))


PARTS = {
    "kills": Part(lambda world, base, policy, n: random_kills(world, base, policy, kills=n, readers=2000), 200),
    "steps": Part(lambda world, base, policy, n: named_steps(world, base, policy), 4),
    "ends": Part(lambda world, base, policy, n: sigterms(world, base, policy, trials=n, readers=500), 40),
    "starts": Part(lambda world, base, policy, n: many_starts(world, base, policy, races=n), 100, policies=ONE),
    "stopped": Part(lambda world, base, policy, n: stopped_sender(world, base, policy, trials=n), 6, policies=ONE),
    "locked": Part(
        lambda world, base, policy, n: locked_out(world, base, policy, trials=n, seconds=60), 4, policies=ONE
    ),
    "full": Part(lambda world, base, policy, n: full_disk(world, base, policy, trials=n), 20, databases=LITE),
    "power": Part(lambda world, base, policy, n: power_cuts(world, base, policy, cuts=n, readers=500), 100),
    "cluster": Part(lambda world, base, policy, n: clusters(world, policy, trials=n), 2, databases=("postgresql",)),
    "leave": Part(lambda world, base, policy, n: races(world, base, policy, number=n), 1000, policies=ONE),
}


def main() -> int:
    wanted = _wanted()
    seed = random.SystemRandom().randrange(10**6) if wanted.seed is None else wanted.seed
    _say(f"seed {seed}; the same trials again: --seed {seed}")
    findings: list[Finding] = []
    began = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(130))  # so that all that was started and mounted is ended
    with tempfile.TemporaryDirectory(prefix="chaos-", dir=wanted.folder) as folder:
        server = Server(Path(folder) / "postgres")
        world = World(Workshop(Path(folder), server, dict(wanted.set)), seed, wanted.delay)
        try:
            for found in _run(world, wanted):
                findings.append(found)
                what = f"{found.check}, {found.database}, {found.policy}"
                _say(f"{found.state}: {what}: {found.trials} trials, {found.figures}")
                for problem in found.problems:
                    _say(f"  {problem}")
        finally:
            server.close()
    sys.stdout.write(markdown(findings, seed))
    if wanted.json:
        report = {"seed": seed, "seconds": round(time.monotonic() - began), "machine": _machine()}
        rows = [found.as_dict() for found in findings]
        Path(wanted.json).write_text(json.dumps(report | {"findings": rows}, indent=2) + "\n", encoding="utf-8")
    states = {found.state for found in findings}
    return 1 if finding.FAILED in states else 2 if finding.NOT_RUN in states else 0


def _run(world: World, wanted: argparse.Namespace) -> Iterator[Finding]:
    for name in wanted.only:
        part = PARTS[name]
        trials = wanted.trials or part.whole
        for base in part.databases:
            for policy in part.policies:
                if base in wanted.database and policy in wanted.policy:
                    yield _try(part, name, world, base, policy, part.share(trials))


def _try(part: Part, name: str, world: World, base: str, policy: str, trials: int) -> Finding:
    """A check that breaks off has failed, and the others go on."""
    try:
        return part.run(world, base, policy, trials)
    except Exception as error:
        told = "".join(traceback.format_exception(error)[-3:])
        return Finding(name, base, policy, "", problems=[f"the check itself broke off: {told}"]).ended()


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="makes the same trials again; moments vary with the machine")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts")
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--policy", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--trials", type=int, help="of each part, over databases and policies; default: the whole")
    parser.add_argument(
        "--delay", type=float, default=4, metavar="MS", help="between the sink's accepting and its reply"
    )
    parser.add_argument("--set", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), help="in [delivery]")
    parser.add_argument("--folder", metavar="DIR", help="where the newsrooms are made; default: the system's")
    parser.add_argument("--json", metavar="FILE", help="write the report there too")
    wanted = parser.parse_args()
    wanted.set = [(key, _value(text)) for key, text in wanted.set]
    return wanted


def _value(text: str) -> Any:
    """A number or a boolean as JSON writes it, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def _say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
