"""Routes of the keys that encrypt stored settings. They need the scope ``operator``."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import ApiRoute, PlatformDep, PlatformOnceDep, answer, described
from app.api.extensions.operations import OPERATOR
from app.contract.extensions import tokens as contract
from app.services import tenancy

router = APIRouter(route_class=ApiRoute)


@router.get(
    "/encryption-keys",
    **described(
        "listEncryptionKeys",
        output=contract.EncryptionKeysData,
        summary="List encryption keys",
        scope=OPERATOR,
        tag="Operations",
    ),
)
async def list_keys(platform: PlatformDep) -> Response:
    """List the names of the encryption keys of this process, the current one first. Needs the scope `operator`."""
    keyring = platform.keyring
    return answer(
        contract.EncryptionKeysData(
            keys=[
                contract.EncryptionKeyOutput(id=one, current=one == keyring.current)
                for one in keyring.key_ids
            ]
        )
    )


@router.post(
    "/encryption-keys/rotate",
    **described(
        "rotateEncryptionKeys",
        lasting=True,
        output=contract.KeyRotationData,
        summary="Encrypt all settings with the current key",
        errors=(409,),
        scope=OPERATOR,
        tag="Operations",
    ),
)
async def rotate_keys(platform: PlatformOnceDep) -> Response:
    """Encrypt all stored settings again with the current key. Safe to repeat. Needs the scope `operator`."""
    done = await tenancy.rotate_keys(platform)
    return answer(
        contract.KeyRotationData(
            rotation=contract.KeyRotationOutput(
                written=done.written, left=dict(done.left), unreadable=list(done.unreadable)
            )
        )
    )
