"""Python's own way: smtplib and EmailMessage, one connection a process.

python plain.py MAIL.json PORT PROCESSES COUNT FIRST
"""

from __future__ import annotations

import multiprocessing
import smtplib
import sys

from mails import maker


def send(file: str, port: int, numbers: range) -> None:
    make = maker(file)
    with smtplib.SMTP("127.0.0.1", port, local_hostname="journal.example") as line:
        for number in numbers:
            line.send_message(make(number))


def main() -> None:
    file, port, processes, count, first = sys.argv[1], *map(int, sys.argv[2:6])
    everybody = range(first, first + count)
    if processes == 1:
        send(file, port, everybody)
        return
    context = multiprocessing.get_context("fork")
    shares = [everybody[share::processes] for share in range(processes)]
    workers = [context.Process(target=send, args=(file, port, share)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        sys.exit(1)


if __name__ == "__main__":
    main()
