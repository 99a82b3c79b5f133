"""The parts of the chaos program: named points exist, the schedule has all kinds, the proxy and the receiver do harm as they say."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from aiohttp import ClientSession, ServerDisconnectedError, web

from tests.chaos_processes.faults import FAULTS, TAKEOVERS
from tests.chaos_processes.limits import FLIPPING, SETTLE_OF
from tests.chaos_processes.mutants import MUTANTS
from tests.chaos_processes.points import ERASURE_POINTS, LEASED, POINTS, owner_of
from tests.chaos_processes.proxy import Proxy
from tests.chaos_processes.receiver import RULES, Receiver
from tests.chaos_processes.schedule import MEETING, schedule


def test_each_named_point_is_a_function_of_the_service() -> None:
    for point in (*POINTS, *ERASURE_POINTS):
        owner, name = owner_of(point.module, point.function)
        assert asyncio.iscoroutinefunction(getattr(owner, name)), point
    assert set(LEASED) <= {point.name for point in POINTS}


class TestSchedule:
    def test_one_seed_gives_one_schedule(self) -> None:
        assert schedule(4, 60) == schedule(4, 60) != schedule(5, 60)

    @pytest.mark.parametrize(("seeds", "seconds"), [((1, 2, 3), 20), ((9,), 60)])
    def test_all_kinds_have_their_turn(self, seeds: tuple[int, ...], seconds: float) -> None:
        runs = [schedule(seed, seconds) for seed in seeds]
        assert {planned.kind for run in runs for planned in run} == set(FAULTS)
        for run in runs:
            assert {planned.kind for planned in run} & set(TAKEOVERS)
            assert all(planned.at < seconds for planned in run)

    def test_each_mutant_may_have_faults_that_meet_it(self) -> None:
        assert set(MEETING) == set(MUTANTS) >= set(SETTLE_OF)
        assert all(mutant.shown_by for mutant in MUTANTS.values())
        for mutant, kinds in MEETING.items():
            dealt = {planned.kind for planned in schedule(1, 20, mutant)}
            assert set(kinds) <= dealt
            assert dealt & set(TAKEOVERS)


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    """A proxy before a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            writer.write(piece)
        writer.close()

    server = await asyncio.start_unix_server(echo, tmp_path / "socket")
    async with Proxy(tmp_path / "socket") as running:
        yield running
    server.close()


class TestProxy:
    async def test_passes_delays_drops_and_cuts(self, proxy: Proxy) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"one")
        assert await reader.read(10) == b"one"
        proxy.delay = 0.05
        begun = asyncio.get_running_loop().time()
        writer.write(b"two")
        assert await reader.read(10) == b"two"
        assert asyncio.get_running_loop().time() - begun >= 0.1  # on each way
        proxy.delay, proxy.dropping = 0, True
        writer.write(b"three")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(10), 0.05)
        proxy.stop_dropping()
        with pytest.raises(ConnectionResetError):
            await reader.read(10)
        reader, other = await asyncio.open_connection("127.0.0.1", proxy.port)
        other.write(b"four")
        assert await reader.read(10) == b"four"
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            await reader.read(10)
        for one in (writer, other):
            one.close()
            with suppress(ConnectionResetError):
                await one.wait_closed()


def message(seq: int, **lists: list[str]) -> bytes:
    items = {
        kind: [{"id": id, "traits": {"tier": "gold"}} for id in ids] for kind, ids in lists.items()
    }
    return orjson.dumps({"data": {"seq": seq, "entered": [], "exited": [], "updated": [], **items}})


class TestReceiver:
    async def test_sees_repeats_inversions_and_what_is_applied_after_an_error(self) -> None:
        receiver = Receiver(0)
        receiver.random = _Drawn(1.0)
        runner = web.AppRunner(receiver.application())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with ClientSession() as http:
            entry, exit = message(1, entered=["a", "b"]), message(2, exited=["a"])
            for name, body in (("m1", entry), ("m2", exit), ("m1", entry)):
                headers = {"webhook-id": name}
                assert (await http.post(f"{url}/in/x", data=body, headers=headers)).status == 200
            assert receiver.counts["repeats"] == 1
            assert [found[:4] for found in receiver.inversions] == [["x", "a", 1, "entered"]]
            receiver.random.share = RULES["late"]
            update = message(3, updated=["c"])
            assert (await http.post(f"{url}/in/x", data=update)).status == 500
            assert receiver.lists["x"].members["c"] == ["gold", 3]
            receiver.random.share += RULES["error_applied"]
            with pytest.raises(ServerDisconnectedError):
                await http.post(f"{url}/in/x", data=message(4, exited=["c"]))
            assert "c" not in receiver.lists["x"].members
        await runner.cleanup()

    async def test_cuts_each_second_message_about_flipping_keys_and_applies_it_late(self) -> None:
        receiver = Receiver(0)
        receiver.random = _Drawn(1.0)
        runner = web.AppRunner(receiver.application())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/in/{FLIPPING}-a"
        entry, exit = message(1, entered=["a"]), message(2, exited=["a"])
        async with ClientSession() as http:
            with pytest.raises(ServerDisconnectedError):
                await http.post(url, data=entry, headers={"webhook-id": "m1"})
            await asyncio.gather(*receiver.late)
            for name, body in (("m1", entry), ("m2", exit)):
                assert (await http.post(url, data=body, headers={"webhook-id": name})).status == 200
            assert receiver.counts["flips"] == receiver.counts["turned"] == 1
            with pytest.raises(ServerDisconnectedError):
                await http.post(url, data=entry, headers={"webhook-id": "m3"})
            await asyncio.gather(*receiver.late)
            assert [found[:4] for found in receiver.inversions] == [
                [f"{FLIPPING}-a", "a", 1, "entered"]
            ]
        await runner.cleanup()


class _Drawn(random.Random):
    """Draws a given share, and waits of no length."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def random(self) -> float:
        return self.share

    def uniform(self, a: float, b: float) -> float:
        return 0.0
