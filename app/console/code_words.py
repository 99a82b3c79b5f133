"""Codes of the API as pages write them: one table of words for each kind of code, and what is shown of a code without words."""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.absence import Absence
from app.domain.batch_states import BatchState
from app.domain.changes import ChangeKind, Disposition, Held, Mode
from app.domain.left_out import LeftOut
from app.domain.notices import TEST_EVENT, NoticeEvent
from app.domain.retry import AttemptOutcome, Failure
from app.domain.run_states import RunKind
from app.domain.status_words import SYNC_WORDS
from app.domain.sync_states import SyncKind, SyncState

_ATTEMPT: Mapping[str, str] = {
    AttemptOutcome.DELIVERED: "accepted",
    AttemptOutcome.PART: "accepted in part, the rest follows",
    AttemptOutcome.PENDING: "accepted as a job that is not over yet",
    AttemptOutcome.BUDGET: "not sent: the rate limit was used up",
    AttemptOutcome.GIVEN_UP: "not sent: the attempts before it ended their workers",
    AttemptOutcome.UNLOADABLE: "not sent: its rows could not be loaded",
    Failure.THROTTLED: "refused for now: too many calls",
    Failure.FAILED: "failed: nothing was applied",
    Failure.UNKNOWN: "no clear response",
    Failure.REFUSED: "refused as a whole",
    Failure.UNAUTHORIZED: "refused: the key is not accepted",
    Failure.MISCONFIGURED: "refused: a setting is wrong",
    Failure.MOVED: "redirected to another address",
    Failure.UNCONFIRMED: "not confirmed by the response",
}
_DISPOSITION: Mapping[str, str] = {
    Disposition.DELIVERED: "Delivered",
    Disposition.REJECTED: "Rejected",
    Disposition.SKIPPED: "Skipped",
    Disposition.UNKNOWN: "Not confirmed",
    Disposition.PENDING: "Not sent",
    Disposition.SILENT: "Recorded only",
}
_REFUSAL: Mapping[str, str] = {
    LeftOut.NO_IDENTIFIER: "No identifier that the destination accepts",
    "no_group_identifier": "No identifier that a subscription group accepts",
    "identifier_too_long": "The identifier is too long",
    "external_id_too_long": "The external id is too long",
    "profile_too_large": "The profile is too large",
    "mapping_failed": "A field could not be filled in",
    "cannot_encode": "A value does not fit its column",
    "unconfirmed": "Not confirmed by three syncs",
    "unmatched": "The response names no profile",
    "not_counted": "Not counted by the destination",
    "duplicate_profile": "Two profiles at the destination have its identifiers",
    "profile_renamed": "The profile has a new id",
    "field_left_out": "A field was left out",
    "identifier_left_out": "The destination refused one of its identifiers",
    "import_error": "The import failed",
    "list_not_found": "The list does not exist",
    "rejected_by_receiver": "Rejected by the receiver",
    "rejected_by_braze": "Rejected by Braze",
    "rejected_by_talon_one": "Rejected by Talon.One",
    "refused": "Refused",
}
#: Tables of the database, as the receipt of an erasure names them.
_TABLE: Mapping[str, str] = {
    "activation": "Activations",
    "activation_revision": "Revisions of activations",
    "attempt": "Attempts of batches",
    "audience": "Audiences",
    "audience_preview": "Previews of audiences",
    "audience_schedule": "Schedules of audiences",
    "audit_event": "Audit trail",
    "batch": "Batches of syncs",
    "dataset": "Datasets",
    "dataset_content": "Former contents of datasets",
    "destination": "Accounts at destinations",
    "destination_connection": "Connections",
    "idempotency_key": "Responses for repeated requests",
    "member_patch": "Changes of members",
    "notice": "Notices",
    "retired_key": "Retired keys",
    "run": "Runs",
    "snapshot": "Snapshots",
    "space": "Spaces",
    "sync": "Syncs",
    "workspace": "Workspaces",
}
#: Rate limits of partners, without the window at the end of their names.
_BUDGET: Mapping[str, str] = {
    "import": "Start an import of profiles",
    "poll": "Read how far an import is",
    "errors": "Read the faults of an import",
    "imported": "Read the profiles of an import",
    "add": "Add profiles to a list",
    "remove": "Remove profiles from a list",
    "new-list": "Create a list",
    "members": "Read the members of a list",
    "search": "Search for profiles",
    "upsert": "Create or change one profile",
    "lists": "Read the lists",
    "list": "Read one list",
    "track": "Send users",
    "subscription": "Change a subscription group",
    "others": "Read a subscription group",
    "requests": "All calls",
    "files": "Write files",
}
#: Words with which faults begin; another first word may be the name of a column or field.
_BEGINS = (
    "a",
    "an",
    "at",
    "cannot",
    "is",
    "may",
    "must",
    "no",
    "not",
    "only",
    "the",
    "there",
    "this",
)
_WINDOWS = ("-second", "-minute", "-hour", "-day")
_READING: Mapping[str, str] = {
    "empty_row": "empty row",
    "empty_column": "empty column",
    "repeated_header": "repeated header",
    "refused_key": "refused row",
    "half_character": "half of a character, replaced",
    "joined_halves": "two halves of a character, joined",
    "long_number": "number too long for a number, kept as text",
    Absence.WORD: "a word for “no value”",
    Absence.SHARED_WORD: "a word for “no value” that several rows share",
    Absence.DISPLAY_NAME: "an address with the name of its owner",
    Absence.ADDRESS_LIST: "several addresses",
    Absence.NOT_AN_ADDRESS: "no e-mail address",
    Absence.NOT_A_NUMBER: "no phone number",
    Absence.NOT_A_TEXT: "no text",
}

#: Words by kind of code. Those of ``left_out`` follow a number: ``12 without consent``.
WORDS: Mapping[str, Mapping[str, str]] = {
    "left_out": {
        LeftOut.NO_CONSENT: "without consent",
        LeftOut.CONTROL: "in the part of the split that is not sent",
        LeftOut.NO_IDENTIFIER: "without a valid identifier that the destination uses",
        LeftOut.PHONE_WITHOUT_COUNTRY: "without a usable e-mail address or other identifier; the phone number has no country",
        LeftOut.SHARED_KEY: "with the same identifier as another member",
        LeftOut.REFUSED_BEFORE: "refused by the destination before, and unchanged",
        LeftOut.LIST_NOT_CREATED: "leave a list that does not exist yet",
        LeftOut.HELD_BY_ANOTHER: "stay, because another activation sends them to the same place",
        LeftOut.LEAVING_BY_ANOTHER: "wait until another activation has removed them",
    },
    "refusal": _REFUSAL,
    "sync_kind": {
        SyncKind.INCREMENTAL: "changes",
        SyncKind.RESYNC: "all members",
        SyncKind.BASELINE: "members counted as already there",
        SyncKind.DRY_RUN: "dry run",
        SyncKind.TEST: "test send",
    },
    "sync_trigger": {
        "run": "after a run of its audience",
        "schedule": "at its time",
        "api": "by hand or by the API",
        "retry": "to retry what was rejected",
        "newer": "because something newer waited",
        "resync": "to send all members",
        "baseline": "to count the members as already there",
        "configuration": "because the settings changed",
        "rollback": "after a rollback of its audience",
        "call_ended": "because a call that was left is over",
        "erasure": "to remove a person who is erased",
        "profile_renamed": "because a profile has a new id",
        "place": "because another activation with the same list changed",
    },
    "actor": {
        "service": "the service",
        "schedule": "the service",
        "place": "the service",
        "file-source": "the service",
        "bootstrap": "the first start",
        "restore": "the command after a restore",
        "command line": "the command line",
    },
    "run_kind": {
        RunKind.DEFINITION: "computes the definition",
        RunKind.UPLOAD: "reads all members of a file",
        RunKind.PATCH: "adds and removes single members",
    },
    "run_trigger": {
        "api": "a user or the API",
        "schedule": "a schedule",
        "activation": "an activation that was due",
        "upload": "an upload",
        "patch": "a change of members",
    },
    "batch_state": {
        BatchState.WAITING: "waits",
        BatchState.SENDING: "being sent",
        BatchState.RECORDED: "done",
    },
    "change": {
        ChangeKind.ENTERED: "entered",
        ChangeKind.EXITED: "exited",
        ChangeKind.UPDATED: "updated",
    },
    "attempt": _ATTEMPT,
    "held": {
        Held.YES: "There",
        Held.MAYBE: "Perhaps there",
        Held.NO: "Not there",
        Held.REMOVED: "Removed",
        Held.LEFT: "There for another activation",
    },
    "disposition": _DISPOSITION,
    "test_send": {
        **{key: words.lower() for key, words in _DISPOSITION.items()},
        SyncState.FAILED: "failed",
        SyncState.CANCELLED: "cancelled",
        SyncState.SUPERSEDED: "replaced by a newer one",
        Disposition.PENDING: "not over yet",
    },
    "sync_state": {state.value: words for state, words in SYNC_WORDS.items()},
    "mode": {
        Mode.MAINTAIN: "Keep equal: add and remove",
        Mode.APPEND: "Only add: nobody is removed",
        Mode.REMOVE: "Remove these members, add nobody",
    },
    # Of a one-time send: there is nothing to keep equal.
    "mode_once": {
        Mode.MAINTAIN: "Add these members",
        Mode.APPEND: "Add these members; if it is sent again, remove nobody",
        Mode.REMOVE: "Remove these members, add nobody",
    },
    "strategy": {"last": "newest", "first": "oldest", "all": "all values"},
    "notice": {
        NoticeEvent.FINISHED: "A sync is complete",
        NoticeEvent.FAILED: "A sync failed",
        NoticeEvent.HELD: "A sync is on hold",
        NoticeEvent.ERROR: "Stopped by an error",
        TEST_EVENT: "Test",
    },
    "channel": {"email": "by mail", "webhook": "to an account"},
    "resource": {
        "activation": "Activation",
        "audience": "Audience",
        "audience-preview": "Preview of an audience",
        "dataset": "Dataset",
        "destination": "Account at a destination",
        "destination-connection": "Connection of an audience to an account",
        "erasure": "Erasure of a person",
        "space": "Space",
        "sync": "Sync",
        "token": "Token",
    },
    "reading": _READING,
    "role": {
        "id": "id of the member",
        "identifier": "identifier",
        "trait": "property",
        "entity": "entity",
        "column": "column",
    },
    "table": _TABLE,
    "column": {
        "absent_words": "words for “no value”",
        "config": "configuration",
        "id_sync": "identifiers",
        "query": "definition",
        "spec": "plan",
    },
    "format": {"csv": "CSV", "ndjson": "NDJSON", "parquet": "Parquet"},
    "ssl_mode": {
        "verify-full": "encrypted, certificate checked",
        "require": "encrypted, certificate not checked",
        "disable": "not encrypted",
    },
    "audience_type": {"USERS": "profiles", "ACCOUNTS": "accounts", "LINKED": "entities"},
}


def code_words(code: str, kind: str) -> str:
    """Return a code in words. One that is not known, such as a partner's, becomes words itself: ``INVALID_EMAIL`` is "Invalid email".

    ``kind`` is a key of :data:`WORDS`.
    """
    known = WORDS[kind].get(code)
    return known if known is not None else plain(code)


def actor_words(actor: str, names: Mapping[str, str]) -> str:
    """Return an actor in words: the name of its token, a part of the service, or the actor as it is.

    ``names`` are those of tokens, by actor.
    """
    return names.get(actor) or WORDS["actor"].get(actor, actor)


def modes_once(chosen: str) -> Mapping[str, str]:
    """Return the modes of a one-time send that can be chosen: ``{mode: words}``. That it never removes matters only if it was chosen."""
    words = WORDS["mode_once"]
    return {mode: text for mode, text in words.items() if mode in ("maintain", "remove", chosen)}


def budget_words(name: str) -> str:
    """Return which calls a rate limit is for. Its window, such as in ``import-minute``, is shown beside it."""
    base = next((name.removesuffix(one) for one in _WINDOWS if name.endswith(one)), name)
    return _BUDGET.get(base) or plain(base)


def key_words(key_type: str) -> str:
    """Return which identifier a key at a destination is: its name, or words for the member's own id."""
    return "id of the member" if key_type == "member" else key_type


def plain(code: str) -> str:
    """Return a code without its signs: ``list-not_found`` becomes "List not found". One with blanks, or of digits, stays as it is."""
    if " " in code or not any(letter.isalpha() for letter in code):
        return code
    words = code.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:].lower() if words else code


def fault_words(message: str) -> str:
    """Return a fault as a sentence: ``must be a number`` begins with a capital. A name at its begin stays as it is."""
    return upper_first(message) if message.split(" ", 1)[0] in _BEGINS else message


def upper_first(words: str) -> str:
    """Return words as the begin of a sentence or a cell."""
    return words[:1].upper() + words[1:]
