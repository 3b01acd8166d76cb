"""The installed command. In the repository the command line stands at the top; in the wheel it is in the package."""

from __future__ import annotations

import importlib.util


def main() -> None:
    """Run the command line."""
    name = "newsletter.cli" if importlib.util.find_spec("newsletter.cli") else "cli"
    importlib.import_module(name).cli(prog_name="newsletter")


if __name__ == "__main__":
    main()
