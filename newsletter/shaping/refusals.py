"""Why an act is refused: a class for each reason, so that a page can say it in the editor's language."""

from __future__ import annotations

from newsletter.errors import BadData, NotSent


class TooLong(BadData):
    """A text has more characters than its field takes."""

    def __init__(self, field: str, length: int, limit: int) -> None:
        super().__init__(f"{field}: {length} characters are too many: {limit} at most")
        self.field, self.length, self.limit = field, length, limit


class NoAddress(BadData):
    """What is to be a picture's address is none."""

    def __init__(self, url: str) -> None:
        super().__init__(f"picture: {url[:100]!r} is no web address: it begins with https://")
        self.url = url


class NoPicture(BadData):
    """There is no picture that could be described."""

    def __init__(self) -> None:
        super().__init__("the article has no picture that could be described")


class NoArticle(BadData):
    """No article has that number."""

    def __init__(self, article: int) -> None:
        super().__init__(f"there is no article {article}; `newsletter edition explain` shows their numbers")


class Used(BadData):
    """Another edition has carried the article to readers."""

    def __init__(self, title: str, edition: str) -> None:
        super().__init__(f"« {title} » is in the edition of {edition} already")
        self.title, self.edition = title, edition


class NothingToUndo(BadData):
    """No act is left to be taken back."""

    def __init__(self, edition: str) -> None:
        super().__init__(f"there is nothing to undo in the edition {edition}")


class NothingToRedo(BadData):
    """Nothing was taken back last."""

    def __init__(self, edition: str) -> None:
        super().__init__(f"there is nothing to do again in the edition {edition}")


class Overtaken(BadData):
    """What an act changed has been changed again since."""

    def __init__(self) -> None:
        super().__init__("it cannot be taken back: what it changed was changed again since")


class MadeByHand(BadData):
    """No machine picks for that edition."""

    def __init__(self, edition: str) -> None:
        super().__init__(f"the edition {edition} is made by hand: nothing is picked for it")


class Cancelled(NotSent):
    """The edition is cancelled: first somebody says that it is to be one again."""

    def __init__(self, edition: str) -> None:
        super().__init__(f"the edition {edition} is cancelled: approve it, or hold it, before you change it")


class AboutToGo(NotSent):
    """An editor has sent the edition, and it goes in a moment: what they saw is what goes."""

    def __init__(self, edition: str) -> None:
        super().__init__(f"the edition {edition} is about to go: take it back before you change it")


class AskAnEditor(NotSent):
    """The edition is approved, and whoever wants to change it may not approve."""

    def __init__(self, edition: str) -> None:
        super().__init__(f"the edition {edition} is approved: ask an editor to hold it back, then change it")
