"""The last to be asked: Mailman's detectors (flufl.bounce), which know many an old server. They raise on odd mail."""

from __future__ import annotations

import logging
import warnings

from newsletter.bounce.addresses import once, tidy

MAX_BYTES = 50_000


def detected(raw: bytes) -> tuple[list[str], bool]:
    """Recipients, and whether it is for good. Imported only when nothing else knew: it takes a moment."""
    import email

    from flufl.bounce import all_failures

    quiet = logging.getLogger("flufl.bounce")
    before, quiet.disabled = quiet.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for_now, for_good = all_failures(email.message_from_bytes(raw[:MAX_BYTES]))
    except Exception:  # whatever it is: a mail that its detectors cannot read names nobody
        return [], True
    finally:
        quiet.disabled = before
    found = for_good or for_now
    return once(tidy(bytes(address).decode("utf-8", "replace")) for address in sorted(found)), bool(for_good)
