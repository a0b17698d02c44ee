"""Whole records, as a population has them: each is compared, and the draft is taken as the next list, unchanged."""

import time
from collections import Counter
from random import Random

from kj.synthetic.catalogues.medicines import MEDICINES
from kj.synthetic.records.record import records
from kjernejournal.medications.v1 import medications_pb2 as pb
from tests.services.medications.feed import NOW, Feed, new_ref, patient
from tests.services.medications.reconciliation import planted
from tests.services.medications.reconciliation.test_reconcile import reconcile, send_draft
from tests.support.seeds import SEED
from tests.support.service import FEED, calling

PEOPLE = 60


async def test_every_draft_of_a_population_is_taken_as_it_is(medicines: Feed) -> None:
    rng, told, took = Random(SEED), Counter[str](), 0.0
    for record in records(SEED, PEOPLE, NOW.date()):
        entries = record.medications()
        if entries is None:
            continue
        ref = new_ref()
        entries.patient.CopyFrom(patient(ref))
        message = pb.BulkImportRequest(patients=[entries])
        await medicines.stub.BulkImport(iter([message]), metadata=calling(FEED))
        for brought in ([], list(_brought(rng, entries.medication_list))):
            began = time.perf_counter()
            found = await reconcile(medicines, ref, *brought)
            took = max(took, time.perf_counter() - began)
            told.update(pb.Difference.Name(item.difference) for item in found.items)
            sent = (await send_draft(medicines, ref, found)).medication_list
            assert [entry.id for entry in sent.entries] == [entry.id.lower() for entry in found.draft_entries]
    print(f"seed {SEED}: {dict(told)}, the slowest {took * 1000:.0f} ms")
    assert told["DIFFERENCE_SAME"] > told["DIFFERENCE_DOUBTFUL"]


def _brought(rng: Random, medicines: pb.MedicationList) -> list[pb.ListEntry]:
    """Returns most of the list in other words, and something new."""
    by_atc = {medicine.atc: medicine for medicine in MEDICINES.values()}
    kept = [entry for entry in medicines.entries if rng.random() < 0.8]
    again = [planted.again(rng, entry, by_atc[entry.medication.atc.code]) for entry in kept]
    new = rng.choice(list(by_atc.values()))
    return [*again, planted.entry_of(rng, new, new.strengths[0])]
