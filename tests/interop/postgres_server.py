"""PostgreSQL on a loopback port, with databases for the asking."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from interop.processes import HOST, PATIENCE, Child, free_port, lacking

USER, PASSWORD = "robot", "s3cret/with@odd:ones"
QUOTED = "s3cret%2Fwith%40odd%3Aones"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Postgres:
    """A cluster in a folder of its own, run by the user `postgres` where the tests are root's: it refuses to be."""

    def __init__(self) -> None:
        if not PROGRAMS:
            lacking("postgresql is not installed here")
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._child: Child | None = None
        self._log = self._folder.with_suffix(".log")
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        options = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password}", "--no-locale", "-E", "UTF8"]
        command = self._as_postgres("initdb", "-N", "-D", str(self._folder / "data"), *options)
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=60)

    def url(self, database: str, password: str = QUOTED) -> str:
        """Of one database."""
        return f"postgresql://{USER}:{password}@{HOST}:{self.port}/{database}"

    def emptied(self) -> str:
        """The URL of the database, as if nobody had used it: making another takes the server half a second."""
        self.run("DROP SCHEMA IF EXISTS sipclient CASCADE")
        self.run("ALTER DATABASE postgres RESET ALL")
        return self.url("postgres")

    def run(self, statement: str) -> None:
        """One statement, from outside."""
        writing = "-c default_transaction_read_only=off"
        with psycopg.connect(self.url("postgres"), autocommit=True, options=writing) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        """Until it answers."""
        settings = [f"listen_addresses={HOST}", f"port={self.port}", "unix_socket_directories=", "fsync=off"]
        options = [word for each in settings for word in ("-c", each)]
        command = self._as_postgres("postgres", "-D", str(self._folder / "data"), *options)
        self._child = Child(command, self._log, directory=Path("/"))
        self._child.wait_ready(self._answers)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """At once, its sessions with it; SIGQUIT: as if it broke down."""
        child, self._child = self._child, None
        if child is not None:
            child.stop(how, PATIENCE)

    def close(self) -> None:
        """And nothing of it stays."""
        self.stop(signal.SIGQUIT)  # which does not write what nobody will read
        shutil.rmtree(self._folder, ignore_errors=True)
        self._log.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    @staticmethod
    def _as_postgres(program: str, *options: str) -> list[str]:
        command = [str(PROGRAMS[-1] / program), *options]
        if os.geteuid() != 0:
            return command
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", *command]
