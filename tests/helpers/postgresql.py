"""A PostgreSQL server of the tests' own: Debian's binaries, a folder for a while, no user's rights."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest

PASSWORD = "a/secret:of@the tests"
_USERS = ("postgres", "nobody")
_SETTINGS = {"fsync": "off", "unix_socket_directories": "", "listen_addresses": "127.0.0.1"}


def binaries():
    """The folder of PostgreSQL's programs; without them the test is skipped, and fails where CI=true."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    on_path = shutil.which("initdb")
    if found or on_path:
        return (found[-1] if found else Path(on_path).resolve()).parent
    missing = "No PostgreSQL (Debian and Ubuntu: apt-get install postgresql)."
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


class Cluster:
    """A server that can be stopped and started again."""

    def __init__(self, folder):
        self._bin, self._folder = binaries(), folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # PostgreSQL does not run as root.
        names = (name for name in _USERS if name in {user.pw_name for user in pwd.getpwall()})
        self._as = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(next(names))
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)
        words = folder / "password"
        words.write_text(PASSWORD)
        words.chmod(0o644)
        self._run("initdb", "-D", folder / "data", "-U", "karui", "--auth", "scram-sha-256", "--no-sync",
                  "--encoding", "UTF8", "--locale", "C", "--pwfile", words)  # fmt: skip
        self._process = None
        self.start()

    @property
    def url(self):
        """The address of the database."""
        return f"postgresql://karui:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/postgres"

    def empty(self):
        """Returns the address of tables of their own: a schema, which is made sooner than a database."""
        name = f"k{uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{self.url}?options=-csearch_path%3D{name}"

    def start(self):
        """Starts the server, and waits until it answers."""
        told = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [self._bin / "postgres", "-D", self._folder / "data", "-p", str(self.port), *told],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self._as,
        )  # fmt: skip
        end = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                assert time.monotonic() < end
                assert self._process.poll() is None
                time.sleep(0.02)
            else:
                return

    def stop(self):
        """Stops the server at once, as a crash does."""
        self._run("pg_ctl", "-D", self._folder / "data", "-m", "immediate", "stop")
        self._process.wait(60)

    def _run(self, program, *words):
        done = subprocess.run(
            [self._bin / program, *map(str, words)], capture_output=True, text=True, check=False, cwd="/",
            **self._as,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@contextmanager
def cluster():
    """Runs a server until the block ends."""
    with tempfile.TemporaryDirectory(prefix="karui-pg-", ignore_cleanup_errors=True) as folder:
        made = Cluster(Path(folder))
        try:
            yield made
        finally:
            if made._process.poll() is None:
                made.stop()
