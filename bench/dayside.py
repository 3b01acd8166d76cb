"""What an editor waits for: the start of a command, and a day of ten sources and thirty articles."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench import newsroom
from bench.rounds import middle
from bench.runs import Ground, timed

SOURCES, ARTICLES = 10, 30
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>Rubrique {number}</title><link>https://journal.example/{number}/</link><description>Une rubrique</description>
{items}
</channel></rss>
"""
ITEM = """<item><title>{title}</title><link>{link}</link><guid isPermaLink="false">{link}</guid>
<pubDate>{date}</pubDate><category>{section}</category>
<description>{summary}</description><content:encoded><![CDATA[{body}]]></content:encoded></item>"""


def startup(ground: Ground, times: int) -> dict[str, Any]:
    """`--help`, and `status` with ten thousand subscribers; beside them Python alone."""
    found = {}
    with ground.lists.newsroom("sqlite", 10_000) as folder:
        timed(newsroom.command(folder, "status"), ground.folder)  # compiles, and brings the database up to date
        for name, words in {
            "python": [sys.executable, "-c", ""],
            "--help": newsroom.command(folder, "--help"),
            "status": newsroom.command(folder, "status"),
        }.items():
            found[name] = _middles([timed(words, ground.folder) for _ in range(times)])
            ground.say(f"  {name}: {found[name]['seconds']} s")
    return found


def day(ground: Ground, times: int) -> dict[str, Any]:
    """`collect` of ten feeds on this machine, and `preview`, which collects, picks and renders, from nothing."""
    took: dict[str, list[dict[str, Any]]] = {"collect": [], "preview": []}
    with _feeds() as (port, asked):
        for _ in range(times):
            for name, runs in took.items():
                folder = ground.folder / "day"
                _write_folder(folder, port)
                out = ["--out", str(folder / "preview")] if name == "preview" else []
                runs.append(timed(newsroom.command(folder, name, *out), ground.folder))
                html = (folder / "preview" / "edition.html").read_bytes() if name == "preview" else b""
                shutil.rmtree(folder)
    if len(asked) != SOURCES * times * len(took):
        ground.wrong.append(f"a day: {len(asked)} feeds were asked for")
    found: dict[str, Any] = {name: _middles(runs) for name, runs in took.items()}
    found |= {"sources": SOURCES, "articles": ARTICLES, "html_bytes": len(html), "shown": html.count(b"<h3") + 1}
    ground.say(f"  a day: collect {found['collect']['seconds']} s, preview {found['preview']['seconds']} s")
    return found


def _middles(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: middle([one[name] for one in runs], 3) for name in runs[0]}


# --- Ten sources ------------------------------------------------------------------------------------


def _write_folder(folder: Path, port: int) -> None:
    folder.mkdir()
    toml = newsroom.SITE.format(database="sqlite:///subscribers.db", articles=ARTICLES)
    for number in range(SOURCES):
        toml += f'[[sources]]\nkind = "feed"\nurl = "http://127.0.0.1:{port}/{number}/feed/"\n'
        toml += "allow_private_network = true\n"
    (folder / "newsletter.toml").write_text(toml, encoding="utf-8")


@contextmanager
def _feeds() -> Iterator[tuple[int, list[str]]]:
    """A site with ten feeds; gives its port, and the list of what is asked for."""
    pages = {f"/{number}/feed/": page.encode() for number, page in enumerate(_pages())}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            page = pages.get(self.path, b"")
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _pages() -> Iterator[str]:
    """The ten articles in three shapes each: every feed carries three, with the whole text."""
    files = sorted((newsroom.EDITION / "articles").glob("*.md"))
    now = datetime.now(UTC)
    for number, file in enumerate(files[:SOURCES]):
        front, _, body = file.read_text(encoding="utf-8").removeprefix("---\n").partition("\n---\n")
        words = dict(line.split(": ", 1) for line in front.splitlines())
        text = "".join(f"<p>{escape(part)}</p>" for part in body.split("\n\n") * 4)
        items = [
            ITEM.format(
                title=escape(f"{start}{words['titre'].strip(chr(34))}"),
                link=f"{words['url']}{turn}/",
                date=format_datetime(now - timedelta(hours=1, minutes=10 * turn + number)),
                section=words["rubrique"],
                summary=escape(words["chapo"].strip('"')),
                body=text,
            )
            for turn, start in enumerate(("", "Suite : ", "Réactions : "))
        ]
        yield FEED.format(number=number, items="\n".join(items))
