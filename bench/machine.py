"""What the figures hang on."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
import tempfile
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.newsroom import ROOT
from bench.senders import CACHE
from bench.sinks import program
from bench.web import _commit_ms as commit_ms


def describe(folder: Path) -> dict[str, Any]:
    """Cores, processor, memory, kernel, versions, the day; how long a commit takes on the disk of `folder`."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _first(Path("/proc/cpuinfo"), r"^model name\s*: (.+)$") or platform.processor(),
        "memory_gb": round(int(_first(Path("/proc/meminfo"), r"^MemTotal:\s+(\d+) kB") or 0) / 1024**2, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 1),
        "commit_ms": commit_ms(folder / "commit.db"),
        "program": _said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD") or "unknown",
    }


def versions() -> dict[str, str]:
    """Of everything that takes part, as far as it is there."""
    found = {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postfix": _said("postconf", "-d", "-h", "mail_version"),
        "openssl": _said("openssl", "version").removeprefix("OpenSSL ").partition(" ")[0],
        "gcc": _said("gcc", "-dumpfullversion"),
        "node": _said("node", "--version").removeprefix("v"),
        "sqlalchemy": metadata.version("sqlalchemy"),
    }
    for folder in sorted(CACHE.glob("python/*.dist-info")):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        found[name] = version
    return {name: version for name, version in found.items() if version}


def rsa_signs(seconds: int) -> float | None:
    """How many RSA-2048 signatures one core makes in a second; None where openssl does not say."""
    said = _said("openssl", "speed", "-seconds", str(seconds), "rsa2048")
    found = re.search(r"^rsa\s+2048 bits\s+\S+s\s+\S+s\s+([\d.]+)\s+([\d.]+)", said, re.MULTILINE)
    return float(found[1]) if found else None


def postgres_version(url: str) -> str:
    from sqlalchemy import create_engine, make_url, text

    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        version = str(connection.execute(text("SHOW server_version")).scalar_one())
    engine.dispose()
    return version


def temporary(folder: str | None) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="newsletter-bench-", dir=folder)


def _first(file: Path, pattern: str) -> str:
    found = re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE) if file.exists() else None
    return found[1] if found else ""


def _said(name: str, *words: str) -> str:
    """What a program prints; nothing where it is not there."""
    path = program(name)
    if path is None:
        return ""
    return subprocess.run([path, *words], capture_output=True, text=True, check=False, cwd=ROOT).stdout.strip()  # noqa: S603
