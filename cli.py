"""The command line's door. Each command is loaded when it is called, so that `--help` feels instant."""

from __future__ import annotations

import importlib

import click

from newsletter import __version__
from newsletter.commands import EXIT_CODES, Door

COMMANDS = {
    "init": "setup",
    "demo": "demo",
    "collect": "collecting",
    "edition": "edition",
    "preview": "look",
    "test-send": "look",
    "check-edition": "checking",
    "send": "sending",
    "status": "sending",
    "trace": "sending",
    "report": "reporting",
    "subscribers": "people",
    "editors": "editors",
    "audit": "audit",
    "bounces": "bouncing",
    "config": "setup",
    "resolve": "resolving",
    "adopt": "setup",
    "serve": "serving",
    "run": "serving",
    "worker": "working",
    "schedule": "serving",
    "embed": "serving",
    "tidy": "serving",
    "keys": "serving",
    "dkim": "dkim",
    "doctor": "doctoring",
    "database": "setup",
}


class Lazy(Door):
    """Knows the commands' names; imports a command's module when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"newsletter.commands.{COMMANDS[name]}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command


EPILOG = "Exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + "."


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
)
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name="newsletter")
@click.option("--config", "config_path", metavar="FILE", help="newsletter.toml; default: NEWSLETTER_CONFIG, or here.")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
@click.pass_context
def cli(ctx: click.Context, config_path: str | None, debug: bool) -> None:
    """The daily mailer a newsroom runs itself.

    It picks the day's articles from the newsroom's own site, renders an email, and sends it to every subscriber once.

    \b
    Example:
      newsletter init            write newsletter.toml and the database
      newsletter preview --open  look at today's edition
      newsletter send            what cron runs every morning
    """
    ctx.obj = {"config": config_path, "debug": debug}


if __name__ == "__main__":
    cli(prog_name="newsletter")
