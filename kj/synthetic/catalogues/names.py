"""Names that are common in Norway, by their bearers' year of birth. They are nobody's in particular."""

from random import Random

from kj.synthetic.draws import weighted

_WOMEN = (
    (1955, "Astrid Aud Berit Bjørg Eli Else Gerd Grete Gunvor Inger Ingrid Kari Karin Kirsten Liv Marit Randi"),
    (1985, "Anita Anne Bente Cecilie Elin Gro Hanne Heidi Hege Kristin Lene Linda Mona Monica Nina Siri Tone"),
    (2005, "Andrea Camilla Guro Helene Ida Ingeborg Julie Karoline Kristine Maria Marte Oda Sara Silje Sunniva"),
    (9999, "Alma Astrid Ella Emma Frida Hedda Ingrid Iben Jenny Leah Live Maja Nora Olivia Sara Selma Signe Sofie"),
)
_MEN = (
    (1955, "Arne Asbjørn Bjarne Egil Einar Gunnar Harald Ivar Johan Kjell Knut Leif Magne Odd Ola Per Reidar"),
    (1985, "Anders Bjørn Dag Eirik Erik Espen Frode Geir Hans Håvard Jan Jon Lars Morten Pål Rune Stian Terje Tom"),
    (2005, "Aleksander Anders Even Fredrik Henrik Håkon Jonas Kristian Lars Magnus Martin Mathias Ole Petter"),
    (9999, "Aksel Emil Filip Gustav Henrik Iver Jakob Johannes Kasper Liam Ludvig Noah Odin Olav Oskar Sigurd"),
)
_FAMILY = (
    "Aas Aasen Amundsen Andersen Bakke Bakken Berg Berge Bråten Bø Dahl Eide Eliassen Eriksen Fjeld Foss "
    "Hagen Halvorsen Hansen Haug Haugen Hauge Helland Henriksen Holm Iversen Jacobsen Jensen Johansen Johnsen "
    "Knutsen Kristiansen Kvam Larsen Lie Lien Lund Lunde Løken Martinsen Moe Moen Myhre Myklebust Nilsen Nygård "
    "Olsen Pedersen Pettersen Rognstad Rønning Sandvik Simonsen Skaar Solberg Solheim Strand Strøm Sæther Sørensen "
    "Thorsen Tveit Ulriksen Vik Voll Ødegård Øverland Aune Myrvold Ruud"
)
_ELSEWHERE = (
    # family names, women, men: the larger groups that have come from other countries
    ("Kowalski Nowak Wójcik Mazur", "Agnieszka Anna Katarzyna Ewa", "Piotr Tomasz Marek Jakub"),
    ("Ali Hassan Mohamed Abdi", "Amina Fatima Hodan Ayaan", "Abdullahi Mohamed Yusuf Ahmed"),
    ("Khan Hussain Ahmed Malik", "Ayesha Saima Nadia Iqra", "Imran Bilal Usman Hamza"),
    ("Nguyen Tran Pham Le", "Linh Mai Thu Hoa", "Minh Duc Hung Nam"),
    ("Kazlauskas Petrauskas Jankauskas", "Rasa Egle Daiva", "Jonas Tomas Mindaugas"),
    ("Kovalenko Shevchenko Bondarenko", "Oksana Olena Iryna", "Andriy Serhiy Oleh"),
)


def family_name(rng: Random) -> tuple[str, int]:
    """Draws a family name, and where its bearers come from: a number to pass to `given_name`."""
    origin = weighted(rng, [(-1, 85), *((number, 2.5) for number in range(len(_ELSEWHERE)))])
    names = _FAMILY if origin < 0 else _ELSEWHERE[origin][0]
    return rng.choice(names.split()), origin


def given_name(rng: Random, *, woman: bool, year: int, origin: int) -> str:
    """Draws a given name for somebody born in that year."""
    if origin >= 0:
        return rng.choice(_ELSEWHERE[origin][1 if woman else 2].split())
    names = next(names for before, names in (_WOMEN if woman else _MEN) if year < before)
    return rng.choice(names.split())


def middle_name(rng: Random, family: str) -> str:
    """Draws a middle name (mellomnavn), which is another family's name; mostly ""."""
    drawn = rng.choice(_FAMILY.split()) if rng.random() < 0.2 else ""
    return "" if drawn == family else drawn


_LANGUAGES = ("pl", "so", "ur", "vi", "lt", "uk")
"""Of the groups in _ELSEWHERE, as BCP 47 tags."""


def language(family: str, given: str) -> str:
    """Returns the language that somebody of this name may speak beside Norwegian, as a BCP 47 tag; "": none."""
    for (families, women, men), tag in zip(_ELSEWHERE, _LANGUAGES, strict=True):
        if family in families.split() and given in (women + " " + men).split():
            return tag
    return ""
