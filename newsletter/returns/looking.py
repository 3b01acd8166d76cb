"""What came back, to be looked at."""

from __future__ import annotations

from pathlib import Path

from newsletter import edit
from newsletter.errors import BadData
from newsletter.model import Bounce, Letter
from newsletter.newsroom import Newsroom
from newsletter.store import bounces, letters
from newsletter.store.database import read, write


def listed(
    room: Newsroom, edition: str | None = None, *, unproven: bool = False, limit: int = 50
) -> list[tuple[Bounce, str]]:
    """The last rows, the newest first, each with its reader's address: all of them, an edition's, or those of which
    nothing proves whose they are. Raises BadData where there is no such edition."""
    edition_id = edit.named(room, None, edition).id if edition else None
    with read(room.engine) as connection:
        return bounces.listed(connection, edition_id=edition_id, unproven=unproven, limit=limit)


def not_passed_on(room: Newsroom) -> list[Letter]:
    """Letters of readers that could not be passed on, and are kept; without their content."""
    with read(room.engine) as connection:
        return letters.not_passed_on(connection)


def save_letters(room: Newsroom, folder: Path) -> list[Path]:
    """Write them into files, one each, as they would have been passed on; from then on they are kept there alone.

    Raises BadData where the folder cannot be written.
    """
    saved = []
    for one in not_passed_on(room):
        path = folder / f"letter-{one.id}.eml"
        with write(room.engine) as connection:  # the file is there before the database lets it go
            content = letters.take_out(connection, one.id)
            if content is None:
                continue
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    path.chmod(0o600)
                    file.write(content)
            except OSError as error:
                raise BadData(f"{path}: {error.strerror}") from None
        saved.append(path)
    return saved
