"""Tokens in files: which one is shown for what, and what is said of one that holds none. None is ever printed."""

from pathlib import Path

import pytest

from kj.calls.options import FED
from kj.calls.token_files import LEEWAY, TokenFiles
from kj.errors import CommandError
from kj.feeds.feed import REGISTERS
from kj.local.issuer import ensure_issuer
from kj.token import mint_for


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text("secret.of.all\n")
    return path


def files(*options: object) -> TokenFiles:
    return TokenFiles([str(each) for each in options], FED)


def refused(*options: object) -> str:
    """Returns both lines that a person is shown."""
    with pytest.raises(CommandError) as caught:
        files(*options)
    return f"{caught.value.what} {caught.value.next_step}"


def test_every_register_that_can_be_fed_can_have_a_token() -> None:
    assert set(FED) == set(REGISTERS)


def test_a_register_has_its_own_token_or_that_for_all(file: Path, tmp_path: Path) -> None:
    (tmp_path / "labs").write_text("secret.of.labs")
    held = files(file, f"labs={tmp_path / 'labs'}")
    assert [held.feed(register) for register in ("patients", "labs", "visits")] == [
        "secret.of.all",
        "secret.of.labs",
        "secret.of.all",
    ]
    assert held.person(None, usual="doctor") == ("secret.of.all", "")


def test_a_register_without_a_token_is_named(file: Path) -> None:
    held = files(f"labs={file}")
    with pytest.raises(CommandError, match="There is no token for visits"):
        held.feed("visits")
    with pytest.raises(CommandError, match="There is no token of a person"):
        held.person(None, usual="doctor")


@pytest.mark.parametrize("kind, service", [("doctor", None), (None, "home-care")])
def test_who_asks_is_the_tokens_to_say(file: Path, kind: str | None, service: str | None) -> None:
    with pytest.raises(CommandError, match="are for the local issuer"):
        files(file).person(kind, usual="doctor", service=service)


def test_a_token_is_read_again(file: Path) -> None:
    held = files(file)
    before = held.feed("labs")
    assert not held.replaced("labs", before)
    file.write_text("another.token")
    assert held.replaced("labs", before)
    assert held.feed("labs") == "another.token"


@pytest.mark.parametrize("content", ["", "two\nlines", "not ascii: å"])
def test_a_file_that_is_being_written_replaces_nothing(file: Path, content: str) -> None:
    held = files(file)
    file.write_text(content)
    assert not held.replaced("labs", "secret.of.all")
    file.unlink()
    assert not held.replaced("labs", "secret.of.all")


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"Bearer secret", "holds no token"),
        (b"secret\nsecret", "holds no token"),
        ("hemmelig.å".encode(), "holds no token"),
        (b"secret" * 2000, "holds no token"),
    ],
)
def test_what_is_no_token_is_said_without_it(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    told = refused(file)
    assert str(file) in told
    assert said in told
    assert "secret" not in told
    assert "hemmelig" not in told


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    assert f"There is no token file {tmp_path / 'none'}" in refused(tmp_path / "none")
    assert "cannot be read: Is a directory" in refused(tmp_path)


def test_an_expired_token_is_refused_here_with_its_end(file: Path, tmp_path: Path) -> None:
    ensure_issuer(tmp_path / "issuer")
    file.write_text(mint_for("system", tmp_path / "issuer", minutes=-(LEEWAY + 5) / 60))
    told = refused(file)
    assert f"The token in {file} expired at " in told
    assert "Write a new one there" in told
    assert "eyJ" not in told


def test_a_token_is_taken_for_as_long_as_the_gateway_takes_it(file: Path, tmp_path: Path) -> None:
    ensure_issuer(tmp_path / "issuer")
    file.write_text(mint_for("system", tmp_path / "issuer", minutes=-(LEEWAY - 10) / 60))
    assert files(file).feed("labs").startswith("eyJ")


def test_a_token_in_place_of_a_file_is_not_repeated(tmp_path: Path) -> None:
    ensure_issuer(tmp_path / "issuer")
    token = mint_for("system", tmp_path / "issuer")
    for option in (token, f"labs={token}"):
        told = refused(option)
        assert "takes the name of a file, not a token" in told
        assert token not in told


def test_two_tokens_for_all_and_an_unknown_register_are_refused(file: Path) -> None:
    assert "given twice" in refused(file, file)
    assert "Registers: critical_info, medications" in refused(f"audit={file}")


def test_a_token_that_everybody_can_read_is_warned_of(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files(file)
    assert capsys.readouterr().err == ""
    file.chmod(0o644)
    assert files(file).feed("labs") == "secret.of.all"
    assert capsys.readouterr().err == (f"kj: everybody on this machine can read {file}: chmod 600 keeps it private\n")
