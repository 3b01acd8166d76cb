"""Station 3: an edition and its choice → subject, preheader, HTML and text. The look's files apart, it is pure.

In come the look, the [newsletter] table, the edition and its choices; out comes one Rendered, the same for every
reader, with slots for what is personal. What may not be in this room: the database, the network, the clock.
"""

from __future__ import annotations

from newsletter.render.edition import note_of, render, stories, whatsapp
from newsletter.render.harmless import harmless
from newsletter.render.look import Look
from newsletter.render.share import Share, shares
from newsletter.render.story import Group, Story, groups

__all__ = [
    "Group",
    "Look",
    "Share",
    "Story",
    "groups",
    "harmless",
    "note_of",
    "render",
    "shares",
    "stories",
    "whatsapp",
]
