"""What a source would give, asked without a newsroom: no database, and newsletter.toml only where there is one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from newsletter import collect as collecting
from newsletter import config
from newsletter.collect import Rules
from newsletter.config import Config, Source
from newsletter.errors import BadData, SourceError
from newsletter.fetch import Fetcher
from newsletter.model import Harvest, Validators
from newsletter.newsroom import Newsroom


def try_source(config_path: str | None, place: str, kind: str | None, allow_private: bool) -> Harvest:
    """The articles of a URL or a file, in the source's order.

    Raises SourceError where it gives none, ConfigError where a configuration was named or found and is wrong.
    """
    found = config.load(config_path) if config_path or config.find().exists() else None
    rules = Newsroom(found).collect_rules if found else _neutral_rules()
    if "://" in place:
        return try_url(place, kind, rules, _fetcher(found), allow_private=allow_private)
    path = Path(place)
    if kind == "folder" or path.is_dir():
        return _checked(_collect(Source(kind="folder", path=str(path.absolute())), rules, _fetcher(found)))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadData(f"{place}: {error.strerror}") from None
    return Harvest(place, collecting.read(data, kind, place, rules))


def try_url(place: str, kind: str | None, rules: Rules, fetcher: Fetcher, *, allow_private: bool) -> Harvest:
    """The articles of a web address; by the API of its site, where it is that of a page. Raises SourceError where it
    gives none, BadData where it is no web address."""
    if kind == "folder":
        raise BadData(f"{place}: a folder is a path, not a web address")
    values = {"url": place, "allow_private_network": allow_private}
    try:
        Source.model_validate({"kind": kind or "feed"} | values)
    except ValidationError as error:
        raise BadData(f"{place}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    harvest = _collect(Source.model_validate({"kind": kind or "feed"} | values), rules, fetcher)
    if kind is None and harvest.error and "HTML page" in harvest.error:  # the address of a site, then
        at_the_site = _collect(Source.model_validate({"kind": "wordpress"} | values), rules, fetcher)
        harvest = harvest if at_the_site.error else at_the_site
    return _checked(harvest)


def _collect(source: Source, rules: Rules, fetcher: Fetcher) -> Harvest:
    return collecting.collect(source, rules, fetcher, Validators())


def _checked(harvest: Harvest) -> Harvest:
    if harvest.error:
        raise SourceError(harvest.complaint)
    return harvest


def _fetcher(found: Config | None) -> Fetcher:
    return Newsroom(found).fetcher if found else Fetcher("newsletter")


def _neutral_rules() -> Rules:
    """Where no newsroom is known: French, and a date without a zone is UTC."""
    return Rules(zone=ZoneInfo("UTC"), language="fr", site_url="", strip=(), folder=Path.cwd(), now=datetime.now(UTC))
