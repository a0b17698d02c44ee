"""Whatever sections hold: the checks end, name only what is in them, and say the same in any order of entries."""

import os
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

import pytest

from gateway.safety.check import KINDS, Checked, Seen, check
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from tests.assurance.fuzz.messages import Examples, Messages
from tests.gateway.safety.patients import KNOWLEDGE, NOW, Made, planted
from tests.gateway.safety.test_planted import clean

CASES = int(os.environ.get("KJ_SECTION_CASES", "60"))
ROUNDS = 10
TIMES = (NOW, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC))


@cache
def examples() -> Examples:
    """Returns sections with conflicts and without, whose parts the cases are made of."""
    sample = [each.made for each in planted()[:: len(planted()) // 60]] + [
        clean(Random(number)) for number in range(10)
    ]
    return Examples([part for made in sample for part in (made.critical, made.medicines)], [], ["13717404089"])


def some(rng: Random) -> Made:
    """Returns two sections of any content, with fewer medicines than are checked at most."""
    maker = Messages(
        rng, examples(), [PatientIdentifier(national_id="13717404089")], [str(UUID(int=rng.getrandbits(128)))]
    )
    made = Made()
    for _ in range(rng.randint(1, 4)):
        made.critical.MergeFromString(maker.make(ki.CriticalInfoSection.DESCRIPTOR).SerializeToString())
        made.medicines.MergeFromString(maker.make(pb.MedicationsSection.DESCRIPTOR).SerializeToString())
    return made


def told(checked: Checked) -> set[tuple[int, int, frozenset[str]]]:
    """Returns what each finding says: kind, severity, and the entries that it rests on."""
    return {
        (found.kind, found.rule.severity, frozenset(entry.entry_id for entry in found.entries))
        for found in checked.found
    }


@pytest.mark.parametrize("case", range(CASES))
def test_any_sections(case: int) -> None:
    for number in range(ROUNDS):
        rng = Random(case * ROUNDS + number)
        made, now = some(rng), rng.choice(TIMES)
        asked = [each.medication for each in made.medicines.prescriptions[: rng.randint(0, 3)]]
        checked = check(KNOWLEDGE, Seen(made.critical, made.medicines), now, asked)
        assert checked.checked == list(KINDS)
        critical, medicines = made.critical, made.medicines
        headed: list[Any] = [
            *critical.critical_info,
            *medicines.prescriptions,
            *medicines.dispensings,
            *medicines.statements,
        ]
        ids = {each.header.id for each in headed} | {each.id for each in medicines.medication_list.entries} | {""}
        assert {evidence.entry_id for finding in checked.findings() for evidence in finding.evidence} <= ids
        turned = Made()
        turned.critical.CopyFrom(made.critical)
        turned.medicines.CopyFrom(made.medicines)
        medicines = turned.medicines
        lists: list[Any] = [turned.critical.critical_info, medicines.prescriptions, medicines.medication_list.entries]
        for entries in lists:
            backwards = list(entries)[::-1]
            del entries[:]
            entries.extend(backwards)
        again = check(KNOWLEDGE, Seen(turned.critical, turned.medicines), now, asked)
        assert told(again) == told(checked)
        assert len(again.found) == len(checked.found)
