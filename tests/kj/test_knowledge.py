"""`kj knowledge`: what it says of the knowledge in force."""

import pytest

from kj.knowledge import say_if_other


@pytest.mark.parametrize(
    "in_force, said",
    [("2026.11.1", "this release brings 2026.12.1"), ("2026.12.1", ""), ("2026.12.1-fest-20261101", "")],
)
def test_knowledge_of_an_earlier_release_stays_in_force_and_the_operator_is_told(
    in_force: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say_if_other(in_force, "2026.12.1")
    printed = capsys.readouterr().out
    assert (said in printed) if said else not printed
