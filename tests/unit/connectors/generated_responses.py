"""Responses that hypothesis draws: what a partner may say to a request, odd forms of it, and nonsense."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from app.sandbox.server import Cut, Outcome, Request, Response

JUNK: list[Any] = [None, "", "x", 0, -1, 7, True, 1.5, [], {}, [None], {"id": None}, "1"]
_STATUSES = [
    200,
    200,
    200,
    201,
    202,
    204,
    206,
    207,
    226,
    299,
    302,
    400,
    404,
    409,
    413,
    422,
    429,
    500,
    503,
]
_BODIES = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"7",
    b'"success"',
    b"<html>ok</html>",
    b'{"data":',
    b"\xff\xfe\x00",
    b"NaN",
]
JSON = "application/json"
nonsense = st.builds(
    lambda status, body, kind: Response(status, body, {"content-type": kind}),
    st.sampled_from(_STATUSES), st.sampled_from(_BODIES), st.sampled_from([JSON, "text/html", "text/plain"]),
)  # fmt: skip


def odd(good: Any, *further: Any) -> st.SearchStrategy[Any]:
    """The expected value most of the time, else another one."""
    return st.one_of(
        st.just(good), st.just(good), st.just(good), st.sampled_from([*further, *JUNK])
    )


def respond(draw: Any, statuses: Sequence[int], content: Any) -> Outcome:
    """A JSON response, now and then with another status, another shape, cut, or nonsense instead."""
    chance = draw(st.integers(0, 19))
    if chance == 0:
        return draw(nonsense)  # type: ignore[no-any-return]
    status = draw(st.sampled_from(statuses if chance > 2 else _STATUSES))
    if chance == 3:
        content = draw(st.sampled_from([[content], {"data": content}, json.dumps(content), *JUNK]))
    body = b"" if status == 204 else json.dumps(content).encode()
    response = Response(status, body, {"content-type": JSON})
    return Cut(response, max(1, len(body) // 2)) if chance == 4 else response


def webhook(draw: Any, request: Request) -> Outcome:
    """A receiver that may refuse members by name."""
    data = json.loads(request.body)["data"]
    ids = [item["id"] for kind in ("entered", "exited", "updated") for item in data[kind]]
    entry = st.one_of(
        st.fixed_dictionaries({"id": st.sampled_from([*ids, *JUNK])}),
        st.sampled_from([*JUNK, *ids]),
    )
    rejected = draw(st.one_of(st.lists(entry, max_size=3), st.sampled_from(JUNK)))
    return respond(
        draw,
        [200, 200, 202, 204, 400, 409],
        draw(st.sampled_from([{}, {"rejected": rejected}, {"rejected": rejected}])),
    )


def talon_one(draw: Any, request: Request) -> Outcome:
    """Talon.One: 200 or 204, or a refusal that may name a row."""
    pointer = f"/data/{draw(st.integers(0, 20))}/profileIntegrationId"
    errors = [{"title": "t", "details": "d", "source": {"pointer": pointer}}]
    content = draw(st.sampled_from([{}, {"message": "bad", "errors": errors}, {"message": "bad"}]))
    return respond(draw, [200, 204, 204, 201, 202, 400, 409], content)


def braze(draw: Any, request: Request) -> Outcome:
    """Braze: a count, and errors that name objects."""
    sent = json.loads(request.body)
    array = next((name for name in ("attributes", "events") if name in sent), "attributes")
    count = len(sent.get(array, []))
    entry = st.fixed_dictionaries(
        {"type": st.just("bad"), "index": odd(draw(st.integers(-1, count)), count, "0")},
        optional={"input_array": odd(array, "purchases")},
    )
    content: dict[str, Any] = {
        "message": draw(odd("success", "queued", "Success", "failure", "partial success"))
    }
    if draw(st.booleans()):
        content[f"{array}_processed"] = draw(odd(count, count - 1, count + 1))
    if draw(st.booleans()):
        content["errors"] = draw(
            st.one_of(
                st.lists(st.one_of(entry, entry, st.sampled_from(["bad", *JUNK])), max_size=2),
                st.sampled_from(JUNK),
            )
        )
    return respond(draw, [201, 201, 200, 400], content)


class Klaviyo:
    """Klaviyo: imports with counts, errors and profiles; single calls; searches. Jobs remember who was sent."""

    def __init__(self) -> None:
        self.jobs: dict[str, list[str]] = {}

    def __call__(self, draw: Any, request: Request) -> Outcome:
        parts = request.path.strip("/").split("/")
        if request.path == "/api/profile-bulk-import-jobs":
            return self._accept(draw, request)
        if "profile-bulk-import-jobs" in parts:
            emails = self.jobs.get(parts[2], [])
            if len(parts) == 3:
                return self._job(draw, len(emails))
            return (self._errors if parts[3] == "import-errors" else self._profiles)(draw, emails)
        if request.path == "/api/profile-import":
            return respond(
                draw,
                [200, 200, 201, 201, 201, 202],
                {"data": {"type": "profile", "id": draw(odd(f"01{draw(st.integers(0, 99))}"))}},
            )
        if request.path == "/api/profiles":
            wanted = (request.parameter("filter") or "").split('"')[1::2]
            return self._profiles(draw, wanted)
        return respond(
            draw,
            [204, 204, 200, 202, 404],
            {"errors": [{"code": "x", "detail": "d", "source": {"pointer": "/data/0/id"}}]},
        )

    def _accept(self, draw: Any, request: Request) -> Outcome:
        profiles = json.loads(request.body)["data"]["attributes"]["profiles"]["data"]
        job = f"job{len(self.jobs)}"
        self.jobs[job] = [one["attributes"]["email"] for one in profiles]
        return respond(draw, [202, 202, 200, 201, 204], {"data": {"id": draw(odd(job))}})

    def _job(self, draw: Any, count: int) -> Outcome:
        status = draw(odd("complete", "complete", "processing", "cancelled", "failed"))
        failed = draw(st.sampled_from([0, 0, 1, 2]))
        counts = {"total_count": count, "completed_count": count - failed, "failed_count": failed}
        given = {
            name: draw(odd(number, number + 1, str(number))) for name, number in counts.items()
        }
        return respond(
            draw, [200], {"data": {"id": "x", "attributes": {"status": status, **given}}}
        )

    def _errors(self, draw: Any, emails: Sequence[str]) -> Outcome:
        who = st.sampled_from([*emails, "who@example.com"])
        payload = st.one_of(
            st.builds(lambda one: {"email": one}, who),
            st.builds(lambda one: {"email": one}, who),
            st.sampled_from(JUNK),
        )
        attributes = st.fixed_dictionaries(
            {
                "code": st.sampled_from(["invalid", "duplicate_profile"]),
                "detail": st.just("no"),
                "original_payload": payload,
            }
        )
        return self._page(draw, draw(st.lists(attributes, max_size=2)))

    def _profiles(self, draw: Any, emails: Sequence[str]) -> Outcome:
        chosen = draw(
            st.one_of(
                st.just(list(emails)),
                st.lists(st.sampled_from([*emails, "who@example.com"]), max_size=12),
            )
        )
        return self._page(
            draw, [{"email": draw(st.sampled_from([one, one.upper()]))} for one in chosen]
        )

    def _page(self, draw: Any, attributes: Sequence[Mapping[str, Any]]) -> Outcome:
        data = [
            {"type": "x", "id": draw(odd(f"01{number}")), "attributes": one}
            for number, one in enumerate(attributes)
        ]
        following = draw(
            odd(None, "https://a.example/?page[cursor]=2", "https://a.example/?page[cursor]=3")
        )
        return respond(draw, [200, 200, 200, 500], {"data": data, "links": {"next": following}})
