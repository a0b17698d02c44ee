"""Writes the documents' text, in Norwegian, for this population: no patient's text, and no national id."""

from datetime import date
from random import Random

from kj.synthetic.catalogues.medicines import MEDICINES
from kj.synthetic.draws import chance
from kj.synthetic.people.contacts import Contact
from kj.synthetic.people.health import Health
from kj.synthetic.people.organisations import Colleague
from kj.synthetic.people.person import Person

_COURSES = (
    "Pasienten ble tatt imot i avdelingen og tilsett av vakthavende lege. Prøver ble tatt etter vanlig rutine.",
    "Ukomplisert forløp. Pasienten har vært oppe og spist selv, og smertene har vært godt kontrollert.",
    "Tilstanden bedret seg under oppholdet, og pasienten var i stabil tilstand ved utskrivning.",
    "Det ble funnet grunn til å justere den faste behandlingen; se legemiddelavsnittet.",
)
_FOLLOW_UPS = (
    "Kontroll hos fastlege om to uker, med blodtrykk og blodprøver.",
    "Pasienten får innkalling til poliklinisk kontroll om tre måneder.",
    "Ingen planlagt kontroll her. Ny henvisning ved behov.",
    "Hjemmetjenesten er orientert og følger opp fra utskrivningsdagen.",
)
_FINDINGS = (
    "Ingen sikre tegn til brudd. Vanlige bløtdeler.",
    "Lette degenerative forandringer, ellers upåfallende.",
    "Sammenlignet med tidligere undersøkelse er det ingen ny patologi.",
)


def text(code: str, person: Person, health: Health, contact: Contact | None, author: Colleague, day: date) -> str:
    """Returns the body of a document of this type."""
    rng = chance("text", person.key, code, day)
    paragraphs = [_head(person, contact, author), *_BODIES[code](rng, person, health, contact)]
    paragraphs.append(f"{_written(day)}\n{author.practitioner.name}, {author.practitioner.role.display.lower()}")
    return "\n\n".join(paragraphs)


def _head(person: Person, contact: Contact | None, author: Colleague) -> str:
    place = author.organisation
    lines = [f"{place.name}, {place.department}", f"Pasient: {person.name}, født {_written(person.born)}"]
    if contact is not None:
        start = contact.start.ToDatetime().date()
        end = contact.end.ToDatetime().date() if contact.end else start
        lines.append(
            f"Dato: {_written(start)}" if start == end else f"Innlagt {_written(start)}, utskrevet {_written(end)}"
        )
    return "\n".join(lines)


def _discharge(rng: Random, person: Person, health: Health, contact: Contact | None) -> list[str]:
    illness = contact.illness if contact else None
    reason = (
        f"Innlagt for utredning og behandling {illness.indication}." if illness else "Innlagt som øyeblikkelig hjelp."
    )
    earlier = ", ".join(sorted(each.name for each, _ in health.illnesses)) or "ingen kjente"
    return [
        f"Innleggelsesårsak\n{reason}",
        f"Tidligere sykdommer\n{earlier.capitalize()}.",
        "Forløp og behandling\n" + " ".join(rng.sample(_COURSES, 3)),
        f"Legemidler ved utskrivning\n{_medicines(health)}",
        f"Videre oppfølging\n{rng.choice(_FOLLOW_UPS)}",
    ]


def _note(rng: Random, person: Person, health: Health, contact: Contact | None) -> list[str]:
    reason = (
        f"Kontroll av behandling {contact.illness.indication}."
        if contact and contact.illness
        else "Vurdering etter henvisning."
    )
    return [
        f"Aktuelt\n{reason} {'Hun' if person.woman else 'Han'} opplyser å ha det som før.",
        "Vurdering\nIngen endring i behandlingen nå.",
        f"Plan\n{rng.choice(_FOLLOW_UPS)}",
    ]


def _images(rng: Random, _person: Person, _health: Health, _contact: Contact | None) -> list[str]:
    return [
        f"Undersøkelse\nRøntgen {rng.choice(('thorax', 'hofte', 'håndledd', 'kne'))}.",
        f"Funn\n{rng.choice(_FINDINGS)}",
    ]


def _nursing(rng: Random, person: Person, health: Health, _contact: Contact | None) -> list[str]:
    she = "Hun" if person.woman else "Han"
    return [
        f"Funksjon\n{she} går med {rng.choice(('rullator', 'stokk', 'støtte'))} og klarer det meste av stellet selv.",
        f"Tjenester\nHjemmesykepleie {rng.choice(('morgen', 'morgen og kveld'))}. Hjelp til legemidler.",
        f"Legemidler\n{_medicines(health)}",
        "Ernæring\nSpiser godt. Vekten følges månedlig.",
    ]


def _crisis(_rng: Random, person: Person, _health: Health, _contact: Contact | None) -> list[str]:
    return [
        "Tegn på at det går dårligere\nSover lite, trekker seg unna, svarer ikke på telefon.",
        "Dette hjelper\nRo, kort samtale, faste avtaler. Ring pårørende i samråd med pasienten.",
        f"Dette hjelper ikke\nÅ la {'henne' if person.woman else 'ham'} vente alene.",
        "Hvem gjør hva\nFastlege: vurderer medisinering. DPS: time innen ett døgn. Legevakt: utenom dagtid.",
    ]


def _individual(rng: Random, _person: Person, _health: Health, _contact: Contact | None) -> list[str]:
    return [
        f"Mål\n{rng.choice(('Bo hjemme så lenge som mulig.', 'Komme tilbake i arbeid.', 'Gå turer med andre.'))}",
        "Tiltak\nFysioterapi hver uke. Tilpasning av bolig. Ansvarsgruppe to ganger i året.",
        "Koordinator\nKommunens koordinerende enhet.",
    ]


_BODIES = {
    "A01-2": _crisis,
    "A02-2": _individual,
    "A03-2": _discharge,
    "A04-2": _nursing,
    "B03-2": _note,
    "E01-2": _images,
}


def _medicines(health: Health) -> str:
    names = sorted(MEDICINES[each.medicine].name for each in health.treatments if each.until is None)
    return "\n".join(f"- {name}" for name in names) or "Ingen faste legemidler."


def _written(day: date) -> str:
    return f"{day.day:02d}.{day.month:02d}.{day.year}"
