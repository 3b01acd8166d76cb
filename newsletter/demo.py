"""The sample newsroom, set up in a folder and sent through the real road."""

from __future__ import annotations

import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from newsletter import config, imports
from newsletter.errors import BadData
from newsletter.newsroom import Newsroom

SAMPLE = Path(__file__).parent / "sample"
CONSENT = "lecteurs inventés pour la démonstration"
AGE = re.compile(r"^age: *(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)? *$", re.MULTILINE)


def set_up(folder: Path, now: datetime) -> Newsroom:
    """The sample newsroom in `folder`, its articles dated relative to `now`. One that stands there is left as it is.

    Raises BadData where the folder cannot be written.
    """
    path = folder / config.FILE_NAME
    try:
        if not path.exists():
            _write_articles(folder / "articles", now)
            shutil.copytree(SAMPLE / "pictures", folder / "articles" / "pictures", dirs_exist_ok=True)
            shutil.copy(SAMPLE / config.FILE_NAME, path)
    except OSError as error:
        raise BadData(f"{folder}: {error.strerror}") from None
    room = Newsroom(config.load(path, environ={}))
    imports.import_file(room, SAMPLE / "subscribers.csv", CONSENT)
    return room


def _write_articles(folder: Path, now: datetime) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted((SAMPLE / "articles").glob("*.md")):
        text = AGE.sub(lambda match: f"date: {(now - _age(match)).isoformat(timespec='seconds')}", _text(file), count=1)
        (folder / file.name).write_text(text, encoding="utf-8")


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _age(match: re.Match[str]) -> timedelta:
    days, hours, minutes = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)
