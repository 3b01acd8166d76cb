"""The lines for a crontab and the units for systemd that a newsroom is given."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from newsletter import config, schedule
from newsletter.config import Config
from tests.conftest import TOML

PROGRAM = "/opt/newsletter/bin/newsletter"


def planned(tmp_path: Path, table: str = "") -> tuple[Config, schedule.Plan]:
    path = tmp_path / "newsletter.toml"
    path.write_text(TOML + f"\n[schedule]\n{table}\n", encoding="utf-8")
    loaded = config.load(path, {})
    return loaded, schedule.plan(loaded, PROGRAM)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("", "30 6 * * *"),
        ('send_at = "17:05"\ndays = "mon-fri"', "5 17 * * 1,2,3,4,5"),
        ('days = "sun"', "30 6 * * 0"),
    ],
)
def test_the_crontab_sends_at_the_hour_and_collects_every_hour(tmp_path: Path, table: str, line: str) -> None:
    loaded, plan = planned(tmp_path, table)
    lines = plan.crontab.splitlines()
    assert f"{line}  {PROGRAM} --config {loaded.path} send" in lines
    assert f"5 * * * *  {PROGRAM} --config {loaded.path} collect > /dev/null" in lines
    assert "Africa/Lome" in plan.crontab


def test_the_crontab_mails_the_draft_at_its_hour(tmp_path: Path) -> None:
    loaded, plan = planned(tmp_path, 'draft_at = "05:40"\ndays = "mon-fri"')
    lines = plan.crontab.splitlines()
    assert lines[-2] == f"40 5 * * 1,2,3,4,5  {PROGRAM} --config {loaded.path} edition draft > /dev/null"
    assert lines[-1].endswith(" send")


def test_with_a_runner_cron_has_nothing_to_do(tmp_path: Path) -> None:
    _, plan = planned(tmp_path, 'by = "runner"')
    assert all(line.startswith("#") for line in plan.crontab.splitlines())
    assert not [name for name in plan.units if name.endswith(".timer")]


def test_the_timer_knows_days_hour_and_zone(tmp_path: Path) -> None:
    _, plan = planned(tmp_path, 'days = "sat-mon"')
    timer = plan.units["newsletter-send.timer"]
    assert "OnCalendar=Mon,Sat,Sun *-*-* 06:30:00 Africa/Lome" in timer
    assert "Persistent=true" in timer


def test_every_unit_can_be_read(tmp_path: Path) -> None:
    loaded, plan = planned(tmp_path)
    for name, text in plan.units.items():
        unit = configparser.ConfigParser(interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(text)
        assert unit["Unit"]["Description"]
        if name.endswith(".service"):
            assert unit["Service"]["ExecStart"].startswith(f"{PROGRAM} --config {loaded.path} ")
            assert unit["Service"]["ReadWritePaths"] == str(loaded.folder)


def test_what_comes_back_is_read_where_a_mailbox_is_named(tmp_path: Path) -> None:
    loaded, plan = planned(tmp_path, 'days = "sun"\n[bounces]\ninbox = "maildir:/var/mail/lettre"')
    assert plan.crontab.splitlines()[-1] == f"*/10 * * * *  {PROGRAM} --config {loaded.path} bounces > /dev/null"
    assert f"ReadWritePaths={tmp_path} /var/mail/lettre" in plan.units["newsletter-web.service"]
    _, plan = planned(tmp_path, 'days = "sun"\n[bounces]\ninbox = "imaps://lettre@mail.example"')
    assert f"ReadWritePaths={tmp_path}\n" in plan.units["newsletter-web.service"]


def test_workers_have_a_unit_where_the_database_is_postgresql(tmp_path: Path) -> None:
    _, plan = planned(tmp_path)
    assert "newsletter-worker.service" not in plan.units
    path = tmp_path / "newsletter.toml"
    told = TOML.replace(
        "[newsletter]\n", '[newsletter]\ndatabase = "postgresql://newsletter@db.example/newsletter"\n', 1
    )
    path.write_text(told, encoding="utf-8")
    unit = schedule.plan(config.load(path, {}), PROGRAM).units["newsletter-worker.service"]
    call = f"ExecStart={PROGRAM} --config {path} worker --processes 2 --no-run --metrics 127.0.0.1:9108 --log json"
    assert call in unit
    assert f"ReadWritePaths={tmp_path}" in unit  # the journals of its runs
