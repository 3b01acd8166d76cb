"""What leaves the house: the wheel and the sdist hold all that is needed, and nothing of a newsroom's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ("newsletter", "templates", "tests", "docs")
FILES = (
    "cli.py",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    ".gitignore",
)
PRIVATE = ("subscribers.db", "newsletter.toml", "outbox/new/1", "newsletter/subscribers.db", "docs/subscribers.db")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and sdist of a used checkout: one with a newsroom's own files lying about."""
    checkout = tmp_path_factory.mktemp("checkout")
    for folder in SHIPPED:
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(ROOT / file, checkout / file)
    for name in PRIVATE:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("ama@lecteurs.example", encoding="utf-8")
    command = [sys.executable, "-m", "hatchling", "build"]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    return checkout / "dist"


def wheel_names(built: Path) -> set[str]:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_the_wheel_holds_the_command_line_and_the_looks(built: Path) -> None:
    names = wheel_names(built)
    assert {
        "newsletter/cli.py",
        "newsletter/templates/email/edition.mjml",
        "newsletter/locale/fr/newsletter.po",
        "newsletter/store/migrations/versions/0001_first.py",
        "newsletter/sample/pictures/port.jpg",
        "newsletter/founding.toml",
    } <= names
    assert {name.split("/")[0] for name in names} == {"newsletter", "newsletter-0.1.0.dist-info"}


def test_neither_holds_a_list_of_readers(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        inside = {member.name.split("/", 1)[-1] for member in sdist.getmembers()}
    assert "cli.py" in inside
    for names in (wheel_names(built), inside):
        assert not names & set(PRIVATE)
        assert not [name for name in names if name.endswith(".db")]


def test_the_wheel_works_on_its_own(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "installed")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    environ |= {"PYTHONPATH": str(tmp_path / "installed"), "PYTHONSAFEPATH": "1"}
    where = "import newsletter; print(newsletter.__file__)"
    command = [sys.executable, "-c", where]
    found = subprocess.run(command, env=environ, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert str(tmp_path / "installed") in found
    command = [sys.executable, "-m", "newsletter", "demo", "room"]
    result = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "8 of 8 subscribers" in result.stdout
