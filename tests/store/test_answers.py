"""Answers kept under the key that whoever asked chose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sipclient.store import Answer, Store, open_store

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def answer(key: str = "k", body: str = "{}", at: datetime = AT) -> Answer:
    return Answer(key=key, fingerprint="f", status=201, body=body, at=at)


async def test_the_first_answer_stays_and_survives(url: str) -> None:
    async with open_store(url) as store:
        assert await store.answers.answer("k") is None
        assert await store.answers.keep(answer())
        assert not await store.answers.keep(answer(body='{"another": true}'))
    async with open_store(url) as store:
        assert await store.answers.answer("k") == answer()


async def test_old_ones_are_forgotten(store: Store) -> None:
    for hours in range(4):
        await store.answers.keep(answer(str(hours), at=AT + timedelta(hours=hours)))
    assert await store.answers.prune_answers(AT + timedelta(hours=2)) == 2
    assert [bool(await store.answers.answer(str(hours))) for hours in range(4)] == [False, False, True, True]
