"""The pairs of medicines that a doctor expects to be found, by class; and what is said of all others."""

import pytest

from tests.gateway.safety.patients import KNOWLEDGE, TABLE, Made, kinds, medication, not_checked, without_pairs

WELL_KNOWN = """
B01AA03 J01MA02|B01AA03 J01FA09|B01AA03 N06AB06|B01AA03 N02AX02|B01AA03 P01AB01|B01AA03 J02AC03|B01AA03 N06AX16
B01AF02 J01FA09|B01AF01 M01AE01|B01AF02 N06AB04|B01AF01 J02AC02|B01AE07 C08DA01|B01AE07 J02AC01|B01AF03 B01AB05
N02AA05 N02AA01|N02AA05 N05CF01|N02AA01 N02BF02|N02AX02 N06AB10|N02AX02 N06AG02|N02AB03 N05BA01|N07BC02 N05BA04
N05CF01 N05BA04|N05BA01 N02BF01|N02AA05 N07BB04|N02AB03 J01FA09|R05DA04 N05BA01|N07BC01 N02AA01|N02AJ06 N02AX02
C03DA01 J01EA01|C03DA01 J01EE01|C09AA05 J01EA01|C09CA06 A12BA01|C09AA02 C03DA01|C09CA01 C03DB01|C03DA04 J01FA09
M01AH05 B01AC06|M01AE02 N06AB06|M01AB05 H02AB06|M01AE01 M01AE02|M01AE01 C03CA01|M01AE01 L04AD02|B01AC04 M01AE01
L04AX03 A02BC01|L04AX03 M01AE01|L04AX03 J01EA01|L01BA01 J01EE01|L04AX01 M04AA01|L04AX01 M04AA03|L04AX03 J01CA04
N05AN01 M01AE01|N05AN01 C03AA03|N05AN01 C09AA05|N05AN01 C03CA01|C01AA05 C08DA01|C01AA05 C01BD01|C01AA05 J01FA01
C10AA01 J01FA09|C10AA05 J02AC02|C10AA05 J01FA01|C10AA01 C10AB04|C10AA05 J01XC01|M04AC01 J01FA09|C10AA05 J05AE03
B01AC04 A02BC01|B01AC24 J01FA09|G04BE03 C01DA14|G04BE08 C01DX16|N03AG01 J01DH02|N06AB03 N06AF04|N04BD02 N06AB06
N06AB10 A03FA03|C01BD01 J01FA09|C07AA07 J01MA14|N05AD01 N07BC02|C07AB02 C08DA01|M03BX02 J01MA02|R03DA04 J01MA02
N05AH02 J01MA02|N05AH04 J01FA09|L04AD02 J02AC03|L04AD01 N06AX25|G03AA07 N03AF01|N03AX09 G03AA07|L02BA01 N06AB05
H03AA01 B03AA07|J01MA02 A12AA04|A10BB12 J02AC01|N06AF04 R01BA02|J01XX08 N06AB06|N02CA02 J01FA09|J05AE30 C01BD01
"""


@pytest.mark.parametrize("pair", WELL_KNOWN.replace("\n", "|").strip("|").split("|"))
def test_a_well_known_pair_is_found(made: Made, pair: str) -> None:
    one, two = pair.split()
    made.prescribed(one)
    made.prescribed(two)
    assert {"INTERACTION", "DUPLICATE"} & set(kinds(made.checked()))
    asked = Made()
    asked.prescribed(two)
    assert {"INTERACTION", "DUPLICATE"} & set(kinds(asked.checked(medication(one))))


def test_every_answer_says_how_many_pairs_there_are_and_of_which_medicines_none(made: Made) -> None:
    made.prescribed("B01AA03")
    made.prescribed("S01ED01")
    made.dispensed("S01ED01")
    checked = made.checked(medication("A07BC05"))
    assert checked.coverage is not None
    assert checked.coverage.pairs == KNOWLEDGE.pairs
    assert KNOWLEDGE.pairs == sum(len(row.first_atc) * len(row.second_atc) for row in TABLE.interactions)
    assert without_pairs(checked) == {"medicine S01ED01", "medicine A07BC05"}
    assert not_checked(checked) == set()


def test_what_was_not_checked_for_interactions_is_covered_by_nothing(made: Made) -> None:
    assert made.checked(knowledge=None).coverage is None


def test_no_row_of_interactions_is_about_a_substance_with_itself() -> None:
    for row in TABLE.interactions:
        assert not set(row.first_atc) & set(row.second_atc), row
