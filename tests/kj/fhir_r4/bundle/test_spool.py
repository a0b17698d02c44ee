"""The spool gives back what it kept, and a full disk is reported before anything is sent."""

import errno
from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Failed
from kj.fhir_r4.bundle.spool import Spool
from tests.kj.fhir_r4.bundles import bundle, mapped, patient


def test_what_was_kept_comes_back_from_anywhere() -> None:
    with Spool() as spool:
        starts = [spool.append(bytes([each]) * 700_000) for each in range(4)]  # more than stays in memory
        assert [spool.read(at, 3) for at in reversed(starts)] == [bytes([each]) * 3 for each in (3, 2, 1, 0)]
        assert spool.end == 2_800_000


def test_a_full_disk_is_told_as_one_and_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    with pytest.raises(Failed, match=r"no room for temporary data in .*: No space left on device"):
        mapped(bundle(patient()))
