"""What Python users take for more speed: aiosmtplib, on uvloop.

python parallel.py MAIL.json PORT CONNECTIONS COUNT FIRST
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import aiosmtplib
import uvloop
from mails import maker


async def lane(file: str, port: int, numbers: Iterator[int]) -> None:
    make = maker(file)
    line = aiosmtplib.SMTP(
        hostname="127.0.0.1", port=port, local_hostname="journal.example", use_tls=False, start_tls=False
    )
    async with line:
        for number in numbers:
            await line.send_message(make(number))


async def main() -> None:
    file, port, connections, count, first = sys.argv[1], *map(int, sys.argv[2:6])
    numbers = iter(range(first, first + count))
    await asyncio.gather(*(lane(file, port, numbers) for _ in range(connections)))


if __name__ == "__main__":
    uvloop.run(main())
