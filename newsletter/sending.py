"""What sends an edition, or a slice of it: who looks on, and one run made ready for the `deliver` station."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from newsletter.deliver import Ledger, Run, Stop
from newsletter.mail.message import WireTemplate
from newsletter.model import Delivery, DeliveryState, Edition
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.store import editions
from newsletter.store.database import read
from newsletter.store.deliveries import ALL, Span
from newsletter.store.ours import Ours


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while an edition is sent, and can end it."""

    stop: Stop
    still_ours: Ours = field(default_factory=Ours)  # see store.database.sending_lock
    called: Callable[[], bool] = lambda: False  # an editor sends another edition: one that only waits makes way for it
    begun: Callable[[Report], None] = field(default=lambda report: None)
    ended: Callable[[Delivery, DeliveryState], None] = field(default=lambda delivery, state: None)
    put_off: Callable[[Delivery, DeliveryState], None] = field(default=lambda delivery, state: None)  # not ended
    force: bool = False  # also where the doctor finds that mail would be lost, see doctor.gate


def run_over(
    room: Newsroom, edition: Edition, watch: Watch, *, since: datetime, patient: bool, span: Span = ALL
) -> Run:
    """A run over an edition, or over a slice of it. `since` is when its time began: it is tried for
    `delivery.retry_for_hours` from then on."""
    with read(room.engine) as connection:
        frozen = editions.wires_of(connection, edition.id)
    table = room.config.delivery
    return Run(
        mailer=room.mailer,
        wires={variant: WireTemplate.loads(wire) for variant, wire in frozen.items()},
        signer=room.signer,
        sealer=room.sealer,
        rules=table,
        until=since + timedelta(hours=table.retry_for_hours),
        clock=room.clock,
        stop=watch.stop,
        still_ours=watch.still_ours,
        patient=patient,
        make_way=watch.called,
        ended=watch.ended,
        put_off=watch.put_off,
        ledger=ledger_of(room, edition, span),
    )


def ledger_of(room: Newsroom, edition: Edition, span: Span = ALL) -> Ledger:
    """The edition's ledger, or a slice of it. Close it."""
    repeats = room.config.delivery.on_uncertain == "resend"
    where = room.engine, edition.id, room.clock, room.journals
    return Ledger(*where, repeats=repeats, span=span, shared_clock=room.shared_clock)
