"""The progress of a pending call, as the JSON handle that is stored with the batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from typing import Any

from app.connectors.base import Pending, Receipts, Refusal
from app.connectors.errors import PayloadRejected, Throttled

_REFUSED = "Klaviyo refused the request: "
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
TRIES = 3  # calls whose response confirms nothing, before the result counts as unknown

Said = dict[str, list[str | None]]  # by index: code, message, pointer


@dataclass(slots=True)
class Progress:
    """The position among the deliveries, the running job, and the results of single members."""

    next: int = (
        0  # the first delivery that was not sent; additions: in handles from before ``queue``
    )
    rows: int | None = None  # lowered after a response 413
    job: str | None = None
    upto: int = 0  # the delivery after the last of the running job
    polls: int = 0
    restarts: int = 0
    searched: int = 0  # searches done for the next removal
    found: list[str] = field(default_factory=list)  # the ids that they returned
    hits: list[str] = field(default_factory=list)  # the keys that they found, folded
    stale: list[str] = field(
        default_factory=list
    )  # ids of members that Klaviyo does not know any more
    late: list[int] = field(default_factory=list)  # removals that were not found and may appear
    round: int = 0  # how many of them are looked for before the next wait
    rejected: Said = field(default_factory=dict)
    partner_ids: dict[str, str] = field(default_factory=dict)
    #: Ranges of deliveries that wait to be sent, as [first, after the last]. None: not begun.
    queue: list[list[int]] | None = None
    #: The deliveries of the running job: their range, or ``again`` if ``is_again``; and how many were sent.
    span: list[int] = field(default_factory=list)
    sent: int | None = None
    stage: str | None = (
        None  # of a job that has ended: what is being read of it, ``errors`` or ``profiles``
    )
    cursor: str | None = None  # the next page of it
    counts: list[int | None] = field(
        default_factory=list
    )  # of the ended job: total, completed, failed
    failed: list[int] = field(
        default_factory=list
    )  # deliveries that errors of the job were matched to
    confirmed: list[int] = field(default_factory=list)  # deliveries among the profiles of the job
    listed: int = 0  # profiles of the job that were read
    words: str | None = None  # of an error that no delivery was matched to
    again: list[int] = field(default_factory=list)  # to be sent again, with the key alone ...
    whole: list[int] = field(default_factory=list)  # ... but these with all identifiers
    is_again: bool = False  # the running job is of these, or of ``firsts``
    #: To be written first, with the key alone; None: not known yet. ``created``: all of them are written.
    firsts: list[int] | None = None
    created: bool = False
    singly: bool = False  # ... by single calls, because a job of them was refused
    restored: list[int] = field(
        default_factory=list
    )  # written again, after another took the profile
    ids_asked: bool = False  # removals: ``stale`` has the ids that several members have
    odd: int = 0  # responses in a row that confirmed nothing
    refusals: int = 0  # of whole jobs
    passed: bool = False  # Klaviyo took a job or a profile of this call
    cleared: bool = False  # the members with fields to clear are written, and are on the list
    suspects: Said = field(default_factory=dict)  # refused alone, without a pointer
    unknown: Said = field(default_factory=dict)
    notes: Said = field(default_factory=dict)
    #: The identifiers that Klaviyo accepted, of members with a note that it did not accept all.
    accepted: dict[str, dict[str, str]] = field(default_factory=dict)
    #: Ids of profiles that Klaviyo does not know any more, once for each response that says so. Its search may show them for some time.
    gone: list[str] = field(default_factory=list)
    #: The fields that Klaviyo refused, by index: they are not sent again.
    left_out: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, handle: Mapping[str, Any]) -> Progress:
        """Read a stored handle, also one of another version."""
        names = {one.name for one in fields(cls)}
        # A call that an earlier version began writes nobody first.
        values = {"created": True, **handle}
        return cls(**{name: value for name, value in values.items() if name in names})

    def reject(self, index: int, refusal: Refusal) -> None:
        """Record a refused member."""
        self.rejected[str(index)] = _said(refusal)

    def suspect(self, index: int, refusal: Refusal) -> None:
        """Record a member that was refused alone. It is rejected only if Klaviyo accepts others."""
        self.suspects[str(index)] = _said(refusal)

    def leave_unknown(self, index: int, words: str) -> None:
        """Record a member that no response confirms."""
        self.unknown[str(index)] = ["unconfirmed", words, None]

    def note(self, index: int, refusal: Refusal, accepted: Mapping[str, str]) -> None:
        """Record that a member is sent with some of its identifiers only, and why."""
        self.notes[str(index)] = _said(refusal)
        self.accepted[str(index)] = dict(accepted)

    def found_out(self, index: int, identity: Mapping[str, str] | None) -> None:
        """Record the identifiers that the profile of a member has, if they are not those that were sent."""
        if identity is not None:
            self.accepted[str(index)] = dict(identity)

    def is_settled(self, index: int) -> bool:
        """Return whether nothing more is sent for a member."""
        name = str(index)
        return any(
            name in part for part in (self.rejected, self.unknown, self.suspects, self.partner_ids)
        )

    def pending(self, wait: float) -> Pending:
        """Return the handle, to be resumed after ``wait`` seconds."""
        return Pending(asdict(self), timedelta(seconds=wait))

    def once_more(self) -> Pending | None:
        """Count a response that confirmed nothing. Returns None if there were enough of them."""
        self.odd += 1
        return self.pending(FIRST_WAIT * 2 ** (self.odd - 1)) if self.odd < TRIES else None

    def throttled(self, error: Throttled) -> Pending:
        """Return the handle, to be resumed when the partner accepts calls again."""
        wait = error.retry_after.total_seconds() if error.retry_after is not None else FIRST_WAIT
        return self.pending(wait)

    def waiting(self) -> Pending:
        """Return the handle, to poll the job again: after 1 s, then with exponential backoff, at most 30 s."""
        wait = min(FIRST_WAIT * 2 ** min(self.polls, 10), LONGEST_WAIT)
        self.polls += 1
        return self.pending(wait)

    def receipts(self, skipped: Mapping[int, Refusal]) -> Receipts:
        """Return the receipts of the call.

        Raises PayloadRejected if members were refused alone and Klaviyo took nothing else: it may refuse everything.
        """
        if self.suspects and not self.passed:
            code, message, _ = next(iter(self.suspects.values()))
            words = (message or "").removeprefix(_REFUSED)
            raise PayloadRejected(f"{_REFUSED}{words}", code=code, http_status=400)
        rejected = {**self.suspects, **self.rejected}
        return Receipts(
            rejected=_refusals(rejected),
            skipped=skipped,
            unknown=_refusals({i: one for i, one in self.unknown.items() if i not in rejected}),
            notes=_refusals(
                {
                    index: note
                    for index, note in self.notes.items()
                    if index not in rejected and index not in self.unknown
                }
            ),
            partner_ids={int(index): value for index, value in self.partner_ids.items()},
            identities={int(i): one for i, one in self.accepted.items() if i not in rejected},
        )


def _said(refusal: Refusal) -> list[str | None]:
    return [refusal.code, refusal.message, refusal.pointer]


def _refusals(said: Mapping[str, list[str | None]]) -> dict[int, Refusal]:
    return {
        int(index): Refusal(str(code), str(message), pointer)
        for index, (code, message, pointer) in said.items()
    }
