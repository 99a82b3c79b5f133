"""Guesses at tokens and ids: neither the words nor the time of a refusal say how near a guess is."""

from __future__ import annotations

import random
import time
from statistics import median

import httpx

from tests.attack.accounts import attack, figures
from tests.attack.service import Service

ROUNDS = 12


@attack
def test_a_refusal_does_not_say_how_near_a_token_is(service: Service) -> None:
    """Tokens of other workspaces, with a part that is right. Every guess counts against the limit on wrong tokens."""
    real = service.neighbour.token
    head, _, rest = real.rpartition("_")
    live, _, token_id = head.rpartition("_")
    flipped = rest[:-1] + ("A" if rest[-1] != "A" else "B")
    guesses = {
        "another id": f"{live}_{token_id[::-1]}_{rest}",
        "another secret": f"{head}_{'A' * len(rest)}",
        "the last letter": f"{head}_{flipped}",
        "the id alone": head,
        "a prefix": real[: len(real) // 2],
        "of tests": real.replace("_live_", "_test_"),
        "swapped case": f"{head}_{rest.swapcase()}",
        "twice": real * 2,
        "with a NUL": real + "%00",
        "in other letters": real.translate({ord("a"): "\u0430", ord("e"): "\u0435"}).encode().decode("latin-1"),
    }  # fmt: skip
    path = f"/spaces/{service.neighbour.space_id}"
    answers, seconds = {}, {}
    with httpx.Client(base_url=service.url, timeout=10) as http:
        for name, guess in guesses.items():
            began = time.monotonic()
            answer = http.get(path, headers={b"Authorization": f"Bearer {guess}".encode("latin-1")})
            seconds[name] = time.monotonic() - began
            answers[name] = (answer.status_code, answer.text)
    said = {text for _, text in answers.values()}
    figures(f"tokens: {len(guesses)} near guesses, {len(said)} different responses; longest {max(seconds.values()) * 1000:.1f} ms")  # fmt: skip
    assert {status for status, _ in answers.values()} <= {401, 429}
    assert len(said) <= 2, said
    assert service.neighbour.request("GET", "").status_code == 200


@attack
def test_an_id_that_exists_elsewhere_takes_as_long_as_one_that_does_not(service: Service) -> None:
    neighbour, attacker = service.neighbour, service.attacker
    there = neighbour.create_audience("SELECT '1' AS profile_id")
    none = there[:-4] + "".join(random.sample("abcdefghij", 4))
    seconds: dict[str, list[float]] = {there: [], none: []}
    bodies = set()
    for _ in range(ROUNDS):
        for audience in (there, none):
            began = time.monotonic()
            answer = attacker.request("GET", f"/audiences/{audience}")
            seconds[audience].append(time.monotonic() - began)
            assert answer.status_code == 404
            bodies.add(answer.text.replace(audience, "<id>"))
    times = [median(found) * 1000 for found in seconds.values()]
    figures(f"ids: {ROUNDS} pairs, {len(bodies)} different bodies; medians {times[0]:.1f} and {times[1]:.1f} ms")  # fmt: skip
    assert len(bodies) == 1
    assert abs(times[0] - times[1]) < 20
