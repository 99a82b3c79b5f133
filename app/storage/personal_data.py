"""The places that can hold personal data: every column with text, JSON or bytes, and every kind of stored file.

An erasure goes through these places. A test fails if a column or a kind of file is added that is not named here, and
docs/erasure.md lists them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Handling(StrEnum):
    """What an erasure does with a place."""

    SEARCHED = "searched"  # names of the person are replaced by [erased]
    FILES = "files"  # names stored files, which are written again without the person
    REPEATS = (
        "repeats"  # responses kept for repeated requests: decrypted, searched, encrypted again
    )
    OWN = "own"  # the names of the erasure itself, encrypted, removed when it is complete
    TEMPORARY = "temporary"  # until a run ends: the erasure waits for it
    CONFIGURED = (
        "configured"  # written by users as configuration: searched and reported, not changed
    )
    SEALED = "sealed"  # encrypted settings, or digests
    STAFF = "staff"  # who works with the service, not who is in its lists
    NONE = "none"  # ids of resources, names of types, counts


_SEARCHED = """
    audit_event.resource_id audit_event.resource_name audit_event.changes
    audience_preview.query audience_preview.results audience_preview.rows audience_preview.failure_reason
    dataset.reading dataset_content.reading
    run.input run.sources run.notes run.absent run.error
    activation.last_error
    notice.recipient notice.content notice.error
    sync.rejections sync.retried sync.report sync.error sync.hold_reason sync.left_out
    batch.continuation batch.progress batch.receipts
    attempt.error
    destination.breaker
"""
_FILES = """
    dataset.file dataset_content.file snapshot.manifest activation.holdings sync.plan sync.outcome batch.receipts_file
"""
_CONFIGURED = """
    space.slug space.name space.absent_words
    audience.name audience.key audience.description audience.query audience.target_entity audience.options
    audience_preview.target_entity audience_preview.options audience_schedule.config
    dataset.name dataset.columns dataset.file_read dataset_content.columns destination.name
    destination_connection.id_sync destination_connection.connection_settings destination_connection.lists
    activation.name activation.options activation_revision.config
    snapshot.traits snapshot.identifiers sync.spec retired_key.key workspace.slug workspace.name
"""
_SEALED = """
    encryption_check.ciphertext api_token.secret_hash idempotency_key.body_hash dataset.settings destination.settings
    erasure.digest refused_key.digest
"""
_STAFF = """
    audit_event.actor audit_event.actor_email api_token.name audience.created_by audience.updated_by dataset.created_by
    dataset.updated_by dataset.uploaded_by dataset_content.uploaded_by destination.created_by destination.updated_by run.created_by
    activation_revision.created_by sync.approved_by sync.opened_by erasure.requested_by
"""
_NONE = """
    encryption_check.key_id console_sign_out.nonce
    held_place.space_id held_place.activation_id held_place.local held_place.place held_place.workspace_id held_place.made_from
    place_wait.space_id place_wait.activation_id place_wait.other_space_id place_wait.other_activation_id place_wait.seen
    worker.id worker.host worker.version worker.lane workspace.id
    api_token.id api_token.workspace_id api_token.scopes
    audit_event.workspace_id audit_event.id audit_event.space_id audit_event.type audit_event.resource_type
    idempotency_key.workspace_id space.id space.workspace_id
    audience.space_id audience.id audience.audience_type audience.current_snapshot_id audience.pinned_snapshot_id
    audience_preview.space_id audience_preview.id audience_preview.audience_type audience_preview.size
    dataset.space_id dataset.id dataset.kind
    destination.space_id destination.id destination.slug destination.account
    erasure.space_id erasure.id erasure.found erasure.waits erasure.unnamed erasure.lease_owner
    refused_key.space_id refused_key.erasure_id retired_key.space_id
    audience_schedule.space_id audience_schedule.id audience_schedule.audience_id audience_schedule.strategy
    dataset_content.space_id dataset_content.dataset_id dataset_content.id
    destination_connection.space_id destination_connection.id destination_connection.audience_id
    destination_connection.destination_id
    member_patch.space_id member_patch.audience_id member_patch.run_id
    run.space_id run.id run.audience_id run.trigger run.lease_owner run.snapshot_id
    snapshot.space_id snapshot.id snapshot.audience_id snapshot.run_id
    activation.space_id activation.id activation.audience_id activation.connection_id activation.destination_id
    activation.revision_id
    activation_revision.space_id activation_revision.id activation_revision.activation_id
    activation_source.space_id activation_source.activation_id activation_source.audience_id
    notice.space_id notice.id notice.activation_id notice.sync_id notice.event notice.channel
    sync.space_id sync.id sync.activation_id sync.destination_id sync.revision_id sync.trigger sync.lease_owner
    batch.space_id batch.sync_id batch.kind batch.lease_owner
    sync_source.space_id sync_source.sync_id sync_source.audience_id sync_source.snapshot_id
    attempt.space_id attempt.sync_id attempt.worker attempt.outcome attempt.vendor_request_id
"""

#: ``table.column`` of all columns with text, JSON or bytes. Numbers, times, booleans and enumerations hold no names.
COLUMNS: Final[dict[str, Handling]] = {
    **dict.fromkeys(_SEARCHED.split(), Handling.SEARCHED),
    **dict.fromkeys(_FILES.split(), Handling.FILES),
    **dict.fromkeys(("idempotency_key.key", "idempotency_key.request"), Handling.REPEATS),
    "idempotency_key.response": Handling.REPEATS,
    "erasure.person": Handling.OWN,
    **dict.fromkeys(("member_patch.add", "member_patch.remove"), Handling.TEMPORARY),
    **dict.fromkeys(_CONFIGURED.split(), Handling.CONFIGURED),
    **dict.fromkeys(_SEALED.split(), Handling.SEALED),
    **dict.fromkeys(_STAFF.split(), Handling.STAFF),
    **dict.fromkeys(_NONE.split(), Handling.NONE),
}

#: Kinds of stored files: the first part of their names, and what they are.
FILES: Final[dict[str, str]] = {
    "content": "content of a dataset, current or former",
    "members": "uploaded members",
    "base": "snapshot, or holdings, as a whole",
    "delta": "change of a snapshot",
    "plan": "plan of a sync or test send",
    "outcome": "outcome of a sync",
    "withheld": "keys that a plan leaves to another activation",
    "seed": "holdings that a user supplied",
    "repair": "holdings after a comparison with the partner's list",
}
