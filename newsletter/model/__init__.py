"""The nouns: plain frozen values that every room may hold. No behaviour beyond what a value knows of itself.

Times are aware and in UTC; texts are plain text, never HTML, unless a name says so.
"""

from newsletter.model.articles import Article, Candidate, Harvest, Picture, Validators
from newsletter.model.bounces import Bounce, Clues, Failure, Proof, Reason, Returned, ReturnKind
from newsletter.model.desk import AuditEntry, Editor, Role, Session, Who
from newsletter.model.editions import (
    CORRECTION,
    DAILY,
    EXTRA,
    FROZEN,
    WENT_OUT,
    Choice,
    Edition,
    EditionStatus,
    Edits,
    Rendered,
    Slot,
)
from newsletter.model.mails import (
    ENDED,
    Delivery,
    DeliveryState,
    Entry,
    Letter,
    LetterKind,
    Message,
    Outcome,
    Phase,
    Verdict,
)
from newsletter.model.people import Act, Consent, Origin, Subscriber, SubscriberStatus, Variant

__all__ = [
    "CORRECTION",
    "DAILY",
    "ENDED",
    "EXTRA",
    "FROZEN",
    "WENT_OUT",
    "Act",
    "Article",
    "AuditEntry",
    "Bounce",
    "Candidate",
    "Choice",
    "Clues",
    "Consent",
    "Delivery",
    "DeliveryState",
    "Edition",
    "EditionStatus",
    "Editor",
    "Edits",
    "Entry",
    "Failure",
    "Harvest",
    "Letter",
    "LetterKind",
    "Message",
    "Origin",
    "Outcome",
    "Phase",
    "Picture",
    "Proof",
    "Reason",
    "Rendered",
    "ReturnKind",
    "Returned",
    "Role",
    "Session",
    "Slot",
    "Subscriber",
    "SubscriberStatus",
    "Validators",
    "Variant",
    "Verdict",
    "Who",
]
