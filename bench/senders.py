"""Who sends: ours through `python cli.py send`, and what others use. Each as a command line.

Peers are installed when they are needed, into bench/.cache (git-ignored); one that cannot be is left out, and says why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import newsroom
from bench.sinks import program

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".cache"
NODEMAILER = "nodemailer@10"
AIOSMTPLIB = ("aiosmtplib>=5,<6", "uvloop>=0.22,<1")
SOURCE_HEAD = 143  # bytes of header that smtp-source writes by itself
LANES = newsroom.CONNECTIONS


class Missing(Exception):
    """A sender that cannot take part, and why."""


@dataclass(frozen=True)
class Job:
    """One run: so many mails to the sink on that port."""

    port: int
    count: int
    mail: Path  # what peers send, as JSON
    size: int  # bytes of one of our messages


@dataclass(frozen=True)
class Sender:
    """`line` makes its command; ours have none, since they need a newsroom of their own."""

    name: str
    label: str
    pilot: int = 200  # mails of the first, calibrating run
    lanes: int = LANES  # connections at once
    line: Callable[[Job], list[str]] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    extra: str = ""  # tables of newsletter.toml besides

    @property
    def ours(self) -> bool:
        return self.line is None


def every(folder: Path, names: set[str] | None, say: Callable[[str], None]) -> tuple[list[Sender], dict[str, str]]:
    """All that can take part, of those named; and why the others cannot. `folder` is for keys."""
    makers: dict[str, Callable[[Path], Sender]] = {
        "smtp-source": _smtp_source,
        "ours": lambda _: Sender("ours", "newsletter send", database="sqlite"),
        "ours-postgresql": lambda _: Sender("ours-postgresql", "newsletter send, PostgreSQL", database="postgresql"),
        "ours-ed25519": lambda keys: _signed(keys, "Ed25519", ed25519=True),
        "ours-rsa": lambda keys: _signed(keys, "RSA-2048", rsa=True),
        "ours-both": lambda keys: _signed(keys, "both", rsa=True, ed25519=True),
        "nodemailer": _nodemailer,
        "smtplib": lambda _: _smtplib(1),
        "smtplib-processes": lambda _: _smtplib(len(os.sched_getaffinity(0))),
        "aiosmtplib": _aiosmtplib,
    }
    found: list[Sender] = []
    without: dict[str, str] = {}
    for name, make in makers.items():
        if names is not None and name not in names:
            continue
        try:
            found.append(make(folder))
        except Missing as reason:
            without[name] = str(reason)
            say(f"without {name}: {reason}")
    return found, without


# --- Ours, signed -----------------------------------------------------------------------------------


def _signed(folder: Path, label: str, *, rsa: bool = False, ed25519: bool = False) -> Sender:
    words = [sys.executable, str(newsroom.ROOT / "cli.py"), "dkim", "--help"]
    if subprocess.run(words, capture_output=True, check=False).returncode:  # noqa: S603
        raise Missing("this version of the program does not sign")
    lines = ["", "[dkim]", 'domain = "journal.example"']
    if rsa:
        file = _key(folder, "rsa.pem", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        lines += ['selector = "lettre"', f'key_file = "{file}"']
    if ed25519:
        file = _key(folder, "ed25519.pem", "-algorithm", "ED25519")
        lines += ['ed25519_selector = "lettre-ed"', f'ed25519_key_file = "{file}"']
    name = "ours-both" if rsa and ed25519 else "ours-rsa" if rsa else "ours-ed25519"
    sender = Sender(name, f"newsletter send, DKIM {label}", database="sqlite", extra="\n".join(lines) + "\n")
    _try_out(folder / name, sender)
    return sender


def _try_out(folder: Path, sender: Sender) -> None:
    newsroom.write_folder(folder)
    newsroom.set_way_out(folder, 25, sender.extra)
    words = newsroom.command(folder, "config")
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=newsroom.environ())  # noqa: S603
    if done.returncode:
        said = " ".join(done.stderr.replace(f"{folder}/", "").split())
        raise Missing(f"its configuration is refused: {said}")


def _key(folder: Path, name: str, *how: str) -> Path:
    """A private key, as PKCS 8 in PEM, for its owner alone."""
    file = folder / name
    if not file.exists():
        openssl = program("openssl")
        if openssl is None:
            raise Missing("openssl is not installed")
        file.touch(mode=0o600)
        subprocess.run([openssl, "genpkey", *how, "-out", str(file)], check=True, capture_output=True)  # noqa: S603
    return file


# --- Others -----------------------------------------------------------------------------------------


def _smtp_source(_folder: Path) -> Sender:
    binary = program("smtp-source")
    if binary is None:
        raise Missing("smtp-source is not installed (package postfix)")

    def line(job: Job) -> list[str]:
        sizes = ["-s", str(LANES), "-l", str(job.size - SOURCE_HEAD), "-m", str(job.count)]
        who = ["-M", "journal.example", "-N", "-f", "lettre@journal.example", "-t", "lecteur@lecteurs.example"]
        return [binary, "-d", *sizes, *who, f"127.0.0.1:{job.port}"]

    return Sender("smtp-source", f"smtp-source, {LANES} sessions (C, one fixed body)", pilot=2000, line=line)


def _nodemailer(_folder: Path) -> Sender:
    node, npm = program("node"), program("npm")
    if node is None or npm is None:
        raise Missing("node and npm are not installed")
    modules = CACHE / "node" / "node_modules"
    if not (modules / "nodemailer").exists():
        words = [npm, "install", "--silent", "--no-package-lock", "--no-save", "--prefix", str(CACHE / "node")]
        _install([*words, NODEMAILER])
    version = json.loads((modules / "nodemailer" / "package.json").read_text(encoding="utf-8"))["version"]
    script = str(HERE / "peers" / "nodemailer.mjs")
    return Sender(
        "nodemailer",
        f"nodemailer {version}, pooled, {LANES} connections",
        line=lambda job: [node, script, str(job.mail), str(job.port), str(LANES), str(job.count), "0"],
        environ={"BENCH_NODE_MODULES": str(modules), "NODE_ENV": "production"},
    )


def _smtplib(processes: int) -> Sender:
    script = str(HERE / "peers" / "plain.py")
    many = f"{processes} processes" if processes > 1 else "1 connection"
    return Sender(
        "smtplib" if processes == 1 else "smtplib-processes",
        f"smtplib, {many}",
        pilot=100,
        lanes=processes,
        line=lambda job: [sys.executable, script, str(job.mail), str(job.port), str(processes), str(job.count), "0"],
    )


def _aiosmtplib(_folder: Path) -> Sender:
    target = CACHE / "python"
    if not (target / "aiosmtplib").exists() or not (target / "uvloop").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _install([*pip, "--target", str(target), *AIOSMTPLIB])
    script = str(HERE / "peers" / "parallel.py")
    return Sender(
        "aiosmtplib",
        f"aiosmtplib, {LANES} connections, uvloop",
        pilot=100,
        line=lambda job: [sys.executable, script, str(job.mail), str(job.port), str(LANES), str(job.count), "0"],
        environ={"PYTHONPATH": str(target)},
    )


def _install(words: list[str]) -> None:
    CACHE.mkdir(exist_ok=True)
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise Missing("its installation took more than five minutes") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise Missing(f"it cannot be installed: {last}")
