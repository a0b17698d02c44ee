"""Sending: what one register refuses keeps nothing from the others."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from google.protobuf.message import Message

from kj import import_
from kj.errors import CommandError
from kj.feeds.feed import Feed
from kj.feeds.import_report import FAILED
from kj.feeds.memory import DirectoryMemory
from kj.local.data_directory import DataDirectory
from kj.local.known_patients import known
from kjernejournal.common.v1.common_pb2 import ImportCounts
from tests.kj.fhir_r4.bundles import whole


class Refusing:
    """A feed into a system in which laboratory answers are refused."""

    async def send(self, register: str, patients: Iterable[Message]) -> ImportCounts:
        if register == "labs":
            raise CommandError("labs refused the import.", "Look at the report.")
        return ImportCounts(created=sum(1 for _ in patients))


async def test_the_registers_after_one_that_refuses_get_theirs(tmp_path: Path) -> None:
    file = tmp_path / "whole.json"
    file.write_text(json.dumps(whole()))
    directory = DataDirectory.at(tmp_path / "data")
    report = await import_.send(file, cast("Feed", Refusing()), DirectoryMemory(directory))
    assert (report.status, report.reason) == (FAILED, "labs refused the import. Look at the report.")
    assert set(report.stored) == {
        *("patients", "critical_info", "documents", "medications", "own_registrations", "vaccinations", "visits")
    }
    assert known(directory) == dict.fromkeys(report.patients, "whole.json")
