"""A mail server outside: python -m bench.chaos.sink --log FILE [--delay MS] [--hosts N]

Every message it accepts is in the log (one JSON object a line, written at once) BEFORE the 250 is sent, so that what
the log holds is what readers got. `--delay` is the time between the two: in it a sender cannot know. Times are of
CLOCK_MONOTONIC, which all processes of a machine share; they are those of the bytes' arrival, not of their reading.

    {"what": "began", "connection": 3, "rcpt": …, "began": …}      MAIL FROM had come at `began`, RCPT TO was accepted
    {"what": "took",  "connection": 3, "host": …, "rcpt": …, "began": …, "at": …, "id": …, "sha256": …, "bytes": …}

It listens on 127.0.0.1, and with `--hosts` on as many addresses from there on: by which of them a message came (`host`)
tells which machine sent it.

On stdin it takes orders, one JSON object a line, each answered by "ok" on stdout:

    {"delay": 0.02}     seconds from now on
    {"rules": [{"at": "RCPT", "say": "450 4.2.0 later", "every": 5, "times": 3}]}

A rule is for a step (CONNECT, EHLO, MAIL, RCPT, DATA, "." or QUIT), at each `every`th occurrence, at most `times` times
(none: always). `say` is a reply, or null for none; "hang_up": true closes the line after it; "keep": true takes a
message at its dot although the reply does not say so.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import re
import sys
import time
from collections import deque
from typing import Any

FEATURES = ("PIPELINING", "SIZE 10485760", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")
USUAL = {
    "CONNECT": "220 sink.example ESMTP",
    "EHLO": "\r\n".join(["250-sink.example", *(f"250-{one}" for one in FEATURES[:-1]), f"250 {FEATURES[-1]}"]),
    "HELO": "250 sink.example",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go ahead",
    ".": "250 2.0.0 taken",
    "RSET": "250 2.0.0 ok",
    "NOOP": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
}
ADDRESS = re.compile(rb"<([^>]*)>")
MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
END = b"\r\n.\r\n"


class Rules:
    """What was ordered, and how often each step has come."""

    def __init__(self) -> None:
        self.delay = 0.0
        self._rules: list[dict[str, Any]] = []

    def obey(self, order: dict[str, Any]) -> None:
        self.delay = float(order.get("delay", self.delay))
        if "rules" in order:
            self._rules = [{"seen": 0, "used": 0} | rule for rule in order["rules"]]

    def for_step(self, step: str) -> dict[str, Any] | None:
        """The rule for this occurrence of a step, if there is one."""
        for rule in self._rules:
            if rule["at"] != step:
                continue
            rule["seen"] += 1
            if rule["seen"] % rule.get("every", 1) == 0 and rule["used"] < rule.get("times", rule["seen"]):
                rule["used"] += 1
                return rule
        return None


class Log:
    """Lines that are in the file when `write` returns; O_APPEND, so that a killed sink leaves whole lines."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, **entry: object) -> None:
        os.write(self._file, json.dumps(entry).encode() + b"\n")


class Talk(asyncio.Protocol):
    """One connection. Bytes are stamped when they arrive; commands are answered one after the other."""

    count = 0

    def __init__(self, log: Log, rules: Rules) -> None:
        self._log = log
        self._rules = rules
        self._buffer = bytearray()
        self._offset = 0  # of the buffer's first byte in the whole stream
        self._arrivals: deque[tuple[int, float]] = deque()  # (end of a piece in the stream, when it came)
        self._in_message = self._waiting = False
        self._gone = False  # the client: what had come of it is taken all the same, as any server would
        self._ended = False  # by ourselves
        self._looked = 0  # how far the buffer was searched for the message's end
        self._rcpt: str | None = None
        self._began = 0.0
        Talk.count += 1
        self._number = Talk.count

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._host: str = transport.get_extra_info("sockname")[0]
        self._answer("CONNECT")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._arrivals.append((self._offset + len(self._buffer), time.monotonic()))
        self._go_on()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        self._gone = True

    def _go_on(self) -> None:
        while not self._waiting and not self._ended:
            if not (self._message() if self._in_message else self._command()):
                return

    def _cut(self, length: int) -> tuple[bytes, float]:
        """Take so many bytes out of the buffer, with the moment at which the last of them came."""
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._offset += length
        while self._arrivals[0][0] < self._offset:
            self._arrivals.popleft()
        return taken, self._arrivals[0][1]

    def _command(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            return False
        line, came = self._cut(end + 1)
        verb = line[:4].decode("ascii", "replace").strip().upper()
        found = ADDRESS.search(line)
        address = found[1].decode("utf-8", "replace") if found else ""
        if verb not in USUAL:
            self._say("500 5.5.2 what?")
        elif verb in ("MAIL", "RCPT"):
            self._envelope(verb, address, came)
        elif verb == "DATA" and self._rcpt is None:
            self._say("503 5.5.1 no valid recipient")
        else:
            yes = self._answer(verb)
            if verb == "DATA" and yes:
                self._in_message, self._looked = True, 0
            elif verb == "QUIT":
                self._hang_up()
        return True

    def _envelope(self, verb: str, address: str, came: float) -> None:
        if verb == "MAIL":
            self._rcpt, self._began = None, came
        if self._answer(verb) and verb == "RCPT":
            self._rcpt = address
            self._log.write(what="began", connection=self._number, rcpt=address, began=self._began)

    def _message(self) -> bool:
        if self._buffer.startswith(END[2:]):
            length = 3
        else:
            found = self._buffer.find(END, max(0, self._looked - len(END)))
            if found < 0:
                self._looked = len(self._buffer)
                return False
            length = found + len(END)
        content, came = self._cut(length)
        self._in_message = False
        rule = self._rules.for_step(".")
        if rule is None or rule.get("keep"):
            self._keep(content[:-3], came)
        if self._rules.delay:
            self._waiting = True
            asyncio.get_running_loop().call_later(self._rules.delay, self._after_delay, rule)
        else:
            self._reply(".", rule)
        return True

    def _keep(self, content: bytes, came: float) -> None:
        found = MESSAGE_ID.search(content[:8192])
        self._log.write(
            what="took",
            connection=self._number,
            host=self._host,
            rcpt=self._rcpt,
            began=self._began,
            at=came,
            id=found[1].decode("ascii", "replace") if found else None,
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
        )
        self._rcpt = None

    def _after_delay(self, rule: dict[str, Any] | None) -> None:
        self._waiting = False
        self._reply(".", rule)
        self._go_on()

    def _answer(self, step: str) -> bool:
        """Reply to a step; True where the reply is the usual one."""
        return self._reply(step, self._rules.for_step(step))

    def _reply(self, step: str, rule: dict[str, Any] | None) -> bool:
        said: str = (rule.get("say") or "") if rule else USUAL[step]
        if said:
            self._say(said)
        if rule and rule.get("hang_up"):
            self._hang_up()
        return said[:1] in ("2", "3")

    def _say(self, text: str) -> None:
        if not self._gone and not self._ended:
            self._transport.write(text.encode() + b"\r\n")

    def _hang_up(self) -> None:
        self._ended = True
        self._transport.close()


async def serve(log: Log, rules: Rules, port: int, hosts: int = 1) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Talk(log, rules), "127.0.0.1", port, backlog=200)
    port = server.sockets[0].getsockname()[1]
    others = [f"127.0.0.{number}" for number in range(2, hosts + 1)]
    more = [await loop.create_server(lambda: Talk(log, rules), host, port, backlog=200) for host in others]
    over = asyncio.Event()

    def order() -> None:
        line = sys.stdin.readline()
        if not line:  # whoever started us has gone
            over.set()
            return
        rules.obey(json.loads(line))
        sys.stdout.write("ok\n")
        sys.stdout.flush()

    loop.add_reader(sys.stdin, order)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await over.wait()
    for one in (server, *more):
        one.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A mail server that writes down what it takes before it says so.")
    parser.add_argument("--log", required=True, metavar="FILE")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one; it is printed")
    parser.add_argument("--delay", type=float, default=0, metavar="MS", help="between accepting and saying so")
    parser.add_argument(
        "--hosts", type=int, default=1, metavar="N", help="listen on so many addresses, from 127.0.0.1 on"
    )
    wanted = parser.parse_args()
    rules = Rules()
    rules.delay = wanted.delay / 1000
    asyncio.run(serve(Log(wanted.log), rules, wanted.port, wanted.hosts))


if __name__ == "__main__":
    main()
