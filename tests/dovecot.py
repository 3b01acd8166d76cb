"""A real IMAP server: Dovecot, in a folder of its own, for one user, with a certificate that only its test trusts."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.needs import needs

USER, PASSWORD = "retours@bounces.example", 'un "mot" de passe \\ épineux'

CONF = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = {tls_only}
auth_mechanisms = plain login
first_valid_uid = 1
mail_location = maildir:{maildir}
{more}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True)
class Dovecot:
    plain: int  # the port where STARTTLS is offered
    tls: int
    maildir: Path
    context: ssl.SSLContext  # trusts its certificate
    log: Path

    def deliver(self, raw: bytes, name: str) -> None:
        """As a mail server does."""
        file = self.maildir / "tmp" / name
        file.write_bytes(raw)
        give(file)
        file.rename(self.maildir / "new" / name)


def mail_account() -> tuple[int, int]:
    """Whose the mails are: ourselves, or nobody where we are root, which Dovecot does not let read mails."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def give(path: Path) -> None:
    if os.getuid() == 0:
        os.chown(path, *mail_account())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as place:
        return int(place.getsockname()[1])


def make_maildir(path: Path) -> Path:
    for folder in (path, path / "tmp", path / "new", path / "cur"):
        folder.mkdir(mode=0o700)
        give(folder)
    return path


@contextmanager
def running(maildir: Path | None = None, *, tls_only: bool = True, more: str = "") -> Iterator[Dovecot]:
    """Dovecot over that Maildir, or one of its own, until the block ends."""
    program = needs("dovecot")
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))  # short, for its sockets; and others may pass through it
    folder.chmod(0o711)
    try:
        (folder / "home").mkdir()
        give(folder / "home")
        maildir = maildir or make_maildir(folder / "Maildir")
        context = certificate(folder)
        (folder / "passwd").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
        (folder / "passwd").chmod(0o644)
        ports = free_port(), free_port()
        (folder / "conf").write_text(_conf(folder, maildir, ports, tls_only, more), encoding="utf-8")
        process = subprocess.Popen(
            [program, "-F", "-c", folder / "conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_for_port(ports[0], process, folder / "log")
            yield Dovecot(*ports, maildir, context, folder / "log")
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _conf(folder: Path, maildir: Path, ports: tuple[int, int], tls_only: bool, more: str) -> str:
    uid, gid = mail_account()
    me = pwd.getpwuid(os.getuid()).pw_name
    root = me == "root"
    return CONF.format(
        folder=folder,
        internal="dovecot" if root else me,
        internal_group="dovecot" if root else "",
        login="dovenull" if root else me,
        tls_only="yes" if tls_only else "no",
        maildir=maildir,
        uid=uid,
        gid=gid,
        plain=ports[0],
        tls=ports[1],
        more=more,
    )


def certificate(folder: Path) -> ssl.SSLContext:
    """server.pem and server.key for localhost, and a context that trusts them."""
    subprocess.run(
        [
            *(
                needs("openssl"),
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", folder / "server.key", "-out", folder / "server.pem"),
        ],
        check=True,
        capture_output=True,
    )
    return ssl.create_default_context(cafile=str(folder / "server.pem"))


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
    raise AssertionError(f"it does not begin: {said}")
