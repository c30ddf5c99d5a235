"""Letters to webhooks: once, in order, without a gap, also over restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sipclient.errors import InvalidValue
from sipclient.store import Letter, Store, Unended, open_store

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOOK = "https://example.com/a"


def letter(id: str, hook: str = HOOK, after: float = 0) -> Letter:
    return Letter(hook=hook, id=id, at=AT + timedelta(seconds=after), body=f'{{"n":"{id}"}}')


def call(id: str) -> Unended:
    return Unended(id=id, job="q/pbx/1001/1", to="7000", at=AT)


async def test_letters_are_numbered_for_each_webhook_from_one(store: Store) -> None:
    other = "https://example.org/b"
    assert await store.outbox.post([letter("a"), letter("a", other), letter("b"), letter("c")]) == 4
    assert [(each.id, each.seq) for each in await store.outbox.waiting(HOOK)] == [("a", 1), ("b", 2), ("c", 3)]
    assert [(each.id, each.seq) for each in await store.outbox.waiting(other)] == [("a", 1)]
    assert [each.seq for each in await store.outbox.waiting(HOOK, limit=2)] == [1, 2]
    assert (await store.outbox.waiting(HOOK))[1] == Letter(hook=HOOK, id="b", at=AT, body='{"n":"b"}', seq=2)


async def test_an_id_is_written_once_even_after_it_was_delivered(store: Store) -> None:
    await store.outbox.post([letter("a")])
    assert await store.outbox.post([letter("a"), letter("b"), letter("b")]) == 1
    await store.outbox.delivered(HOOK, 2)
    assert await store.outbox.post([letter("a"), letter("c")]) == 1
    assert [(each.id, each.seq) for each in await store.outbox.waiting(HOOK)] == [("c", 3)]


async def test_numbers_go_on_after_all_is_delivered_and_forgotten(url: str) -> None:
    async with open_store(url) as store:
        await store.outbox.post([letter("a"), letter("b"), letter("c", after=100)])
        await store.outbox.delivered(HOOK, 2)
        assert await store.outbox.prune_letters(AT + timedelta(seconds=50)) == 2
        await store.outbox.delivered(HOOK, 3)
        assert await store.outbox.prune_letters(AT + timedelta(seconds=500)) == 0  # the last one stays
    async with open_store(url) as store:
        assert await store.outbox.post([letter("d")]) == 1
        assert [(each.id, each.seq) for each in await store.outbox.waiting(HOOK)] == [("d", 4)]


async def test_the_oldest_are_given_up_where_too_many_wait(store: Store) -> None:
    await store.outbox.post([letter(str(n)) for n in range(10)])
    assert await store.outbox.shorten(HOOK, 10) == 0
    assert await store.outbox.shorten(HOOK, 3) == 7
    assert [each.id for each in await store.outbox.waiting(HOOK)] == ["7", "8", "9"]


async def test_calls_that_have_not_ended_are_known_after_a_crash(url: str) -> None:
    async with open_store(url) as store:
        await store.outbox.post([], begun=[call("x.1.end"), call("y.1.end")])
        await store.outbox.post([], begun=[call("x.1.end")], ended=["y.1.end", "z.1.end"])
    async with open_store(url) as store:
        assert await store.outbox.unended() == [call("x.1.end")]


async def test_a_letter_needs_a_moment_with_a_zone(store: Store) -> None:
    with pytest.raises(InvalidValue, match="time zone"):
        await store.outbox.post([Letter(hook=HOOK, id="a", at=AT.replace(tzinfo=None), body="{}")])
