"""Makes, starts, waits for and stops one embedded PostgreSQL, and starts it again after a crash.

It listens on a unix socket in a private directory, asks for SCRAM passwords, keeps fsync on, and shuts down cleanly
when its owner dies: the kernel then sends the server itself the signal for a fast shutdown. Of the wheel only the
binaries are used: its own server object lets anybody in who reaches the socket (trust), and stops at Python's exit,
which a kill -9 never reaches.
"""

import asyncio
import functools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from kj.errors import CommandError
from kj.local.postgres_install import Account, hidden_place, server_binaries
from kj.local.process import ProcessId, all_processes, dies_with_owner

SUPERUSER = "postgres"

# Everything that differs from the built-in defaults, with its reason.
SETTINGS = """\
listen_addresses = ''
unix_socket_directories = '{sockets}'
password_encryption = 'scram-sha-256'
max_connections = 100
shared_buffers = '128MB'
# A local system should not grow a gigabyte of log before its first checkpoint.
max_wal_size = '256MB'
# The details of a unique violation are the values: an identity must not reach a log.
log_error_verbosity = 'terse'
# Small queries only: compiling them costs more than running them.
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
cluster_name = 'kjernejournal'
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
"""
ACCESS = "local all all scram-sha-256\n"


class Postgres:
    """A cluster in `directory`, reached through a socket in `sockets`. Start it from the main thread.

    `durable=False` is for tests alone: a crash of the machine may then lose the cluster.
    """

    def __init__(self, directory: Path, *, sockets: Path, password: str, log: Path, durable: bool = True) -> None:
        self.directory = directory
        self.sockets = sockets
        self.password = password
        self.log = log
        self.durable = durable
        self.account = Account.for_server()
        self.process: asyncio.subprocess.Process | None = None

    @property
    def cluster(self) -> Path:
        """Returns PGDATA."""
        return self.directory / "cluster"

    def prepare(self) -> str:
        """Makes the cluster unless it is there. Returns what a person should know about its place, mostly nothing."""
        note = self._make_place()
        if not (self.cluster / "PG_VERSION").exists():
            self._initdb()
        durable = "on" if self.durable else "off"
        self._write(self.cluster / "postgresql.conf", SETTINGS.format(sockets=self.sockets, durable=durable))
        self._write(self.cluster / "pg_hba.conf", ACCESS)
        return note

    async def start(self) -> asyncio.subprocess.Process:
        """Starts the server over whatever a crash left behind; `wait_ready` says when it answers."""
        await asyncio.to_thread(self._end_leftover)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                self._binaries / "postgres",
                "-D",
                self.cluster.resolve(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,
                preexec_fn=dies_with_owner(signal.SIGINT),
                **self.account.popen(),
            )
        return self.process

    async def wait_ready(self, seconds: float = 60.0) -> None:
        """Returns when the server takes connections; a crash recovery is waited for."""
        end = time.monotonic() + seconds
        while not self.is_ready():
            if self.process is None or self.process.returncode is not None or time.monotonic() > end:
                raise CommandError("PostgreSQL does not start.", f"Its own words are in {self.log}.")
            await asyncio.sleep(0.02)

    def is_ready(self) -> bool:
        """Whether the server says in its pid file that it takes connections."""
        lines = self._pid_file()
        ours = self.process is not None and lines[:1] == [str(self.process.pid)]
        return ours and len(lines) > 7 and lines[7].strip() == "ready"

    async def stop(self, seconds: float = 20.0) -> None:
        """Shuts down fast: rolls open transactions back and writes a checkpoint; immediately after `seconds`."""
        if self.process is None or self.process.returncode is not None:
            return
        for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self.process.send_signal(signum)
            try:
                await asyncio.wait_for(self.process.wait(), seconds)
            except TimeoutError:
                seconds = 5.0
            else:
                return

    def url(self, database: str, role: str, password: str) -> str:
        """Returns a DSN for asyncpg."""
        return database_url(self.sockets, database, role, password)

    @property
    def superuser_url(self) -> str:
        """Returns the DSN of the one role that may make databases and roles."""
        return self.url("postgres", SUPERUSER, self.password)

    @functools.cached_property
    def _binaries(self) -> Path:
        return server_binaries(self.account)

    def _make_place(self) -> str:
        if self.directory.is_symlink() and not self.directory.exists():
            raise CommandError(
                f"The databases of this system were in {self.directory.readlink()}, and are gone.",
                f"Remove {self.directory.parent} to start anew.",
            )
        if not self.directory.exists():
            self.directory.mkdir(mode=0o700)
            self.account.give(self.directory)
        if self.account.can("-w", self.directory.resolve()):  # a link's own place need not be reachable
            return ""
        if self.directory.is_symlink() or any(self.directory.iterdir()):
            raise CommandError(
                f"PostgreSQL runs as user {self.account.uid}, who cannot reach {self.directory}.",
                "Open the directories above it for passing through (chmod o+x), or use another --data-dir.",
            )
        place = Path(tempfile.mkdtemp(prefix="postgres-", dir=hidden_place()))
        self.account.give(place)
        self.directory.rmdir()
        self.directory.symlink_to(place)
        return (
            f"PostgreSQL runs as another user than root, who cannot reach {self.directory}. "
            f"Its data is in {place}: remove that too when you remove {self.directory.parent}."
        )

    def _initdb(self) -> None:
        # Made under another name: a cluster that was interrupted half made is never taken for a whole one.
        partial = self.directory / "cluster.partial"
        if partial.exists():
            shutil.rmtree(partial)
        password_file = self.directory / f"password.{secrets.token_hex(4)}"
        self._write(password_file, self.password)
        command: list[str | Path] = [
            self._binaries / "initdb",
            f"--pgdata={partial.resolve()}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file.resolve()}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # Upper and lower case of Norwegian letters, the same on every machine.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        if not self.durable:
            command.append("--no-sync")
        try:
            made = subprocess.run(
                command,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                preexec_fn=dies_with_owner(signal.SIGKILL),
                check=False,
                **self.account.popen(),
            )
        finally:
            password_file.unlink()
        if made.returncode != 0:
            self.log.write_bytes(made.stdout)
            raise CommandError("PostgreSQL could not make its files.", f"initdb's own words are in {self.log}.")
        partial.rename(self.cluster)

    def _write(self, path: Path, text: str) -> None:
        # Never through what stands there: the directory belongs to the server's user, and we may be root.
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            if self.account.is_other:
                os.fchown(file.fileno(), self.account.uid, self.account.gid)

    def _end_leftover(self) -> None:
        """Ends a server that still has this cluster, and removes a pid file that would stop the next one.

        After a kill -9 the file names a dead process, or one that has since been given its pid.
        """
        lines = self._pid_file()
        old = ProcessId.of(int(lines[0])) if lines and lines[0].isdigit() else None
        if old is not None and old.works_in(self.cluster):
            for signum, seconds in ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
                old.send(signum)
                if old.gone_within(seconds):
                    break
        for backend in _processes_of(self.cluster):
            backend.gone_within(5.0)  # they notice that the server is gone, and must before its memory is used again
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def _pid_file(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def database_url(sockets: Path, database: str, role: str, password: str) -> str:
    """Returns a DSN over the server's unix socket; the database's name is what stands after the last slash."""
    return f"postgresql://{role}:{password}@/{database}?host={quote(str(sockets), safe='')}"


def _environment() -> dict[str, str]:
    # Nothing of ours: the server may run as a user that others share, who can read each other's environment.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _processes_of(cluster: Path) -> list[ProcessId]:
    """Returns who works in the cluster: every process of its server does, and nothing else has a reason to."""
    return [process for process in all_processes() if process.works_in(cluster)]
