"""The desk: where editors shape and send the day's edition. Parse what is asked, call one operation, show its page.

Whoever is not logged in meets the log-in page alone; every form carries a token of the session; every page may be used
without the script. `access` holds what each view needs, and the pages of a room have a file each.
"""

from newsletter.web.desk import (
    access,
    after,
    audit,
    draft,
    editions,
    log_in,
    previews,
    readers,
    report,
    sending,
    sources,
    style,
    team,
    today,
)
from newsletter.web.desk.access import PATH, blueprint, is_asked, page

blueprint.before_request(access.enter)
blueprint.after_request(access.leave)
ROOMS = (log_in, draft, today, previews, sending, after, editions, report, readers, sources, audit, team, style)
for one in [room.blueprint for room in ROOMS]:
    blueprint.register_blueprint(one)

__all__ = ["PATH", "blueprint", "is_asked", "page"]
