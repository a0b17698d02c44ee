"""Pairs of lists with known differences: what is planted is known here, whatever the code under test makes of it.

The medicines are real. The second list says the same in another way (another brand, unit, order, wording of form), and
then differs where something is planted. What is truly ambiguous is planted as such, or not at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from kj.synthetic.catalogues.medicines import MEDICINES, Medicine
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes.systems import ATC
from shared.convert import timestamp
from tests.services.medications.feed import NOW

SAME, CHANGED = pb.DIFFERENCE_SAME, pb.DIFFERENCE_CHANGED
MISSING, ADDED, DOUBTFUL = pb.DIFFERENCE_MISSING, pb.DIFFERENCE_ADDED, pb.DIFFERENCE_DOUBTFUL
SUBSTANCE, STRENGTH = pb.COMPARED_FIELD_SUBSTANCE, pb.COMPARED_FIELD_STRENGTH
FORM, DOSE = pb.COMPARED_FIELD_FORM, pb.COMPARED_FIELD_DOSE
STATUS = pb.COMPARED_FIELD_STATUS

Plants = dict[str, tuple["pb.Difference.ValueType", frozenset["pb.ComparedField.ValueType"]]]
Found = tuple["pb.Difference.ValueType", frozenset["pb.ComparedField.ValueType"], str, str]
"""Difference, fields, id on the list, id on the list brought along; empty: not there."""

_UNITS = {"mg": ("g", -3), "mikrog": ("mg", -3), "g": ("mg", 3)}
_OTHER_FORM = {"tablett": "mikstur", "depottablett": "tablett", "kapsel": "mikstur", "depotkapsel": "kapsel"}
_SAME_FORM = {"tablett": ("Tablett, filmdrasjert", "Oral Tablet", "tabletter"), "kapsel": ("Kapsel, hard", "Kapsler")}
_BRANDS = ("Nordfarma", "Sandoz", "Orifarm", "Accord")


@dataclass
class Pair:
    """Two lists, and what differs between them."""

    listed: list[pb.ListEntry] = field(default_factory=list)
    incoming: list[pb.ListEntry] = field(default_factory=list)
    expected: set[Found] = field(default_factory=set)


def pair(rng: Random) -> Pair:
    """Returns a list of 1 to 20 medicines and the one that is brought along."""
    made = Pair()
    plants = _plants()
    names = rng.sample(sorted(MEDICINES), rng.randint(1, 20))
    medicines = {MEDICINES[name].atc: MEDICINES[name] for name in names}
    for medicine in medicines.values():
        if len(medicine.atc) < 7:
            continue
        if len(medicine.strengths) > 1 and rng.random() < 0.15:
            _twice(rng, made, medicine)
            continue
        plant = rng.choice(sorted(plants)) if rng.random() < 0.5 else "same"
        _plant(rng, made, plant, medicine, plants)
    rng.shuffle(made.incoming)
    rng.shuffle(made.listed)
    return made


def _plants() -> Plants:
    return {
        "same": (SAME, frozenset()),
        "strength": (CHANGED, frozenset({STRENGTH})),
        "form": (CHANGED, frozenset({FORM})),
        "dose": (CHANGED, frozenset({DOSE})),
        "strength and dose": (CHANGED, frozenset({STRENGTH, DOSE})),
        "discontinued": (CHANGED, frozenset({STATUS})),
        "paused": (CHANGED, frozenset({STATUS})),
        "restarted": (DOUBTFUL, frozenset({STATUS})),
        "missing": (MISSING, frozenset()),
        "added": (ADDED, frozenset()),
        "other words": (DOUBTFUL, frozenset({DOSE})),
        "no dose": (DOUBTFUL, frozenset({DOSE})),
        "no strength": (DOUBTFUL, frozenset({STRENGTH})),
        "name alone": (DOUBTFUL, frozenset({SUBSTANCE})),
        "words alone": (DOUBTFUL, frozenset({SUBSTANCE})),
    }


def _plant(rng: Random, made: Pair, plant: str, medicine: Medicine, plants: Plants) -> None:
    listed = entry_of(rng, medicine, rng.choice(medicine.strengths))
    incoming = again(rng, listed, medicine)
    difference, fields = plants[plant]
    if not _change(rng, plant, listed, incoming, medicine):
        difference, fields = plants["same"]
    if plant != "added":
        made.listed.append(listed)
    if plant != "missing":
        made.incoming.append(incoming)
    if plant == "words alone":
        made.expected |= {(MISSING, frozenset(), listed.id, ""), (difference, fields, "", incoming.id)}
        return
    made.expected.add((difference, fields, listed.id * (plant != "added"), incoming.id * (plant != "missing")))


def _change(rng: Random, plant: str, listed: pb.ListEntry, incoming: pb.ListEntry, medicine: Medicine) -> bool:
    """Plants it. False: this medicine cannot have it."""
    if plant in ("strength", "strength and dose"):
        _other_strength(rng, listed, incoming, medicine)
    if plant in ("dose", "strength and dose"):
        _other_dose(rng, listed, incoming)
    if plant == "form":
        if medicine.form not in _OTHER_FORM:
            return False
        incoming.medication.form.text = _OTHER_FORM[medicine.form]
    _other_use(plant, listed, incoming)
    _too_little(rng, plant, listed, incoming, medicine)
    return True


def _other_strength(rng: Random, listed: pb.ListEntry, incoming: pb.ListEntry, medicine: Medicine) -> None:
    _strength(incoming.medication, f"{rng.choice((7, 13, 950))} {rng.choice(('mg', 'g'))}")
    if "/" in medicine.strengths[0]:
        _strength(listed.medication, "2 mg")


def _other_use(plant: str, listed: pb.ListEntry, incoming: pb.ListEntry) -> None:
    if plant == "paused":
        incoming.status = pb.ENTRY_STATUS_PAUSED
    if plant in ("discontinued", "restarted"):
        ended = incoming if plant == "discontinued" else listed
        ended.status = pb.ENTRY_STATUS_DISCONTINUED
        ended.discontinuation.discontinued_at.CopyFrom(timestamp(NOW))


def _too_little(rng: Random, plant: str, listed: pb.ListEntry, incoming: pb.ListEntry, medicine: Medicine) -> None:
    """Leaves too little to compare."""
    if plant == "other words":
        del listed.dosages[:], incoming.dosages[:]
        listed.dosages.add(text="etter avtale med legen")
        incoming.dosages.add(text=f"som før {rng.randint(1, 9)}")
    if plant == "no dose":
        del incoming.dosages[:]
    if plant == "no strength":
        _strength(incoming.medication, "")
        incoming.medication.code.text = medicine.name
    if plant in ("name alone", "words alone"):
        incoming.id = _id(rng)
        incoming.medication.ClearField("atc")
        words = listed.medication.code.text if plant == "name alone" else f"Ukjent {rng.randint(1, 10**9)}"
        incoming.medication.code.text = words


def _twice(rng: Random, made: Pair, medicine: Medicine) -> None:
    """Adds the same substance in two strengths, on either list or both: each has its own, and no other one."""
    weak, strong = rng.sample(medicine.strengths, 2)
    on_list = [entry_of(rng, medicine, weak), entry_of(rng, medicine, strong)]
    brought = [again(rng, each, medicine) for each in on_list]
    absent = rng.choice(("", "listed", "incoming"))
    if absent != "listed":
        made.listed += on_list
    else:
        made.listed.append(on_list[0])
    made.incoming += brought if absent != "incoming" else brought[:1]
    made.expected.add((SAME, frozenset(), on_list[0].id, brought[0].id))
    if absent == "listed":
        made.expected.add((ADDED, frozenset(), "", brought[1].id))
    elif absent == "incoming":
        made.expected.add((MISSING, frozenset(), on_list[1].id, ""))
    else:
        made.expected.add((SAME, frozenset(), on_list[1].id, brought[1].id))


def entry_of(rng: Random, medicine: Medicine, strength: str) -> pb.ListEntry:
    return pb.ListEntry(
        id=_id(rng),
        status=pb.ENTRY_STATUS_ACTIVE,
        medication=pb.Medication(
            code=CodeableConcept(text=medicine.name),
            atc=Coding(system=ATC, code=medicine.atc, display=medicine.name),
            form=CodeableConcept(text=medicine.form),
            strength=strength,
        ),
        dosages=list(_dosages(rng)),
    )


def _dosages(rng: Random) -> Iterator[pb.Dosage]:
    if rng.random() < 0.3:
        yield pb.Dosage(text=rng.choice(("1 tablett daglig", "etter måling", "1 ved behov, høyst 2 daglig")))
        return
    dose = pb.DoseAndRate(dose=Quantity(value=rng.choice(("1", "2", "0.5")), unit="tablett"))
    times, unit = rng.choice(((1, "d"), (2, "d"), (3, "d"), (1, "wk")))
    timing = pb.Timing(frequency=times, period="1", period_unit=unit)
    yield pb.Dosage(text="se pakningen", timing=timing, doses=[dose], as_needed=rng.random() < 0.2)


def again(rng: Random, entry: pb.ListEntry, medicine: Medicine) -> pb.ListEntry:
    """Returns the same medicine and use, as another system writes it."""
    again = pb.ListEntry()
    again.CopyFrom(entry)
    if rng.random() < 0.8:
        again.id = _id(rng)
    made = again.medication
    made.code.text = f"{medicine.name} {rng.choice(_BRANDS)}"
    if rng.random() < 0.5:
        made.form.text = rng.choice(_SAME_FORM.get(medicine.form, (medicine.form.upper(),)))
    if rng.random() < 0.5:
        _other_unit(rng, made)
    for dosage in again.dosages:
        dosage.text = f" {dosage.text.upper()}."
    if again.dosages[0].timing.frequency == 2 and rng.random() < 0.5:
        [twice] = again.dosages
        twice.timing.frequency = 1
        again.dosages.add().CopyFrom(twice)
        again.dosages[0].timing.when.append("MORN")
        again.dosages[1].timing.when.append("EVE")
    if again.dosages[0].doses and rng.random() < 0.3:
        for dosage in again.dosages:
            dosage.doses[0].dose.unit = "tabletter"
            dosage.doses[0].dose.value += ".0" if "." not in dosage.doses[0].dose.value else "0"
    return again


def _other_unit(rng: Random, made: pb.Medication) -> None:
    """Writes the same strength in another unit, or as a quantity."""
    value, _, unit = made.strength.partition(" ")
    if unit not in _UNITS or "/" in made.strength:
        return
    other, exponent = _UNITS[unit]
    number = f"{float(value.replace(',', '.')) * 10**exponent:.9f}".rstrip("0").rstrip(".")
    if rng.random() < 0.5:
        made.strength = f"{number.replace('.', ',')} {other}"
        return
    made.strength = ""
    made.ingredients.add(strength_numerator=Quantity(value=number, unit=other), active=True)


def _strength(made: pb.Medication, strength: str) -> None:
    del made.ingredients[:]
    made.strength = strength


def _other_dose(rng: Random, listed: pb.ListEntry, incoming: pb.ListEntry) -> None:
    del listed.dosages[:], incoming.dosages[:]
    one = pb.Dosage(timing=pb.Timing(frequency=1, period="1", period_unit="d"), as_needed=False)
    one.doses.add().dose.CopyFrom(Quantity(value="1", unit="tablett"))
    other = pb.Dosage()
    other.CopyFrom(one)
    match rng.randrange(4):
        case 0:
            other.doses[0].dose.value = "2"
        case 1:
            other.timing.frequency = 2
        case 2:
            other.as_needed = True
        case _:
            other.timing.period_unit = "wk"
    listed.dosages.append(one)
    incoming.dosages.append(other)


def _id(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))
