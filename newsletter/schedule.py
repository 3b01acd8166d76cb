"""What makes this newsroom's morning happen by itself: lines for a crontab, units for systemd. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.config import Config

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
COLLECT_MINUTE = 5
WORKERS, FIGURES = 2, "127.0.0.1:9108"  # processes of the worker, and where the first one's figures are
BOUNCES_MINUTES = "*/10"


@dataclass(frozen=True, slots=True)
class Plan:
    """Texts to paste or to write into files; `units` by file name."""

    crontab: str
    units: Mapping[str, str]


def plan(config: Config, program: str) -> Plan:
    """For the newsroom of that configuration and the `newsletter` program at that path."""
    return Plan(_crontab(config, _absolute(program)), _units(config, _absolute(program)))


def _absolute(program: str) -> str:
    return str(Path(program).absolute()) if "/" in program else program


def _call(config: Config, program: str, command: str) -> str:
    return f"{shlex.quote(program)} --config {shlex.quote(str(config.path))} {command}"


def _crontab(config: Config, program: str) -> str:
    at, schedule = config.schedule.send_at, config.schedule
    numbers = sorted(day + 1 for day in range(7) if day in schedule.days)
    days = "*" if len(numbers) == 7 else ",".join(str(number % 7) for number in numbers)
    collect, send = (_call(config, program, command) for command in ("collect", "send"))
    lines = [
        f"# {config.newsletter.name}. Cron goes by the machine's clock, which must be {config.newsletter.timezone}'s:",
        f"# timedatectl set-timezone {config.newsletter.timezone}",
        f"{COLLECT_MINUTE} * * * *  {collect} > /dev/null",
        f"{at.minute} {at.hour} * * {days}  {send}",
    ]
    if schedule.draft_at:  # a runner does it as well, and then it is done once
        draft = _call(config, program, "edition draft")
        lines.insert(-1, f"{schedule.draft_at.minute} {schedule.draft_at.hour} * * {days}  {draft} > /dev/null")
    if config.bounces.inbox:  # a runner does it as well
        lines.append(f"{BOUNCES_MINUTES} * * * *  {_call(config, program, 'bounces')} > /dev/null")
    if schedule.by == "runner":
        lines = ['# schedule.by = "runner": `newsletter run` or `serve` does it, and cron has nothing to do']
    return "\n".join(lines) + "\n"


def _units(config: Config, program: str) -> dict[str, str]:
    by_cron = config.schedule.by == "cron"
    units = {"newsletter-web.service": _service(config, program, "serve", "the readers' pages and their letters")}
    if by_cron:
        units |= {
            "newsletter-send.service": _oneshot(config, program, "send", "the day's edition"),
            "newsletter-send.timer": _timer(config, "send", _send_calendar(config)),
            "newsletter-collect.service": _oneshot(config, program, "collect", "the newsroom's articles"),
            "newsletter-collect.timer": _timer(config, "collect", f"*:{COLLECT_MINUTE:02}"),
        }
    units["newsletter-run.service"] = _service(
        config, program, "run", "letters and what is due, where the pages run with --no-run"
    )
    if config.database_url.startswith("postgresql"):
        workers = f"worker --processes {WORKERS} --no-run --metrics {FIGURES} --log json"
        what = "slices of editions, on this machine and on each further one"
        units["newsletter-worker.service"] = _service(config, program, workers, what)
    return units


def _send_calendar(config: Config) -> str:
    chosen = [name for day, name in enumerate(DAYS) if day in config.schedule.days]
    days = "" if len(chosen) == 7 else ",".join(chosen) + " "
    return f"{days}*-*-* {config.schedule.send_at:%H:%M}:00 {config.newsletter.timezone}"


def _service(config: Config, program: str, command: str, what: str) -> str:
    return f"""[Unit]
Description={config.newsletter.name}: {what}
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={_call(config, program, command)}
WorkingDirectory={config.folder}
User=newsletter
Restart=on-failure
RestartSec=5
TimeoutStopSec=60
{_hardened(config)}
[Install]
WantedBy=multi-user.target
"""


def _oneshot(config: Config, program: str, command: str, what: str) -> str:
    return f"""[Unit]
Description={config.newsletter.name}: {what}
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={_call(config, program, command)}
WorkingDirectory={config.folder}
User=newsletter
TimeoutStartSec=infinity
TimeoutStopSec=60
SuccessExitStatus=3
{_hardened(config)}"""


def _hardened(config: Config) -> str:
    return f"""NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=yes
ReadWritePaths={" ".join(_written_to(config))}
"""


def _written_to(config: Config) -> list[str]:
    """The newsroom's folder; and the mailbox of what comes back, whose mails are put aside there."""
    inbox = config.bounces.inbox
    if inbox is None or inbox.kind == "imap":
        return [str(config.folder)]
    path = config.resolve(inbox.path)
    return [str(config.folder), str(path if inbox.kind == "maildir" else path.parent)]


def _timer(config: Config, command: str, calendar: str) -> str:
    return f"""[Unit]
Description={config.newsletter.name}: newsletter {command}, by the clock

[Timer]
OnCalendar={calendar}
Persistent=true

[Install]
WantedBy=timers.target
"""
