"""Forms of medicines by what they are called, so that equivalents compare as the same. Pure functions.

Coated and plain tablets, hard and soft capsules are one form here, as they are substituted for each other; what works
longer, elsewhere or otherwise is another (depot, entero, chewable): our reading. Norwegian names and those of RxNorm.
"""

import re

from kjernejournal.common.v1.common_pb2 import CodeableConcept
from kjernejournal.medications.v1 import medications_pb2 as pb

_WORDS = {
    "depottablett": ("extended release oral tablet", "extended release tablet", "prolonged-release tablet"),
    "enterotablett": ("delayed release oral tablet", "gastro-resistant tablet"),
    "brusetablett": ("effervescent oral tablet", "effervescent tablet"),
    "smeltetablett": ("disintegrating oral tablet", "orodispersible tablet"),
    "tyggetablett": ("chewable tablet",),
    "sugetablett": ("lozenge",),
    "sublingvaltablett": ("sublingual tablet", "resoriblett"),
    "vaginaltablett": ("vagitorie", "vaginal tablet"),
    "tablett": ("oral tablet", "tablet", "tabletter"),
    "depotkapsel": ("extended release oral capsule", "extended release capsule", "depotkapsler"),
    "enterokapsel": ("delayed release oral capsule", "enterokapsler"),
    "kapsel": ("oral capsule", "capsule", "kapsler"),
    "mikstur": ("oral solution", "oral suspension", "mikstur, suspensjon", "mikstur, oppløsning"),
    "øyedråper": ("ophthalmic solution", "eye drops"),
    "øredråper": ("otic solution",),
    "nesedråper": (),
    "dråper": ("oral drops",),
    "øyesalve": ("ophthalmic ointment",),
    "injeksjonsvæske": ("injectable solution", "injectable suspension", "injection", "prefilled syringe"),
    "infusjonsvæske": ("infusion",),
    "stikkpille": ("rectal suppository", "stikkpiller"),
    "klyster": ("rektalvæske", "enema"),
    "depotplaster": ("transdermal system", "transdermal patch", "transdermal"),
    "plaster": (),
    "inhalasjonspulver": ("dry powder inhaler",),
    "inhalasjonsaerosol": ("metered dose inhaler", "inhalation aerosol"),
    "inhalasjonsvæske": ("inhalation solution",),
    "nesespray": ("nasal spray",),
    "munnspray": (),
    "krem": ("topical cream", "cream"),
    "salve": ("topical ointment", "ointment"),
    "gel": ("topical gel",),
    "granulat": (),
    "tyggegummi": ("chewing gum",),
    "vaginalring": ("vaginal ring", "vaginalinnlegg"),
    "implantat": ("implant",),
    "intrauterint innlegg": ("intrauterine system",),
}
_FORM_OF = {word: form for form, words in _WORDS.items() for word in (form, *words)}
_LONGEST_FIRST = "|".join(re.escape(word) for word in sorted(_FORM_OF, key=len, reverse=True))
_FORM = re.compile(rf"(?<!\w)({_LONGEST_FIRST})(?!\w)")


def named(text: str) -> str:
    """Returns the form that a text names; empty: none that is known, or several."""
    found = {_FORM_OF[word] for word in _FORM.findall(text.lower())}
    return found.pop() if len(found) == 1 else ""


def form_of(medicine: pb.Medication) -> str:
    """Returns the form by its name; the source's own words where they are not known; empty: not stated.

    Where no form is stated, the display of name, form and strength may name it.
    """
    stated = _texts(medicine.form)
    for text in stated:
        if named(text):
            return named(text)
    if stated:
        return " ".join(stated[0].lower().split())
    return next((named(text) for text in _texts(medicine.code) if named(text)), "")


def is_known(form: str) -> bool:
    """Whether it is a form that is compared by its name."""
    return form in _WORDS


def _texts(concept: CodeableConcept) -> list[str]:
    return [text for text in (concept.text, *(coding.display for coding in concept.codings)) if text]
