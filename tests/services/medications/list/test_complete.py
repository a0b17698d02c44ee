"""An entry that people put on the list has a name and a dose, or says why not, and does not contradict itself."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import Coding, Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.list import said_doses
from shared.codes.systems import ATC
from shared.errors import Invalid
from tests.services.medications.feed import Feed, header, new_ref, prescription
from tests.services.medications.list.lists import changed, ended, entry, propose, send
from tests.support.service import details_of

MORPHINE = pb.Medication(atc=Coding(system=ATC, code="N02AA01"))


def dosage(text: str, dose: str = "", unit: str = "tablett", high: str = "", **timing: Any) -> pb.Dosage:
    made = pb.Dosage(text=text)
    if dose:
        made.doses.add().dose.CopyFrom(Quantity(value=dose, unit=unit))
    if high:
        made.doses[0].dose_high.CopyFrom(Quantity(value=high, unit=unit))
    if timing:
        made.timing.CopyFrom(pb.Timing(**{"period": "1", "period_unit": "d", **timing}))
    return made


@pytest.mark.parametrize(
    "said",
    [
        dosage("1 tablett", "5", frequency=10),
        dosage("1 tablett 2 ganger daglig", "2", frequency=2),
        dosage("1 tablett 2 ganger daglig", "1", frequency=3),
        dosage("1 tablett daglig", "1", frequency=2),
        dosage("1+0+1", "1", frequency=3),
        dosage("1-1-1-2", "1", frequency=4),
        dosage("1x3", "1", frequency=1),
        dosage("1 tbl x 2", "1", frequency=4),
        dosage("4 tabletter en gang i uken", "4", frequency=1),
        dosage("2,5 mg ukentlig", "2.5", "mg", frequency=1),
        dosage("1-2 tabletter", "3", high="4"),
        dosage("500 mg x 4", "1", "g", frequency=4),
        dosage("½ tablett", "1"),
        dosage("én tablett til natten", "2", frequency=1),
        dosage("1 tablett hver 8. time", "1", frequency=1, period="6", period_unit="h"),
        dosage("1 kapsel om morgenen mot høyt blodtrykk", "2", "kapsel", frequency=1),
        dosage("inntil 4 tabletter daglig", "2", frequency=4),
        dosage("6 tabletter på mandager", "6", frequency=1),
        dosage("15 mg hver onsdag", "15", "mg", frequency=1),
        dosage("15 mg 1 dag i uken", "15", "mg", frequency=1),
        dosage("1 tablett x 1 ukentlig", "1", frequency=1),
        dosage("ukentlig", "1", frequency=1),
        dosage("Metex ukentlig, med folsyre etterpå", "6", frequency=1),
        dosage("daglig", "1", frequency=1, period_unit="wk"),
        dosage("3 ganger daglig", "1", frequency=1),
        dosage("1 tablett annenhver dag", "1", frequency=1),
        dosage("1 plaster hver 3. dag", "1", "plaster", frequency=1),
        dosage("1 tablett månedlig", "1", frequency=1),
        dosage("1 tablett morgen, 2 tabletter kveld", "1", frequency=2),
        dosage("2 tabletter kl 08 og 20", "2", frequency=4),
        dosage("1 tablett 3 ganger daglig i 10 dager", "1", frequency=1),
        dosage("1 tablett 2 ganger daglig til mat", "1", frequency=1),
        dosage("Dosering: 1 tablett 2 ganger daglig. Svelges hele.", "1", frequency=1),
        dosage("2 tabletter ved behov, maks 8 per døgn", "4", frequency=4),
        dosage("1 1/2 tablett daglig", "3", frequency=1),
        dosage("1-2 tabletter ved behov, inntil 8 per døgn", "5", frequency=1),
        dosage("1 tablett annen hver dag", "1", frequency=1),
        dosage("1 tablett hver åttende time", "1", frequency=1),
        dosage("1 injeksjon hver 6. måned", "1", "injeksjon", frequency=1, period="6", period_unit="wk"),
        dosage("1 injeksjon hver 12. uke", "1", "injeksjon", frequency=1, period="2", period_unit="wk"),
        dosage("1 injeksjon annenhver uke", "1", "injeksjon", frequency=1),
        dosage("1 kapsel pr mnd", "1", "kapsel", frequency=1),
        dosage("2 drag x 2", "2", "inhalasjon", frequency=4),
        dosage("Skiftes hver 3. dag", "1", "plaster", frequency=1),
        dosage("Skiftes hver 72. time", "1", "plaster", frequency=1),
        dosage("6 tbl 1 g/uke", "6", frequency=1),
    ],
)
def test_words_and_structure_that_contradict_are_refused_with_the_text(said: pb.Dosage) -> None:
    with pytest.raises(Invalid) as refused:
        said_doses.check([said], "dosages")
    assert refused.value.field == "dosages[0].text"


@pytest.mark.parametrize(
    "said",
    [
        dosage("1 tablett 2 ganger daglig", "1", frequency=2),
        dosage("1 tablett morgen og kveld", "1", when=["MORN", "EVE"]),
        dosage("1+0+1", "1", frequency=2),
        dosage("1+0+2"),
        dosage("1x3", "1", frequency=3),
        dosage("2 tabletter daglig", "1", frequency=2),
        dosage("1-2 tabletter inntil 3 ganger daglig", "1", high="2", frequency=3),
        dosage("1 tablett ved behov, inntil 4 ganger daglig", "1", frequency=2),
        dosage("1 tablett", "500", "mg", frequency=3),
        dosage("0,5 g x 3", "500", "mg", frequency=3),
        dosage("1 tablett hver 12. time", "1", frequency=2),
        dosage("4 tabletter en gang i uken", "4", days_of_week=["mon"], period="", period_unit=""),
        dosage("Etter INR", "5", frequency=10),
        dosage("1 tablett først, så 2 tabletter etter en uke", "2", frequency=1),
        dosage("som avtalt 1 tablett", "5", frequency=1),
        dosage("1 stk", "1", "tablett"),
        dosage("1 tablett daglig i en uke", "1", frequency=1),
        dosage("Etter INR, kontroll hver uke", "1", frequency=1),
        dosage("1 tablett unntatt mandager", "1", frequency=1),
        dosage("Daglig", "1", frequency=2),
        dosage("1 tablett morgen og 2 tabletter kveld", "1.5", frequency=2),
        dosage(
            "1 tablett mandag, onsdag og fredag", "1", days_of_week=["mon", "wed", "fri"], period="", period_unit=""
        ),
        dosage("1 tablett hver måned", "1", frequency=1, period="4", period_unit="wk"),
        dosage("1 plaster hver 3. dag", "1", "plaster", frequency=1, period="72", period_unit="h"),
        dosage("60 mg hver 6. måned", "60", "mg", frequency=1, period="6", period_unit="mo"),
        dosage("", "5", frequency=10),
    ],
)
def test_what_goes_together_or_is_not_understood_contradicts_nothing(said: pb.Dosage) -> None:
    said_doses.check([said], "dosages")


def test_a_text_that_speaks_of_several_dosages_is_not_compared_with_each() -> None:
    said_doses.check([dosage("1+0+2", "1", when=["MORN"]), dosage("1+0+2", "2", when=["EVE"])], "dosages")


async def refused_field(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    return details_of(refused.value)["field"]


async def test_an_entry_has_a_name_and_a_dose_or_says_why_not(medicines: Feed) -> None:
    ref = new_ref()
    path = "medication_list.entries[0]"
    assert await refused_field(send(medicines, ref, entry(medication=MORPHINE))) == f"{path}.medication.code.text"
    assert await refused_field(send(medicines, ref, entry(dosages=[]))) == f"{path}.dosages"
    contradicting = entry(dosages=[dosage("1 tablett", "5", frequency=10)])
    assert await refused_field(send(medicines, ref, contradicting)) == f"{path}.dosages[0].text"
    wanted = pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry(dosages=[]))
    assert await refused_field(propose(medicines, ref, wanted)) == "proposals[0].entry.dosages"
    said = entry(medication=MORPHINE, dosages=[], comment="Pasienten husker verken navn eller dose")
    assert len((await send(medicines, ref, said)).medication_list.entries) == 1


async def test_what_a_feed_has_put_on_the_list_can_be_sent_back_and_ended(medicines: Feed) -> None:
    ref = new_ref()
    bare = entry(medication=MORPHINE, dosages=[])
    await medicines.send(ref, medication_list=pb.MedicationList(header=header("pll"), entries=[bare]))
    [stood] = (await medicines.list_of(ref)).medication_list.entries
    await send(medicines, ref, stood)
    field = await refused_field(send(medicines, ref, changed(stood, dosages=[dosage("1 tablett")])))
    assert field == "medication_list.entries[0].medication.code.text"
    await send(medicines, ref, ended(stood))


async def test_a_draft_says_what_its_source_does_not_and_leaves_out_what_contradicts_itself(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1", medication=MORPHINE, dosages=[]))
    wrong = prescription("r2", dosages=[dosage("1 tablett", "5", frequency=10)])
    await medicines.prescribe(ref, wrong)
    found = await medicines.reconcile(ref)
    [drafted] = found.draft_entries
    assert drafted.comment == "Kilden oppgir ikke navnet på legemidlet. Kilden oppgir ikke dosen."
    said = {each.code for item in found.items for each in item.explanations}
    assert "DRAFT_WITHOUT_CONTRADICTORY" in said
    await send(medicines, ref, drafted)


@pytest.mark.parametrize(
    "said",
    [
        dosage("1 1/2 tablett daglig", "1.5", frequency=1),
        dosage("1 injeksjon hver 6. måned", "1", "injeksjon", frequency=1, period="6", period_unit="mo"),
        dosage("1 injeksjon hver fjerde uke", "1", "injeksjon", frequency=1, period="4", period_unit="wk"),
        dosage("1 tablett hver åttende time", "1", frequency=3),
        dosage("1-2 tabletter ved behov, inntil 8 per døgn", "1", high="2", frequency=4),
        dosage("1 tablett inntil 3 ganger daglig", "1", frequency=2),
        dosage("Trappes ned med 5 mg hver 3. dag", "20", "mg", frequency=1),
        dosage("Økes hver 2. uke etter avtale", "1", frequency=1),
        dosage("1 tablett daglig, kontroll hver 3. måned", "1", frequency=1),
        dosage("1 plaster, skiftes hver 3. dag", "1", "plaster", frequency=1, period="3"),
    ],
)
def test_months_weeks_and_ordinals_that_say_the_same_are_no_contradiction(said: pb.Dosage) -> None:
    said_doses.check([said], "dosages")
