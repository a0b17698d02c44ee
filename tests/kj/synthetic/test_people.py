"""Who the population is: ids, ages, families."""

from collections import Counter
from datetime import date

from kj.synthetic.catalogues.municipalities import MUNICIPALITIES
from kj.synthetic.people.families import people
from kj.synthetic.people.person import CENSUS, Numbers, Person
from shared.national_id import SYNTHETIC, classify, parse

PARENTS = {"mor", "far", "medmor"}


def test_every_national_id_is_synthetic_valid_and_given_once(population: list[Person]) -> None:
    numbers = [number for person in population for number in person.national_ids]
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        assert parse(number, production=False).kind in SYNTHETIC
        assert 80 < int(number[2:4]) <= 92


def test_the_number_in_use_tells_birth_date_and_sex_by_the_old_rule(population: list[Person]) -> None:
    for person in population:
        number = person.national_id
        day = int(number[:2]) - (40 if number[0] >= "4" else 0)
        assert (day, int(number[2:4]) - 80, int(number[4:6])) == (
            person.born.day,
            person.born.month,
            person.born.year % 100,
        )
        assert (int(number[8]) % 2 == 0) is person.woman
        assert (number[6] >= "5") is (person.born.year >= 2000)


def test_a_few_have_a_d_number_alone_or_beside(population: list[Person]) -> None:
    first = sum(person.national_id[0] >= "4" for person in population)
    beside = sum(len(person.national_ids) == 2 for person in population)
    assert 0 < first < len(population) * 0.02
    assert 0 < beside < len(population) * 0.03


def test_a_day_that_has_no_number_left_gives_the_next_day() -> None:
    numbers = Numbers(1)
    given = [numbers.take(date(1980, 5, 17), woman=True) for _ in range(260)]
    assert len({number for _, number in given}) == 260
    assert {born for born, _ in given} == {date(1980, 5, 17), date(1980, 5, 18)}
    assert all(classify(number).kind in SYNTHETIC for _, number in given)


def test_ages_are_those_of_a_country(population: list[Person]) -> None:
    ages = [person.age(CENSUS) for person in population]
    shares = {name: sum(low <= age <= high for age in ages) / len(ages) for name, low, high in AGES}
    for name, least, most in (("children", 0.15, 0.27), ("over 67", 0.13, 0.24), ("over 80", 0.03, 0.08)):
        assert least < shares[name] < most, (name, shares[name])
    assert max(ages) <= 102
    assert all(person.born < CENSUS for person in population)
    assert 0.45 < sum(person.woman for person in population) / len(population) < 0.56


AGES = (("children", 0, 17), ("over 67", 67, 120), ("over 80", 80, 120))


def test_every_relation_is_told_by_both(population: list[Person]) -> None:
    for person in population:
        for code, other in person.relatives:
            back = [their for their, who in other.relatives if who is person]
            match code:
                case "barn":
                    assert len(back) == 1
                    assert back[0] in PARENTS
                case "mor" | "far" | "medmor":
                    assert back == ["barn"]
                case _:
                    assert back == [code]
            assert other is not person


def test_parents_are_old_enough_and_of_the_right_sex(population: list[Person]) -> None:
    parents = [(code, parent, person) for person in population for code, parent in person.parents()]
    assert len(parents) > 200
    for code, parent, child in parents:
        assert 15 <= child.born.year - parent.born.year <= 60
        assert parent.woman is (code != "far")
    assert Counter(code for code, _, _ in parents)["medmor"] < len(parents) * 0.05


def test_children_live_with_a_parent_who_is_responsible(population: list[Person]) -> None:
    children = [person for person in population if person.age(CENSUS) < 18]
    for child in children:
        assert child.responsibility in {"felles", "mor", "far"}
        assert any(
            parent.home == child.home and child.responsibility in {"felles", code} for code, parent in child.parents()
        )
    apart = [child for child in children if len({parent.home for _, parent in child.parents()}) > 1]
    assert 0.02 < len(apart) / len(children) < 0.45


def test_the_married_are_married_to_each_other(population: list[Person]) -> None:
    for person in population:
        spouses = [other for code, other in person.relatives if code == "ektefelleEllerPartner"]
        if person.marital == "gift" and person.died is None:
            assert len(spouses) == 1
            assert spouses[0].marital == "gift"
            assert spouses[0].home == person.home


def test_the_municipalities_are_there(population: list[Person]) -> None:
    lived = Counter(person.home.municipality.number for person in population[:800])
    assert set(lived) == {each.number for each in MUNICIPALITIES}
    assert " ".join(each.number for each in MUNICIPALITIES) == (
        "4203 3101 3441 3405 3439 3440 3105 1804 1505 0301 4601 5001 5501"
    )


def test_a_few_are_hidden_and_a_few_have_died(population: list[Person]) -> None:
    hidden = sum(person.protection != 1 for person in population) / len(population)
    died = [person for person in population if person.died]
    assert 0.004 < hidden < 0.04
    assert 0.002 < len(died) / len(population) < 0.02
    assert all(person.born <= person.died < CENSUS for person in died if person.died)


def test_a_larger_population_begins_with_the_smaller() -> None:
    assert _names(people(5, 40)) == _names(people(5, 90))[:40]


def test_another_seed_is_another_population() -> None:
    assert not {name for name, _ in _names(people(5, 90))} & {name for name, _ in _names(people(6, 90))}


def _names(some: object) -> list[tuple[str, str]]:
    return [(person.national_id, person.name) for person in some]  # type: ignore[attr-defined]  # people and records
