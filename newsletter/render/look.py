"""The look: the templates, the newsroom's own before ours. Touches one outside thing, the templates' files.

`<folder>/templates/email/edition.mjml` goes before the one that comes with the program, and so does each partial: a
newsroom that wants other colours copies `email/palette.mjml` and nothing else.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2 import TemplateError as JinjaError

from newsletter import errors
from newsletter.render.colour import accent
from newsletter.render.mjml import html_from
from newsletter.words import Words

PACKAGE = Path(__file__).parent.parent
LONGEST_EXCERPT = 100  # characters


def _shipped() -> Path:
    """Ours: inside the package where it is installed, beside it in the repository."""
    inside = PACKAGE / "templates"
    return inside if inside.is_dir() else PACKAGE.parent / "templates"


class Look:
    """The templates of the newsroom whose folder this is, in its words and its colour."""

    def __init__(self, folder: Path, words: Words, colour: str = "") -> None:
        self.words = words
        self.own = folder / "templates"
        self.shipped = _shipped()
        self._jinja = Environment(
            loader=FileSystemLoader([self.own, self.shipped]),
            # Said in so many letters: Jinja's select_autoescape() does not know .mjml.
            autoescape=lambda name: not (name or "").endswith(".txt"),  # noqa: S701
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._jinja.globals.update(words=words, say=words.say, count=words.count, accent=accent(colour))

    def text(self, template: str, **values: object) -> str:
        """A template filled in: a small letter, a text part. Raises errors.TemplateError with file, line, excerpt."""
        try:
            return self._jinja.get_template(template).render(values)
        except TemplateNotFound as error:
            raise self._missing(error) from None
        except TemplateSyntaxError as error:
            raise self._broken(error.filename, error.lineno, error.message or "", error) from error
        except (OSError, UnicodeDecodeError) as error:
            raise errors.TemplateError(f"templates/{template}: cannot be read ({error}); it must be UTF-8") from error
        except Exception as error:
            # Anything may go wrong in a template: what it computes, it computes as Python.
            frame = self._frame_of(error)
            if frame is None:
                raise
            reason = str(error) if isinstance(error, JinjaError) else f"{type(error).__name__}: {error}"
            raise self._broken(frame.filename, frame.lineno or 1, reason, error) from error

    def html(self, template: str, **values: object) -> str:
        """An MJML template filled in and made HTML. Raises errors.TemplateError."""
        markup = self.text(template, **values)
        try:
            return html_from(markup)
        except ValueError as error:
            raise self._refused(template, error) from error

    def copy_to(self, folder: Path) -> tuple[Path, ...]:
        """Copy our templates into `folder`/templates, for the newsroom to change; returns what was written.

        A file that is there already is never touched.
        """
        written = []
        for source in sorted(self.shipped.rglob("*")):
            target = folder / "templates" / source.relative_to(self.shipped)
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
                written.append(target)
        return tuple(written)

    # --- What is wrong with a template, in one line -----------------------------------------------

    def _missing(self, error: TemplateNotFound) -> errors.TemplateError:
        return errors.TemplateError(
            f"templates/{error.name}: not found; looked in {self.own} and {self.shipped}."
            " Give it back, or put its name right where it is included"
        )

    def _broken(self, file: str | None, line: int, reason: str, error: Exception) -> errors.TemplateError:
        shown = f": {_line_of(Path(file), line)}" if file else ""
        return errors.TemplateError(f"{file}, line {line}: {' '.join(reason.split())}{shown}")

    def _refused(self, template: str, error: ValueError) -> errors.TemplateError:
        file = next((place / template for place in (self.own, self.shipped) if (place / template).exists()), template)
        refused = errors.TemplateError(f"{file}: {str(error).splitlines()[0]}")
        refused.add_note("\n".join(str(error).splitlines()[1:]))  # the lines around it, numbered
        return refused

    def _frame_of(self, error: Exception) -> traceback.FrameSummary | None:
        """The innermost place in a template that the error went through."""
        places = (str(self.own), str(self.shipped))
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(places)]
        return frames[-1] if frames else None


def _line_of(file: Path, number: int) -> str:
    """That line of the template, as far as it fits."""
    try:
        line = file.read_text(encoding="utf-8").splitlines()[number - 1].strip()
    except (OSError, UnicodeDecodeError, IndexError):
        return "(cannot be shown)"
    return line if len(line) <= LONGEST_EXCERPT else line[:LONGEST_EXCERPT] + "…"
