"""The store in a real PostgreSQL: the same tests as for SQLite, and what can only go wrong with a server."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from interop.postgres_server import PASSWORD, QUOTED, USER, Postgres

from sipclient.config import check
from sipclient.errors import StoreError
from sipclient.protocol.events import IncomingCall
from sipclient.store import JobState, Store, open_store, postgres
from sipclient.store.postgres import AGAIN, PostgresConnection, opened, shown
from sipclient.store.schema import MIGRATIONS
from tests.cli import conftest as cli
from tests.cli.test_run import busy_to_ready
from tests.store.records import START, extension, job
from tests.store.test_answers import *  # noqa: F403
from tests.store.test_callbacks import *  # noqa: F403
from tests.store.test_kill import kill_again_and_again
from tests.store.test_outbox import *  # noqa: F403 - every test of theirs, with the fixtures below
from tests.store.test_store import *  # noqa: F403

pbx, sipclient, robot_toml = cli.pbx, cli.sipclient, cli.robot_toml


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One for all of this file."""
    made = Postgres()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def url(server: Postgres) -> str:
    """A database that is empty."""
    return server.emptied()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with open_store(url) as found:
        yield found


async def refusal(url: str, patience: float = 0.0) -> str:
    """Why a store cannot be opened: one line, without the password."""
    with pytest.raises(StoreError) as caught:
        async with open_store(url, patience):
            pass
    text = str(caught.value)
    assert "\n" not in text and PASSWORD not in text and QUOTED not in text, text
    return text


async def test_what_keeps_it_from_being_opened_is_one_sentence(server: Postgres) -> None:
    place = f"postgresql://{USER}@127.0.0.1:{server.port}"
    assert f"{place}/nobodys cannot be opened: " in await refusal(server.url("nobodys"))
    assert 'database "nobodys" does not exist' in await refusal(server.url("nobodys"))
    assert "password authentication failed" in await refusal(server.url("postgres", "wrong"))
    assert "Connection refused" in await refusal(server.url("postgres").replace(f":{server.port}/", ":1/"))
    for broken in (
        f"postgresql://u:{PASSWORD}@h:1/db",
        f"postgresql://h/db?pasword={QUOTED}",
        f"postgres://u:{PASSWORD}",
    ):
        assert "URL cannot be understood" in await refusal(broken)


async def test_a_newer_schema_is_left_as_it_is(server: Postgres, url: str) -> None:
    async with open_store(url):
        pass
    server.run("INSERT INTO sipclient.version VALUES (99)")
    assert f"newer sipclient (its schema is 99, this one knows {len(MIGRATIONS)})" in await refusal(url)


async def test_a_schema_grows_step_by_step_and_a_step_that_fails_leaves_none(url: str) -> None:
    connection = PostgresConnection(url)
    postgres.migrate(connection, "x", MIGRATIONS[:1])
    connection.execute("INSERT INTO extension VALUES ('pbx', '1001', 'ready', 0, 0, ?)", (START.isoformat(),))
    with pytest.raises(psycopg.Error):
        postgres.migrate(connection, "x", [*MIGRATIONS, ("CREATE TABLE half (x TEXT)", "CREATE nonsense")])
    assert connection.execute("SELECT max(number) FROM version").fetchone() == (len(MIGRATIONS),)
    assert connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'half'").fetchone() == (0,)
    connection.close()
    opened(url).close()
    async with open_store(url) as store:
        assert [each.extension for each in await store.extensions("pbx")] == ["1001"]


async def test_two_robots_on_one_database(url: str) -> None:
    async with open_store(url):
        assert "is in use by another robot (sipclient " in await refusal(url)
    async with open_store(url):
        pass


async def test_a_server_that_stops_and_comes_back_costs_only_what_was_not_acknowledged(
    server: Postgres, url: str
) -> None:
    async with open_store(url) as store:
        assert await store.add_job(job("before"))
        for how in (signal.SIGINT, signal.SIGQUIT):
            server.stop(how)
            with pytest.raises(StoreError, match=r"was lost|cannot be opened") as first:
                await store.add_job(job(f"during {how}"))
            assert PASSWORD not in str(first.value)
            with pytest.raises(StoreError, match=r"cannot be opened: .*Connection refused"):
                await store.update_job(job("before", state=JobState.DONE))
            failed = await asyncio.gather(
                *(store.save_extensions([extension(str(n))]) for n in range(200)), return_exceptions=True
            )
            assert all(isinstance(each, StoreError) for each in failed)
            server.start()
            while True:
                try:
                    assert await store.add_job(job(f"after {how}"))
                    break
                except StoreError as error:
                    assert "cannot be opened" in str(error)
                    await asyncio.sleep(0.1)
        assert {each.id for each in await store.jobs()} == {
            "before",
            f"after {signal.SIGINT}",
            f"after {signal.SIGQUIT}",
        }


async def test_a_session_that_is_ended_is_replaced_at_the_next_call(server: Postgres, url: str) -> None:
    async with open_store(url) as store:
        assert await store.add_job(job("a"))
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'sipclient %'")
        assert await store.add_job(job("b"))
        assert await store.add_job(job("a")) is False


async def test_a_database_that_may_only_be_read(server: Postgres, url: str) -> None:
    async with open_store(url):
        pass
    server.run("ALTER DATABASE postgres SET default_transaction_read_only = on")
    assert "cannot be written: the server is read-only, as a standby is" in await refusal(url)


async def test_what_is_acknowledged_is_on_the_disk_whatever_the_server_is_told(server: Postgres, url: str) -> None:
    server.run("ALTER DATABASE postgres SET synchronous_commit = off")
    connection = opened(url)
    assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    connection.close()


async def test_killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_twice(url: str) -> None:
    await kill_again_and_again(url, 3)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://robot:secret@db.example.com:5433/robots", "postgresql://robot@db.example.com:5433/robots"),
        ("postgres://db/robots?user=robot&password=a@b", "postgresql://robot@db/robots"),
        ("postgresql://[::1]/x", "postgresql://[::1]/x"),
        ("postgresql:///x?host=/run/postgresql", "postgresql:///run/postgresql/x"),
        ("postgresql://u:sec@ret@h/x", "postgresql:"),
        ("postgresql://u:12/sec@h/x", "postgresql:"),
        ("postgresql://u:sec/ret@h/x", "postgresql:"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, words: str) -> None:
    assert shown(url) == words


async def test_a_robot_killed_at_any_moment_calls_once_an_episode(
    pbx: Any, sipclient: Any, robot_toml: Any, server: Postgres, url: str
) -> None:
    """The main job; the password comes by PGPASSWORD, and `check` has nothing against it."""
    text = robot_toml.text.replace('X-Ext = "{extension}"', 'X-Episode = "{extension}/{episode}"')
    robot_toml.write(f'{text}[store]\nurl = "{url.replace(f":{QUOTED}@", "@")}"\n')
    assert not check((robot_toml.folder / "robot.toml").read_text(), environ={"ROBOT_PASSWORD": "x"})
    called: list[str | None] = []  # as they come: the PBX takes one call after the other, and waits for each ACK

    async def collect() -> None:
        async for event in pbx.client.events():
            if isinstance(event, IncomingCall):
                called.append(event.request.headers.get("X-Episode"))

    collecting = asyncio.create_task(collect())
    draw = random.Random(7)
    for last in (False, False, True):
        run = await sipclient("run", PGPASSWORD=PASSWORD)
        await run.until("1001: unknown -> ready")
        await busy_to_ready(pbx, run, "1001")
        if last:
            await run.until("> call to 7000")
            await asyncio.sleep(0.2)
        else:
            await asyncio.sleep(draw.uniform(0, 0.03))
        run.signal(signal.SIGKILL)
        await run.end()
        assert PASSWORD not in "\n".join(run.lines) + await run.errors()
    collecting.cancel()
    assert called and len(set(called)) == len(called)
    async with open_store(url) as store:
        assert {f"queue/pbx/{each}" for each in called} <= {each.id for each in await store.jobs()}


async def test_a_robot_goes_on_while_its_server_is_away(
    pbx: Any, sipclient: Any, robot_toml: Any, server: Postgres, url: str
) -> None:
    robot_toml.write(f'{robot_toml.text}[store]\nurl = "{url}"\n')
    run = await sipclient("run")
    await run.until("1002: unknown -> ready")
    server.stop()
    await busy_to_ready(pbx, run, "1001")
    assert "it cannot be written down, and might be called twice" in await run.until("not called")
    server.start()
    await asyncio.sleep(AGAIN)
    await busy_to_ready(pbx, run, "1002")
    await run.until("answered (queue/pbx/1002/1)")
    run.signal(signal.SIGTERM)
    assert await run.end() == 0
    assert PASSWORD not in "\n".join(run.lines) and QUOTED not in "\n".join(run.lines)
    async with open_store(url) as store:
        assert {each.extension: each.episode for each in await store.extensions("pbx")} == {"1001": 1, "1002": 1}
