"""A real mail server: Debian's Postfix, with a configuration, a queue and ports of its own. What the machine has in
/etc/postfix is not touched, and no mail leaves it.

It takes mail for two domains: `lecteurs.example`, where `ama` has a mailbox and others have none, and
`bounces.example`, where reports about mails that cannot be delivered arrive in a Maildir, whatever stands behind the +.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dovecot import free_port, mail_account, make_maildir, wait_for_port
from tests.needs import needs, needs_root

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}/log
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.bounces.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
disable_dns_lookups = yes
default_transport = error:5.7.1 no mail leaves this machine
relay_transport = error:5.7.1 no mail leaves this machine
local_transport = error:5.1.1 nobody lives here
smtpd_reject_unlisted_recipient = no
recipient_delimiter = +
virtual_mailbox_domains = lecteurs.example, bounces.example
virtual_mailbox_maps = inline:{{ {{ama@lecteurs.example=ama/}}, {{b@bounces.example=bounces/}} }}
virtual_mailbox_base = {folder}/mail
virtual_minimum_uid = 100
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
error     unix - - n - - error
retry     unix - - n - - error
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    relay: str  # host:port
    maildir: Path  # of bounces.example
    readers: Path  # the Maildir of ama@lecteurs.example
    log: Path

    def wait_for_mail(self, count: int = 1, maildir: Path | None = None, seconds: float = 60) -> list[Path]:
        """The new mails of a Maildir, that of the reports where no other is named, as soon as there are so many."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = sorted((maildir or self.maildir).glob("new/*"))
            if len(found) >= count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no mail came: {self.log.read_text(encoding='utf-8')[-3000:]}")


@contextmanager
def running() -> Iterator[Postfix]:
    """Postfix, until the block ends."""
    program = needs("postfix")
    needs_root()
    owner = pwd.getpwnam("postfix")
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    folder.chmod(0o755)
    try:
        port = free_port()
        for name in ("conf", "queue", "data", "log", "mail"):
            (folder / name).mkdir(mode=0o755)
        os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
        os.chown(folder / "mail", *mail_account())
        uid, gid = mail_account()
        (folder / "conf" / "main.cf").write_text(MAIN.format(folder=folder, uid=uid, gid=gid), encoding="utf-8")
        (folder / "conf" / "master.cf").write_text(MASTER.format(port=port), encoding="utf-8")
        found = Postfix(
            f"127.0.0.1:{port}",
            make_maildir(folder / "mail" / "bounces"),
            make_maildir(folder / "mail" / "ama"),
            folder / "log" / "mail.log",
        )
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen([program, "-c", folder / "conf", "start-fg"], stdout=said, stderr=said)
        try:
            wait_for_port(port, process, folder / "said")
            yield found
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postfix() -> Iterator[Postfix]:
    with running() as found:
        yield found
