"""Several newsletters for one command: `newsletter serve A.toml B.toml`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import F, config_option, open_newsroom

if TYPE_CHECKING:
    from newsletter.together import Together


def with_newsrooms(*, served: bool = False) -> Callable[[F], F]:
    """Hand the command the newsletters of its arguments as a `Together`, its first argument; without any, the one of
    --config, NEWSLETTER_CONFIG or this folder. Their databases are not opened yet: see `Together.open`.

    `served`: their pages are, and so none may have a host of another. Raises ConfigError with all mistakes of all.
    """

    def wrap(command: F) -> F:
        @click.argument("configs", metavar="[CONFIG]...", nargs=-1)
        @config_option
        @click.pass_context
        @functools.wraps(command)
        def wrapped(ctx: click.Context, *args: Any, **kwargs: Any) -> Any:
            return command(open_newsrooms(ctx, kwargs.pop("configs"), served=served), *args, **kwargs)

        return wrapped  # type: ignore[return-value]

    return wrap


def open_newsrooms(ctx: click.Context, configs: Sequence[str], *, served: bool) -> Together:
    """The newsletters of those files; without any, the one of the configuration. Raises ConfigError."""
    from newsletter import config, together
    from newsletter.newsroom import Newsroom

    if configs and ctx.obj["config"]:
        raise click.UsageError("--config and CONFIG…: one or the other")
    if len(configs) < 2:
        ctx.obj["config"] = next(iter(configs), ctx.obj["config"])
        return together.Together([open_newsroom(ctx)])
    loaded = config.load_all(configs)
    together.check(loaded, served=served)
    # One idle connection each: fifty newsletters must not take all that PostgreSQL has (100 by default).
    return together.Together([Newsroom(one, kept=1) for one in loaded])
