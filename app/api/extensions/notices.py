"""Routes of notices: the log of a space, and test notices."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    CurrentSpace,
    PageDep,
    PlatformOnceDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
    query_text,
    read_choice,
)
from app.contract.extensions import notices as contract
from app.domain.notice_states import NoticeState
from app.domain.notices import NoticeEvent
from app.services import reports, syncs

router = APIRouter(route_class=ApiRoute)


@router.get(
    "/spaces/{spaceId}/notices",
    **described(
        "listNotices",
        output=contract.NoticesData,
        summary="List notices",
        errors=(404, 422),
        parameters=(
            PAGINATION,
            query_text(
                "state",
                "Only notices in this state.",
                "failed",
                enum=[state.value for state in NoticeState],
            ),
        ),
        tag="Notices",
    ),
)
async def list_notices(
    request: Request, session: SessionDep, scene: CurrentSpace, space_id: SpaceId, page: PageDep
) -> Response:
    """List the notices of a space, newest first: mails and webhooks that were sent, that failed, or that wait."""
    state = read_choice(request, "state", NoticeState)
    found = await reports.page_notices(session, scene.space_id, state, page)
    counts = await reports.count_notices(session, scene.space_id)
    return answer(
        contract.NoticesData(
            notices=[_wire(row) for row in found.entries],
            last_day=contract.NoticeCountsOutput(
                **{state.value: count for state, count in counts.items()}
            ),
            pagination=pagination(found),
        )
    )


def _wire(row: reports.LoggedNotice) -> contract.NoticeOutput:
    notice = row.notice
    return contract.NoticeOutput(
        id=notice.id,
        state=notice.state,
        event=NoticeEvent(notice.event),
        channel=notice.channel,
        recipient=notice.recipient,
        account_name=row.account_name,
        activation_id=notice.activation_id,
        audience_id=row.audience_id,
        activation_name=notice.content["activationName"],
        sync_id=notice.sync_id,
        attempts=notice.attempts,
        error=notice.error,
        created_at=notice.created_at,
        sent_at=notice.sent_at,
    )


@router.post(
    "/spaces/{spaceId}/notices/test",
    **described(
        "sendTestNotice",
        lasting=True,
        output=contract.TestNoticeData,
        summary="Send a test notice",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "mail": {"email": "crm@example.com"},
            "webhook": {"destinationId": "66be7aeca665bd11f8908630"},
        },
        tag="Notices",
    ),
)
async def send_test_notice(
    platform: PlatformOnceDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    body: contract.TestNoticeInput,
) -> Response:
    """Send a test notice to a mail address or an account, once, and return the result. It is not stored."""
    result = await syncs.send_test_notice(
        platform, scene.space_id, email=body.email, destination_id=body.destination_id
    )
    return answer(
        contract.TestNoticeData(
            test_notice=contract.TestNoticeOutput(
                id=result.id, sent=result.sent, message=result.message
            )
        )
    )
