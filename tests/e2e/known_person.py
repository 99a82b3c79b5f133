"""A running service that knows a person everywhere: in its files, its database, and at all its destinations."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from app.sandbox.braze import DEFAULT_KEY as BRAZE_KEY
from app.sandbox.braze import BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox
from app.sandbox.talon_one import DEFAULT_KEY as TALON_KEY
from app.sandbox.talon_one import TalonOneEmulator
from tests.flow import eventually
from tests.live import Live

MAIL, PHONE, PROFILE, USER, ANONYMOUS = (
    "Zoe.Quill@Example.com",
    "+4915112345678",
    "p-zoe-17",
    "Usr-Zoe-99",
    "anon-ZOE-0815",
)
FAMILY = "Quillfeather"
#: The identifiers, and a trait that only the person's own rows have.
NAMES = (MAIL, PHONE, PROFILE, USER, ANONYMOUS, FAMILY)
MENTION = f"call {MAIL}"
ENCODED = base64.b64encode(MAIL.encode()).decode()
OTHERS = ("p-grace-3", "p-alan-9", *(f"p-other-{number}" for number in range(10, 22)))

LIST = "AbCdEf"
WAIT = 400  # seconds, at most: on a busy machine
CSV = {"Content-Type": "text/csv"}
QUERY = """SELECT o.customer_id AS profile_id, o.email, o.family, o.note, c.tier, sha256(lower(o.email)) AS digest,
  base64(CAST(lower(o.email) AS BLOB)) AS encoded
FROM orders o JOIN contacts c ON lower(c.email) = lower(o.email)"""
BROKEN = "SELECT customer_id AS profile_id, CAST(email AS INTEGER) AS number FROM orders"


def members(plan: str = "free", *, mentions: bool = True) -> bytes:
    """Return the uploaded members, one object a line. The person has the given plan; values of others may mention the person."""
    zoe = {
        "profile_id": PROFILE,
        "email": MAIL,
        "phone": PHONE,
        "user_id": USER,
        "anonymous_id": ANONYMOUS,
        "family": FAMILY,
        "plan": plan,
    }
    others = [
        {
            "profile_id": one,
            "email": f"{one}@example.com",
            "user_id": f"u-{one}",
            "family": "Other",
            "plan": "free",
            "note": MENTION if mentions and one == "p-grace-3" else "none",
            "link": f"https://example.com/?of={ENCODED if mentions else 1}",
        }
        for one in OTHERS
    ]
    return b"\n".join(map(orjson.dumps, [zoe, *others]))


def orders(note: str) -> bytes:
    """Return rows of the dataset ``orders``; the other person's row mentions the person."""
    rows = [f"{PROFILE},{MAIL},{PHONE},{FAMILY},{note}"]
    rows += [f"{one},{one}@example.com,,Other,{MENTION}" for one in OTHERS]
    return "\n".join(["customer_id,email,phone,family,note", *rows, ""]).encode()


def contacts() -> bytes:
    """Return the user's own file, which the service only reads."""
    rows = [f"{MAIL},{FAMILY},gold", *(f"{one}@example.com,Other,silver" for one in OTHERS)]
    return "\n".join(["email,family,tier", *rows, ""]).encode()


def emulators() -> list[Any]:
    """Return the destinations' emulators."""
    klaviyo, talon = KlaviyoEmulator(job_seconds=0.05), TalonOneEmulator()
    klaviyo.account.new_list("VIP", LIST)
    talon.new_audience("VIP", "ii", 7)
    return [WebhookReceiver(), klaviyo, BrazeEmulator(), talon]


@dataclass(frozen=True)
class Target:
    """A destination, its connection, and the identifier by which it knows a member."""

    slug: str
    settings: Mapping[str, Any]
    connection: Mapping[str, Any] = field(default_factory=dict)
    id_sync: str = "email"


@dataclass
class KnownPerson:
    """What a test of an erasure works with. ``url`` is that of an S3 stand-in with the file of ``contacts``."""

    live: Live
    sandbox: Sandbox
    url: str
    uploaded: str = ""
    computed: str = ""
    contacts_dataset: str = ""
    activations: dict[str, str] = field(default_factory=dict)

    def targets(self) -> list[Target]:
        """Return all destinations of the uploaded audience."""
        urls = self.sandbox.urls
        bucket = {"bucket": "exports", "region": "us-east-1", "access_key_id": "t", "secret_access_key": "t", "endpoint_url": self.url, "prefix": "of-user/"}  # fmt: skip
        return [
            Target("webhook", {"url": urls["webhook"] + "/in"}),
            Target("klaviyo", {"api_key": "pk_sandbox", "base_url": urls["klaviyo"]}, {"list_id": LIST}),
            Target("braze", {"api_key": BRAZE_KEY, "rest_endpoint": urls["braze"]}, {"attribute_name": "buyer"}, "user_id"),
            Target("talon-one", {"api_key": TALON_KEY, "base_url": urls["talon_one"]}, {"audience_id": 7}, "user_id"),
            Target("file-download", {"format": "csv", "delimiter": ";", "compression": "gzip"}),
            Target("file-download", {"format": "parquet", "contents": "snapshot"}),
            Target("s3", {"contents": "snapshot", "filename_prefix": "users_", **bucket}),
        ]  # fmt: skip

    async def fill(self) -> None:
        """Let the person be everywhere."""
        await self._datasets()
        self.uploaded = await self.live.audience("Uploaded")
        self.computed = await self.live.audience("Computed", QUERY)
        broken = await self.live.audience("Broken", BROKEN)
        for number, target in enumerate(self.targets()):
            await self._activate(self.uploaded, target, f"{target.slug} {number}")
        await self._activate(self.computed, self.targets()[0], "of computed")
        await self.upload(members())
        self._refuse({"p-grace-3": f"{MAIL} complained", PROFILE: f"{PHONE} has no consent"})
        await self.upload(members("gold"))
        self._refuse({})
        assert (await self.run(self.computed))["status"] == "complete"
        assert (await self.run(broken))["status"] == "failed"
        await self.quiet()
        await self._previews()
        await self._requests()
        await self.quiet()

    async def upload(self, content: bytes) -> None:
        """Supply the members, and wait for all syncs."""
        headers = {"Content-Type": "application/x-ndjson"}
        path = f"/audiences/{self.uploaded}/members"
        made = await self.live.call("PUT", path, content=content, headers=headers)
        run = await self.live.finished(self.uploaded, made["run"]["id"], WAIT)
        assert run["status"] == "complete", run
        await self.quiet()

    async def run(self, audience: str) -> Any:
        """Compute an audience. Returns the run that has ended."""
        made = await self.live.call("POST", f"/audiences/{audience}/runs")
        return await self.live.finished(audience, made["run"]["id"], WAIT)

    async def quiet(self) -> None:
        """Wait until no sync is open."""
        for name, activation in self.activations.items():
            audience = self.computed if name == "of computed" else self.uploaded
            if name != "of computed" or await self.live.syncs(audience, activation):
                await self.live.quiet(audience, activation, WAIT)

    async def erased(self) -> Any:
        """Erase the person, and refuse it from now on. Returns the receipt."""
        name = f"email%3A{MAIL.replace('@', '%40')}"
        headers = {"Idempotency-Key": "forget"}
        options: dict[str, Any] = {"params": {"refuse": "true"}, "headers": headers}
        made = (await self.live.call("DELETE", f"/profiles/{name}", **options))["erasure"]

        async def look() -> Any:
            found = (await self.live.call("GET", f"/erasures/{made['id']}"))["erasure"]
            return found if found["status"] == "complete" else None

        return await eventually(look, WAIT, every=0.5)

    def held(self) -> dict[str, set[str]]:
        """Return what each list, attribute and audience of the partners holds, one text for each member; empty ones are left out."""
        found = {}
        for name, service in self.sandbox.services.items():
            for one in service.lists():
                if not service.members(one["id"]):
                    continue
                found[f"{name} {one['id']}"] = {
                    orjson.dumps({**member, "seq": 0}, option=orjson.OPT_SORT_KEYS).decode()
                    for member in service.members(one["id"]) or ()
                }
        return found

    async def _datasets(self) -> None:
        made = await self.live.call("POST", "/datasets", json={"name": "orders", "kind": "upload"})
        path = f"/datasets/{made['dataset']['id']}/content"
        for note in ("gift", "gifts"):
            await self.live.call("PUT", path, content=orders(note), headers=CSV)
        file = {
            "url": "s3://exports/of-user/contacts.csv",
            "region": "us-east-1",
            "accessKeyId": "t",
            "secretAccessKey": "t",
            "endpointUrl": self.url,
        }
        body = {"name": "contacts", "kind": "object", "file": file}
        self.contacts_dataset = (await self.live.call("POST", "/datasets", json=body))["dataset"][
            "id"
        ]

    async def _activate(self, audience: str, target: Target, name: str) -> None:
        account = {"slug": target.slug, "name": name, "settings": dict(target.settings)}
        made = (await self.live.call("POST", "/destinations", json=account))["destination"]
        connect = {
            "destination": {"id": made["id"], "type": "destination"},
            "idSyncConfiguration": [{"externalId": target.id_sync, "strategy": "last"}],
            "connectionSettings": dict(target.connection),
        }
        path = f"/audiences/{audience}/destination-connections"
        connection = (await self.live.call("POST", path, json=connect))["connection"]["id"]
        activation = {
            "enabled": True,
            "performResync": True,
            "activationType": "Audience Membership Changed",
            "activationName": name,
            "personalization": {"profile": {"properties": ["family", "note"]}},
        }
        path = f"{path}/{connection}/activations"
        self.activations[name] = (await self.live.call("POST", path, json=activation))[
            "activation"
        ]["id"]
        options = {"brake": {"enabled": False}, "updates": True}
        path = f"/audiences/{audience}/activations/{self.activations[name]}/delivery-options"
        await self.live.call("PATCH", path, json=options)

    def _refuse(self, reasons: Mapping[str, str]) -> None:
        receiver = self.sandbox.services["webhook"]
        assert isinstance(receiver, WebhookReceiver)
        receiver.refused = dict(reasons)

    async def _previews(self) -> None:
        for query in (QUERY, BROKEN):
            body = {"definition": {"query": query}, "audienceType": "USERS"}
            made = (await self.live.call("POST", "/audiences/previews", json=body))[
                "audiencePreview"
            ]

            async def look(id: str = made["id"]) -> Any:
                found = await self.live.call("GET", f"/audiences/previews/{id}")
                return found["audiencePreview"]["status"] != "RUNNING"

            await eventually(look, WAIT)

    async def _requests(self) -> None:
        """Send what names the person in a body, a path, a key or a search; some is refused."""
        path = f"/audiences/{self.uploaded}"
        changes = {"add": [{**orjson.loads(members().splitlines()[0]), "plan": "platinum"}]}
        headers = {"Idempotency-Key": f"patch {PROFILE}"}
        made = await self.live.call("PATCH", f"{path}/members", json=changes, headers=headers)
        await self.live.finished(self.uploaded, made["run"]["id"], WAIT)
        activation = f"{path}/activations/{self.activations['webhook 0']}"
        await self.quiet()
        await self.test_send()
        await self.quiet()
        await self.live.call("POST", f"{activation}/syncs", json={"kind": "resync", "dryRun": True})
        await self.live.call("GET", f"{activation}/profiles/{PROFILE}")
        await self.live.call("GET", f"/profiles/email%3A{MAIL}")
        await self.refused("GET", f"/profiles/{MAIL}x", params={"unknown": MAIL})
        await self.refused("GET", f"{path}/members/{MAIL}/{PHONE}")
        await self.refused("PUT", f"{path}/members", content=f"profile_id\n{PROFILE}\n{PROFILE}\n".encode(), headers=CSV)  # fmt: skip
        await self.refused("PATCH", f"{path}/members", json={"add": [{"email": MAIL}]})  # fmt: skip

    async def test_send(self) -> httpx.Response:
        """Send the person once as a test. A repeated call returns the stored response."""
        activation = f"/audiences/{self.uploaded}/activations/{self.activations['webhook 0']}"
        response = await self.live.http.post(
            f"/spaces/{self.live.space_id}{activation}/test-sends",
            json={"profileId": PROFILE},
            headers={"Idempotency-Key": "test send"},
        )
        assert response.status_code == 200, response.text
        return response

    async def refused(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request that the service refuses."""
        response = await self.live.http.request(
            method, f"/spaces/{self.live.space_id}{path}", **options
        )
        assert response.status_code >= 400, response.text
        return response


def of_others(held: Mapping[str, Sequence[str] | set[str]]) -> dict[str, set[str]]:
    """Return what is held of other persons: each text without the names of the person."""
    names = [name.lower() for name in NAMES]
    return {
        place: {one for one in texts if not any(name in one.lower() for name in names)}
        for place, texts in held.items()
    }
