"""What an activation does next, and when: one plain sentence for each frequency and for each audience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.clock import in_words
from app.domain.computing import ComputedBy
from app.domain.frequency import Frequency


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of an audience of an activation. ``as_of``: the time of its snapshot, None if it has none.

    ``fault`` is the reason why an audience without a snapshot could not be computed.

    Sentences have its ``name``.
    """

    name: str
    audience_id: str
    computed_by: ComputedBy
    as_of: datetime | None
    schedule_id: str | None = None  # of the schedule that is due next
    next_run_at: datetime | None = None
    fault: str | None = None


def next_words(
    frequency: Frequency,
    due_at: datetime | None,
    sources: Sequence[SourceFacts],
    now: datetime,
    *,
    resync: bool = False,
) -> str:
    """Return when the next changes of an enabled activation are sent, and what its audiences are then, as sentences.

    ``due_at`` is the next time of a frequency that goes by the clock. With ``resync``, all members are sent then. Example:
    "Next: at 2026-11-30 05:30 UTC, daily at 06:30 (Europe/Berlin), the audience 'VIP' is computed, then what has changed is sent."
    """
    # The stored time of "once" may be that of the form.
    words = "once" if frequency.type == "once" else frequency.in_words()
    if frequency.follows_runs:
        told = sources
        uploaded = all(one.computed_by is ComputedBy.UPLOAD for one in sources)
        event = "upload or change of the members" if uploaded else "run"
        first = f"Next: what has changed is sent after each {event} of {_names(sources)}."
    elif due_at is None:
        return (
            f"Nothing more is sent automatically: it was to be sent {words}. "
            'To send what has changed since then: POST …/syncs with {"kind": "incremental"}.'
        )
    else:
        computed = [one for one in sources if one.computed_by is ComputedBy.ACTIVATION]
        told = [one for one in sources if one.computed_by is not ComputedBy.ACTIVATION]
        before = f"{_names(computed)} {_are(computed)} computed, then " if computed else ""
        moment = in_words(max(due_at, now))
        sent = "all members are" if resync else "what has changed is"
        first = f"Next: at {moment}, {words}, {before}{sent} sent."
    return " ".join([first, *(source_words(source, now) for source in told)])


def source_words(source: SourceFacts, now: datetime) -> str:
    """Return who computes an audience, and how old its members are, as a sentence."""
    name = f"'{source.name}'"
    age = f"{age_words(now - source.as_of)} old" if source.as_of is not None else ""
    path = f"…/audiences/{source.audience_id}"
    match source.computed_by:
        case ComputedBy.UPLOAD if not age:
            return f"{name} has no members yet: upload them with PUT {path}/members."
        case ComputedBy.UPLOAD:
            return f"The newest upload of {name} counts; it is {age}."
        case ComputedBy.SCHEDULE:
            held = f"; now its members are {age}" if age else ""
            at = f" at {in_words(source.next_run_at)}" if source.next_run_at is not None else ""
            return f"The schedule {source.schedule_id} computes {name} next{at}{held}."
        case ComputedBy.PIN:
            return f"{name} stays at the snapshot that it was rolled back to; it is {age}."
        case ComputedBy.NOBODY:
            held = f"; its members are {age}" if age else ", and was never computed"
            return f"{name} is disabled, so nobody computes it{held}."
        case ComputedBy.ACTIVATION | ComputedBy.REQUEST:
            return (
                f"Nobody computes {name} automatically: force a run with POST {path}/runs, "
                f"or add a schedule with POST {path}/schedules."
            )


def age_words(age: timedelta) -> str:
    """Return an age in the largest whole unit, such as ``3 hours``; below a minute ``less than a minute``."""
    seconds = int(age.total_seconds())
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"


def _names(sources: Sequence[SourceFacts]) -> str:
    names = [f"'{source.name}'" for source in sources]
    if len(names) == 1:
        return f"the audience {names[0]}"
    return f"the audiences {', '.join(names[:-1])} and {names[-1]}"


def _are(sources: Sequence[SourceFacts]) -> str:
    return "is" if len(sources) == 1 else "are"
