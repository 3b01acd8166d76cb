"""The documentation stays true: every command, key, dependency and promise stands in it, and what it names exists."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from cli import cli
from newsletter.commands import EXIT_CODES
from newsletter.tables import Source, Tables
from tests.test_cli import ALL

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
CHECKS = [
    f"{letter}{number:02}"
    for letter, last in (("M", 29), ("S", 16), ("W", 15), ("F", 8), ("B", 10), ("R", 18))
    for number in range(1, last + 1)
    if f"{letter}{number}" not in ("R16", "R17")  # fell away
]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def keys() -> list[str]:
    """Every key of newsletter.toml, with its table."""
    found = []
    for table, info in Tables.model_fields.items():
        model = Source if table == "sources" else info.annotation
        assert isinstance(model, type)
        found += [f"{table}.{field.alias or key}" for key, field in model.model_fields.items()]
    return found


@pytest.mark.parametrize("path", [" ".join(path) for path, _ in ALL])
def test_every_command_is_documented(path: str) -> None:
    assert f"newsletter {path}" in text_of("docs/commands.md")


@pytest.mark.parametrize("key", keys())
def test_every_key_is_documented(key: str) -> None:
    assert f"`{key.split('.')[1]}`" in text_of("docs/configuration.md")


def test_every_exit_code_is_documented() -> None:
    text = text_of("docs/commands.md")
    assert all(re.search(rf"\b{code}\b", text) for code in EXIT_CODES)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    extras = [one for extra in project["optional-dependencies"].values() for one in extra]
    named = {re.split(r"[\[<>=]", one)[0].lower() for one in [*project["dependencies"], *extras]}
    text = text_of("docs/dependencies.md").lower()
    assert not [name for name in named if name not in text]


def test_every_promise_is_listed_once() -> None:
    assert re.findall(r"^\| ([A-Z]\d\d) \|", text_of("docs/promises.md"), re.MULTILINE) == CHECKS


def existing_tests() -> set[str]:
    found = set()
    for file in (ROOT / "tests").glob("test_*.py"):
        names = [node.name for node in ast.parse(file.read_text(encoding="utf-8")).body if hasattr(node, "name")]
        found |= {f"tests/{file.name}::{name}" for name in names if name.startswith("test_")}
    return found


def test_every_test_that_proves_a_promise_exists() -> None:
    named = set(re.findall(r"tests/test_\w+\.py::\w+", text_of("docs/promises.md")))
    assert len(named) > 100
    assert not named - existing_tests()


@pytest.mark.parametrize("id", CHECKS)
def test_a_promise_is_proven_or_said_to_come(id: str) -> None:
    [line] = re.findall(rf"^\| {id} \|.*$", text_of("docs/promises.md"), re.MULTILINE)
    assert "::test_" in line or "later" in line or "documentation:" in line


@pytest.mark.parametrize("file", DOCS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "mailto:", "#")):
            assert (file.parent / target.split("#")[0]).exists(), target


def command_lines() -> list[str]:
    """Every `newsletter …` line that the docs show, in code blocks and between backticks."""
    found = []
    for file in DOCS:
        text = file.read_text(encoding="utf-8")
        for line in [
            *re.findall(r"^ {4}.*$|^[^`\n]*\bnewsletter .*$", text, re.MULTILINE),
            *re.findall(r"`([^`\n]+)`", text),
        ]:
            match = re.match(r"(?:.*&& |.*\s)?(?:\S*/)?newsletter ((?:--\w|[a-z]).*)$", line.strip("` "))
            if match and (line.startswith("    ") or line.startswith("newsletter ")):
                found.append(match[1].split("  #")[0].split(" > ")[0].split(" | ")[0].split(" || ")[0].strip())
    return sorted(set(found))


@pytest.mark.parametrize("line", command_lines())
def test_every_command_line_shown_can_be_typed(line: str) -> None:
    """The command exists, and so do its options. It is not run."""
    command: click.Command = cli
    words = shlex.split(line)
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        if inner is None:
            assert command.invoke_without_command or command is not cli, f"no command {words[0]}"
            break
        command = inner
        words = words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h", "--version"}
    known |= {option for parameter in cli.params for option in parameter.opts}
    assert not [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
