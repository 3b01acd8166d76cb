"""The documentation is true: what it names exists, and what exists is named."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli import cli
from newsletter.commands import EXIT_CODES
from newsletter.config import Source
from newsletter.model import DeliveryState, EditionStatus, SubscriberStatus
from newsletter.store.database import HEAD
from newsletter.tables import (
    BouncesTable,
    DeliveryTable,
    DeskTable,
    DkimTable,
    MonitorTable,
    NewsletterTable,
    PickTable,
    PrivacyTable,
    RetentionTable,
    ScheduleTable,
    SignUpTable,
    Table,
    WebTable,
)

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
EVERYWHERE = {
    "--help",
    "--config",
    "--json",
    "--dry-run",
    "--date",
    "--edition",
}  # told once, at the top of commands.md


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its rank or above."""
    rank = heading.index(" ")
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return re.split(rf"^#{{1,{rank}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


# --- Commands -------------------------------------------------------------------------------------


def commands(group: click.Group = cli, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name; of groups, those that do something by themselves."""
    context = click.Context(group, help_option_names=["-h", "--help"])
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{before}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_told_with_its_options(name: str) -> None:
    told = section(text_of("docs/commands.md"), f"### {name}")
    assert f"newsletter {name}" in told, "an example"
    assert "Example:" in (COMMANDS[name].help or "")
    options = {option for param in COMMANDS[name].params if isinstance(param, click.Option) for option in param.opts}
    assert not {option for option in options - EVERYWHERE if option not in told}


def test_no_command_is_told_that_is_not_there() -> None:
    told = re.findall(r"^### (.+)$", text_of("docs/commands.md"), re.MULTILINE)
    assert sorted(told) == sorted(COMMANDS)


def test_every_exit_code_is_told() -> None:
    codes = re.findall(r"^\| (\d+) \|", section(text_of("docs/commands.md"), "## Exit codes"), re.MULTILINE)
    assert [int(code) for code in codes] == list(EXIT_CODES)


LINE = re.compile(r"(?:^|&& |/|\(| {2})newsletter ((?:[a-z-]+ ?).*)$")


def shown(page: Path) -> Iterator[str]:
    """The command lines that a page shows, from the word after `newsletter` on: in its blocks, and between `ticks`."""
    text = page.read_text(encoding="utf-8")
    for line in text.splitlines():
        match = LINE.search(line) if line.startswith("    ") else None
        if match:
            yield match[1]
    prose = re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)
    for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose):
        words = " ".join(span.split())
        if words.startswith("newsletter ") and "[" not in words:
            yield words.removeprefix("newsletter ")


SHOWN = [(name_of(page), line) for page in PAGES for line in shown(page)]


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=[f"{page}: {line}" for page, line in SHOWN])
def test_every_command_line_shown_is_understood(page: str, line: str) -> None:
    whole = re.sub(r"\$\([^)]*\)", "today", line)
    words = shlex.split(whole, comments=True)
    end = next((i for i, word in enumerate(words) if word in (">", "|", "||", "&&", "#")), len(words))
    understand(cli, words[:end])


def understand(command: click.Command, words: list[str]) -> None:
    """Raises where a command, an option or a value is none; touches nothing."""
    context = click.Context(command, info_name=command.name, help_option_names=["-h", "--help"])
    values, rest, _ = command.make_parser(context).parse_args(words)
    for param in command.params:
        value = values.get(param.name or "")
        if isinstance(value, str | tuple | list) and value and not isinstance(param.type, click.Path):
            param.type_cast_value(context, value)
    if isinstance(command, click.Group):
        assert rest or command.invoke_without_command or "help" in values or "version" in values, "which command?"
        if rest:
            inner = command.get_command(context, rest[0])
            assert inner is not None, f"no command {rest[0]}"
            understand(inner, rest[1:])
    else:
        assert not rest, f"too much: {rest}"


def test_the_check_above_finds_mistakes() -> None:
    assert len(SHOWN) > 60
    for wrong in ("sned", "send --nwo", "edition", "send --max-time soon", "subscribers show a b"):
        with pytest.raises((click.UsageError, AssertionError)):
            understand(cli, wrong.split())


# --- Configuration --------------------------------------------------------------------------------

TABLES: dict[str, type[Table]] = {
    "newsletter": NewsletterTable,
    "schedule": ScheduleTable,
    "sources": Source,
    "pick": PickTable,
    "delivery": DeliveryTable,
    "dkim": DkimTable,
    "sign_up": SignUpTable,
    "web": WebTable,
    "desk": DeskTable,
    "bounces": BouncesTable,
    "monitor": MonitorTable,
    "privacy": PrivacyTable,
    "retention": RetentionTable,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_key_is_told_with_its_variable(name: str) -> None:
    heading = next(
        line
        for line in text_of("docs/configuration.md").splitlines()
        if line.startswith(("## [" + name + "]", "## [[" + name + "]]"))
    )
    told = section(text_of("docs/configuration.md"), heading)
    keys = {info.alias or key for key, info in TABLES[name].model_fields.items()}
    rows = {row.split("`")[1]: row for row in told.splitlines() if row.startswith("| `")}
    assert keys <= rows.keys()
    if name != "sources":  # the file alone says them
        prefix = "NEWSLETTER_" if name == "newsletter" else f"NEWSLETTER_{name.upper()}_"
        assert not [key for key in keys if f"`{prefix}{key.upper()}`" not in rows[key]]


@pytest.mark.parametrize("name", [name for name in TABLES if name != "sources"])
def test_defaults_are_told_as_they_are(name: str) -> None:
    text = text_of("docs/configuration.md")
    for key, info in TABLES[name].model_fields.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{info.alias or key}` |"))
        told = row.split("|")[3].strip()
        if info.is_required():
            assert told == "must be given"
        elif info.default not in (None, (), "") and not told.startswith("none"):
            default = info.default.strftime("%H:%M") if hasattr(info.default, "strftime") else str(info.default)
            assert f"`{default}`".casefold() in told.casefold()


# --- Words, dependencies, migrations ----------------------------------------------------------------


@pytest.mark.parametrize("states", [EditionStatus, DeliveryState, SubscriberStatus], ids=lambda one: one.__name__)
def test_every_state_stands_in_the_glossary(states: type[EditionStatus]) -> None:
    text = text_of("docs/glossary.md")
    assert not [state.value for state in states if f"\n| {state.value} |" not in text]


def packages() -> set[str]:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *(one for some in project["optional-dependencies"].values() for one in some)]
    return {re.split(r"[\[<>=~! ]", one)[0] for one in wanted}


def test_every_dependency_has_its_reason() -> None:
    told = re.findall(r"^\| ([\w.-]+) \| \S", text_of("docs/dependencies.md"), re.MULTILINE)
    assert set(told) - {"package"} == packages()


def test_the_next_migration_is_told_by_its_number() -> None:
    assert f'HEAD = "{int(HEAD) + 1:04}"' in text_of("CONTRIBUTING.md")


# --- Promises ---------------------------------------------------------------------------------------

COUNTS = {"M": 29, "S": 16, "W": 15, "F": 8, "B": 10, "R": 16}
IDS = [f"{letter}{number:02}" for letter, most in COUNTS.items() for number in range(1, most + 1)] + ["R18"]
ROW = re.compile(r"^\| ([MSWFBR]\d\d) \| (MUST|SHOULD|MAY) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/\w+\.py)::(\w+)`")


def test_every_promise_stands_there_once() -> None:
    assert len(IDS) == 95
    assert [row[0] for row in ROW.findall(text_of("docs/promises.md"))] == IDS


def test_every_promise_is_proven_or_says_when() -> None:
    for number, _level, _promise, proof in ROW.findall(text_of("docs/promises.md")):
        named = bool(NAMED.search(proof))
        if proof.startswith(("later: ", "documentation: ")):
            assert not named, number
        else:
            assert named, number


def test_every_test_named_exists() -> None:
    named = set(NAMED.findall(text_of("docs/promises.md")))
    assert named
    tests = {file: functions(ROOT / file) for file in {file for file, _ in named}}
    assert not [f"{file}::{name}" for file, name in sorted(named) if name not in tests[file]]


def functions(file: Path) -> set[str]:
    if not file.exists():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


# --- Links ------------------------------------------------------------------------------------------

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    """The headings' names, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_decision_stands_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(page.name for page in folder.glob("0*.md"))
    for name in listed:
        title = (folder / name).read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert f"[{title}]({name})" in (folder / "README.md").read_text(encoding="utf-8")
