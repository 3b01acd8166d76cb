"""What went wrong, as a page says it: a sentence in the editor's language, and below it the program's own words."""

from __future__ import annotations

from newsletter.errors import BadData, NewsletterError, NotSent, TemplateError, TooOften, Unavailable
from newsletter.web.paper import words


def trouble(error: NewsletterError) -> dict[str, str]:
    """The values `problem` and `details` of desk/said.html."""
    return {"problem": _sentence(error), "details": str(error)}


def _sentence(error: NewsletterError) -> str:
    say = words().say
    if isinstance(error, TemplateError):
        return say("The templates are broken, and no mail can be made of them: please tell your webmaster.")
    if isinstance(error, Unavailable):
        return say("No answer came from there. Nothing was changed: try again in a moment.")
    if isinstance(error, NotSent):
        return say("It is too late for that: the edition stands as it is.")
    if isinstance(error, TooOften):
        return say("The sites were asked a moment ago, and nothing was changed: please wait half a minute.")
    if isinstance(error, BadData):
        return say("That could not be done, and nothing was changed.")
    return say("That did not work.")
