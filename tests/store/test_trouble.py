"""What can be wrong with a file, and the sentence that says so."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sipclient.errors import StoreError
from sipclient.store import Store, open_store
from sipclient.store.failure import in_words
from sipclient.store.lock import Lock
from sipclient.store.schema import APPLICATION, MIGRATIONS, migrate
from sipclient.store.sql import SqlStore
from sipclient.store.worker import Worker
from tests.store.records import START, extension, job

ROOT = Path(__file__).parents[2]


async def opened(url: str) -> None:
    async with open_store(url, patience=0.05) as store:
        await store.jobs()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "mysql://robot:secret@db/robot",
            "^mysql: is no store that this version has: write sqlite:robot.db or postgres",
        ),
        ("robot.db", "is no store"),
        ("sqlite:", "is no store"),
        ("sqlite:a\0b", "is no store"),
        ("sqlite:{tmp}/none/robot.db", "there is no directory .*/none"),
        ("sqlite:{tmp}", "is a directory"),
        ("sqlite:/proc/robot.db", "cannot be opened"),
    ],
)
async def test_a_url_that_cannot_be(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=words):
        await opened(url.format(tmp=tmp_path))


async def test_a_server_needs_the_extra_that_speaks_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipclient.store.opening.find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"^postgresql: needs the extra: pip install 'sipclient\[postgres\]'$"):
        await opened("postgresql://robot:secret@db/robot")


async def test_a_relative_path_is_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await opened("sqlite:robot.db")
    assert (tmp_path / "robot.db").exists()


async def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "robot.db"
    path.write_text("[accounts.pbx]\n" * 100)
    with pytest.raises(StoreError, match="is not a database of sipclient"):
        await opened(f"sqlite:{path}")
    assert path.read_text() == "[accounts.pbx]\n" * 100


@pytest.mark.parametrize("statement", ["CREATE TABLE job (x)", "PRAGMA user_version = 3", "PRAGMA application_id = 7"])
async def test_another_programs_database_is_left_as_it_is(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute(statement)
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's database"):
        await opened(f"sqlite:{path}")
    assert path.read_bytes() == before


async def test_a_newer_schema_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "robot.db"
    await opened(f"sqlite:{path}")
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreError, match=rf"newer sipclient \(its schema is 99, this one knows {len(MIGRATIONS)}\)"):
        await opened(f"sqlite:{path}")


async def test_two_robots_on_one_file(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "robot.db")
    script = f"""
import asyncio, sys
from sipclient.errors import StoreError
from sipclient.store import open_store
async def main():
    try:
        async with open_store("sqlite:{tmp_path}/link.db"):
            print("opened")
    except StoreError as error:
        print(error)
asyncio.run(main())
"""

    def second() -> str:
        ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        return ran.stdout

    async with open_store(f"sqlite:{tmp_path}/robot.db"):
        pid = (tmp_path / "robot.db.lock").read_text().strip()
        assert second() == f"sqlite:{tmp_path}/link.db is in use by another robot (process {pid})\n"
        with pytest.raises(StoreError, match="in use"):
            await opened(f"sqlite:{tmp_path}/robot.db")
    assert second() == "opened\n"


def test_a_lock_that_cannot_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int, how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StoreError, match=r"cannot be locked: .*No locks available"):
        Lock(str(tmp_path / "robot.db"), "sqlite:robot.db")


async def test_a_table_that_another_process_locks(tmp_path: Path) -> None:
    path = tmp_path / "robot.db"
    async with open_store(f"sqlite:{path}", patience=0.05) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is locked by another process"):
            await store.add_job(job())
        assert await store.jobs() == []  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        assert await store.add_job(job())


async def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "robot.db"
    await opened(f"sqlite:{path}")
    worker = Worker(f"sqlite:{path}")

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA max_page_count = 20")  # as if the disk ended there
        return connection

    await worker.open(connect)
    store: Store = SqlStore(worker)
    kept = 0
    with pytest.raises(StoreError, match="the disk is full"):
        while True:
            assert await store.add_job(job(f"job-{kept}", detail={"much": "x" * 2000}))
            kept += 1
    await worker.close()
    async with open_store(f"sqlite:{path}") as again:
        assert len(await again.jobs(limit=1000)) == kept > 0


@pytest.mark.parametrize(
    ("column", "value"), [("state", "odd"), ("created", "yesterday"), ("detail", "{"), ("detail", "[]"), ("updated", 5)]
)
async def test_a_job_that_somebody_broke_by_hand_is_named(tmp_path: Path, column: str, value: object) -> None:
    path = tmp_path / "robot.db"
    async with open_store(f"sqlite:{path}") as store:
        await store.add_job(job("broken"))
        await store.add_job(job("whole"))
        other = sqlite3.connect(path)
        other.execute(f"UPDATE job SET {column} = ? WHERE id = 'broken'", (value,))
        other.commit()
        other.close()
        with pytest.raises(StoreError, match="job 'broken' in the store cannot be read"):
            await store.job("broken")
        assert await store.job("whole") is not None


async def test_an_extension_that_somebody_broke_by_hand_is_named(tmp_path: Path) -> None:
    path = tmp_path / "robot.db"
    async with open_store(f"sqlite:{path}") as store:
        await store.save_extensions([extension()])
        other = sqlite3.connect(path)
        other.execute("UPDATE extension SET changed = 'never'")
        other.commit()
        other.close()
        with pytest.raises(StoreError, match="extension '1001' in the store cannot be read"):
            await store.extensions("pbx")


def test_a_schema_grows_step_by_step_and_a_step_that_fails_leaves_none() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    steps = [*MIGRATIONS, ("ALTER TABLE job ADD COLUMN note TEXT",)]
    migrate(connection, "sqlite:x", MIGRATIONS)
    connection.execute("INSERT INTO extension VALUES ('pbx', '1001', 'ready', 0, 0, ?)", (START.isoformat(),))
    with pytest.raises(sqlite3.Error):
        migrate(connection, "sqlite:x", [*steps, ("CREATE TABLE half (x)", "CREATE nonsense")])
    assert connection.execute("PRAGMA user_version").fetchone() == (len(steps),)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    migrate(connection, "sqlite:x", steps)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    assert connection.execute("SELECT note FROM job").fetchall() == []
    assert connection.execute("SELECT count(*) FROM extension").fetchone() == (1,)
    connection.close()


def test_a_read_only_file_in_words(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "x.db").close()
    connection = sqlite3.connect(f"file:{tmp_path}/x.db?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as error:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert "read-only" in str(in_words("sqlite:x.db", error.value))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StoreError("as it is"), "as it is"),
        (ValueError("odd"), "sqlite:x failed (odd)"),
        (sqlite3.Error("no code"), "sqlite:x failed (no code)"),
    ],
)
def test_other_trouble_in_words(error: Exception, words: str) -> None:
    assert str(in_words("sqlite:x", error)) == words


async def test_a_worker_that_was_never_opened() -> None:
    worker = Worker("sqlite:x")
    with pytest.raises(StoreError, match="is not open"):
        await worker.run(lambda connection: None)
    await worker.close()


async def test_a_bug_in_one_call_reaches_whoever_waits_and_the_next_goes_on() -> None:
    worker = Worker("sqlite:x")
    await worker.open(lambda: sqlite3.connect(":memory:", isolation_level=None))

    def broken(connection: sqlite3.Connection) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await worker.run(broken)
    assert await worker.run(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    await worker.close()
