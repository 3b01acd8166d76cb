"""The house's rules: who may import whom, how long a file may grow, where SQL and the environment may be touched."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "newsletter"

GROUND = {
    "model",
    "errors",
    "settings",
    "values",
    "tables",
    "config",
    "links",
    "words",
    "shape",
    "providers",
    "speaker",
}
STATIONS = {"collect", "pick", "render", "deliver", "bounce"}
EQUIPMENT = {"store", "fetch", "mail", "lookup", "queue"}
OPERATIONS = {
    "gather",
    "picking",
    "proof",
    "clearance",
    "going",
    "hour",
    "pauses",
    "draft",
    "daily",
    "making",
    "dispatch",
    "sending",
    "slices",
    "worker",
    "clocks",
    "logs",
    "cluster",
    "subscribe",
    "forgetting",
    "preferences",
    "imports",
    "post",
    "runner",
    "tidy",
    "keyring",
    "domainkeys",
    "schedule",
    "embed",
    "exports",
    "archive",
    "metrics",
    "monitor",
    "progress",
    "letters",
    "edit",
    "shaping",
    "editors",
    "readers",
    "sourcing",
    "auditlog",
    "corrections",
    "results",
    "resolve",
    "report",
    "instance",
    "copying",
    "preview",
    "trial",
    "founding",
    "demo",
    "returns",
    "doctor",
    "inspection",
    "trends",
    "together",
}

# Room → the rooms it may import. Arrows point down only; stations never import one another.
MAY_IMPORT = {
    "model": set(),
    "errors": set(),
    "settings": set(),
    "links": set(),
    "words": set(),
    "shape": set(),
    "providers": set(),
    "speaker": set(),
    "values": {"settings"},
    "tables": {"settings", "values"},
    "config": {"errors", "settings", "values", "tables"},
    "store": {"model", "errors"},
    "fetch": {"model", "errors", "settings"},
    "mail": {"model", "errors", "settings", "config", "links"},
    "collect": {"model", "errors", "config", "fetch"},
    "pick": {"model", "config", "words"},
    "render": {"model", "errors", "config", "links", "words"},
    "deliver": {"model", "errors", "settings", "config", "links", "store", "mail"},
    "bounce": {"model", "errors", "settings", "links"},
    "lookup": {"errors"},
    "queue": {"errors", "store"},
    "newsroom": GROUND | STATIONS | EQUIPMENT,
    **{operation: GROUND | STATIONS | EQUIPMENT | OPERATIONS | {"newsroom"} for operation in OPERATIONS},
    "web": GROUND | OPERATIONS | {"newsroom"},
    "commands": GROUND | OPERATIONS | {"newsroom", "deliver", "store", "web", "bounce"},
    "sample": set(),
    "__main__": set(),
    "__init__": set(),
}


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> set[str]:
    """The rooms of ours that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "newsletter":
                names = [f"newsletter.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("newsletter.")}
    return found - {"__version__"}


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_every_room_has_its_rule() -> None:
    assert {room_of(file) for file in files()} == set(MAY_IMPORT)


def test_arrows_point_down_only() -> None:
    wrong = []
    for file in files():
        room = room_of(file)
        wrong += [f"{file.relative_to(ROOT)} → {other}" for other in imported(file) - MAY_IMPORT[room] - {room}]
    assert not wrong


def test_sql_stands_in_the_store_alone() -> None:
    outside = [file for file in files() if room_of(file) != "store"]
    wrong = [
        file.name
        for file in outside
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy"
        for alias in node.names
        if alias.name not in ("Engine", "Connection")
    ]
    assert not wrong


def test_the_environment_is_read_in_one_place() -> None:
    wrong = [
        file.relative_to(ROOT)
        for file in files()
        if room_of(file) != "config"
        and any(word in file.read_text(encoding="utf-8") for word in ("os.environ", "os.getenv", "getenv("))
    ]
    assert not wrong


def test_only_the_edges_print() -> None:
    wrong = []
    for file in files():
        calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        if room_of(file) != "commands" and any(isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls):
            wrong.append(file.relative_to(ROOT))
    assert not wrong


def test_no_file_outgrows_400_lines() -> None:
    assert not [file.name for file in files() if len(file.read_text(encoding="utf-8").splitlines()) > 400]
