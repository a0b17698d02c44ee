"""Sending: what one register refuses keeps nothing from the others."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.protobuf.message import Message

from kj import import_
from kj.errors import CommandError
from kj.feeds.feed import Feed
from kj.feeds.import_report import FAILED
from kj.local.data_directory import DataDirectory
from kj.local.running import LocalSystem
from kjernejournal.common.v1.common_pb2 import ImportCounts
from tests.kj.fhir_r4.bundles import whole


class Refusing:
    """A feed into a system in which laboratory answers are refused."""

    async def send(self, register: str, patients: Iterable[Message]) -> ImportCounts:
        if register == "labs":
            raise CommandError("labs refused the import.", "Look at the report.")
        return ImportCounts(created=sum(1 for _ in patients))


async def test_the_registers_after_one_that_refuses_get_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "whole.json"
    file.write_text(json.dumps(whole()))
    told: list[Any] = []
    monkeypatch.setattr(import_, "remember", lambda _system, patients, source: told.append((list(patients), source)))
    system = cast("LocalSystem", SimpleNamespace(directory=DataDirectory.at(tmp_path / "data")))
    report = await import_.send(file, system, cast("Feed", Refusing()), set())
    assert (report.status, report.reason) == (FAILED, "labs refused the import. Look at the report.")
    assert set(report.stored) == {
        *("patients", "critical_info", "documents", "medications", "own_registrations", "vaccinations", "visits")
    }
    assert told == [(report.patients, "whole.json")]
