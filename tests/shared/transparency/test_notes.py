"""Notes, keys, checkpoints and cosignatures: published examples, and every way to write them wrong."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.transparency.checkpoints import Checkpoint, parse_checkpoint
from shared.transparency.notes import (
    COSIGNATURE,
    ED25519,
    LARGEST,
    NoteRefused,
    Signer,
    Verifier,
    open_note,
    parse_signer,
    secret_line,
    sign,
    signer,
    split,
)

LOG = signer("log.example", ED25519, bytes(range(32)))
WITNESS = signer("witness.example", COSIGNATURE, bytes(range(1, 33)))
CHECKPOINT = Checkpoint("log.example", 70, bytes(32))
NOTE = sign(CHECKPOINT.text, [LOG]) + WITNESS.line(CHECKPOINT.text, at=1_764_580_000)
KNOWN = [LOG.verifier, WITNESS.verifier]

# Source: c2sp.org/signed-note, the example of the text.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_TEXT = "This is an example message.\n"
EXAMPLE_LINE = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
EXAMPLE = f"{EXAMPLE_TEXT}\n\u2014 example.com/foo {EXAMPLE_LINE}\n"


def test_the_published_note_is_opened() -> None:
    verifier = Verifier.parse(EXAMPLE_KEY)
    text, [signed] = open_note(EXAMPLE, [verifier])
    assert (text, signed.verifier, signed.at) == (EXAMPLE_TEXT, verifier, None)
    assert str(verifier) == EXAMPLE_KEY


def test_a_checkpoint_is_signed_by_the_log_and_by_its_witness() -> None:
    text, signed = open_note(NOTE, KNOWN)
    assert parse_checkpoint(text) == CHECKPOINT
    assert [(each.verifier.name, each.at) for each in signed] == [
        ("log.example", None),
        ("witness.example", 1_764_580_000),
    ]


def test_a_line_of_somebody_unknown_is_passed_over() -> None:
    _, signed = open_note(NOTE, [WITNESS.verifier])
    assert [each.verifier.name for each in signed] == ["witness.example"]
    with pytest.raises(NoteRefused, match="nobody"):
        open_note(NOTE, [Verifier.parse(EXAMPLE_KEY)])


def test_a_wrong_line_of_a_known_key_refuses_the_note() -> None:
    for wrong in (
        NOTE.replace("\n70\n", "\n71\n"),
        sign(CHECKPOINT.text, [LOG]) + WITNESS.line(CHECKPOINT.text.replace("70", "71"), at=1),
        sign("log.example\n1\nAAAA\n", [LOG]).replace("AAAA", "AAAB"),
    ):
        with pytest.raises(NoteRefused, match="wrong"):
            open_note(wrong, KNOWN)


def test_a_cosignature_holds_for_its_time_alone() -> None:
    line = WITNESS.line(CHECKPOINT.text, at=5)
    name, encoded = line[2:].split()
    raw = base64.b64decode(encoded)
    later = base64.b64encode(raw[:11] + b"\x06" + raw[12:]).decode()
    with pytest.raises(NoteRefused, match="wrong"):
        open_note(sign(CHECKPOINT.text, [LOG]) + f"\u2014 {name} {later}\n", KNOWN)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\nno line\n",
        "text\n\n\u2014 log.example !!!\n",
        "text\n\n\u2014 log.example AAAA\n",
        "text\n\n\u2014 log.example\n",
        NOTE.removesuffix("\n"),
        NOTE.replace("\u2014", "-"),
        "a\ttab\n" + NOTE,
        "x" * LARGEST + "\n" + NOTE,
        NOTE + 100 * LOG.line(CHECKPOINT.text),
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(NoteRefused):
        open_note(note, KNOWN)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        "name+00000000+",
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("+Ae", "+Be"),
        EXAMPLE_KEY.replace("/foo", "/foo bar"),
        EXAMPLE_KEY + "AAAA",
    ],
)
def test_what_is_no_public_key_is_refused(key: str) -> None:
    with pytest.raises(NoteRefused):
        Verifier.parse(key)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_key_has_a_name_that_can_stand_in_a_line(name: str) -> None:
    with pytest.raises(NoteRefused):
        signer(name, ED25519, bytes(32))


def test_a_text_that_does_not_end_is_not_signed() -> None:
    with pytest.raises(NoteRefused):
        sign("text", [LOG])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log.example\n70\n",
        CHECKPOINT.text.replace("70", "070"),
        CHECKPOINT.text.replace("70", "-70"),
        CHECKPOINT.text.replace("70", "\u0667"),
        CHECKPOINT.text.replace("70", "7" * 5000),
        CHECKPOINT.text.replace("AAA=", "AAB="),
        CHECKPOINT.text.replace("AAA=", "A="),
        CHECKPOINT.text + "\n",
        "\n" + CHECKPOINT.text,
    ],
)
def test_there_is_one_way_to_write_a_checkpoint(text: str) -> None:
    with pytest.raises(NoteRefused):
        parse_checkpoint(text)


def test_lines_after_the_third_are_extensions() -> None:
    assert parse_checkpoint(CHECKPOINT.text + "more\n") == CHECKPOINT


@given(st.text())
def test_anything_at_all_is_opened_or_refused(text: str) -> None:
    for note in (text, NOTE + text, text + NOTE):
        try:
            opened, _ = open_note(note, KNOWN)
            assert opened == split(note)[0]
        except NoteRefused:
            pass


@pytest.mark.parametrize("key", [LOG, WITNESS], ids=["log", "witness"])
def test_a_private_key_is_kept_as_a_line(key: Signer) -> None:
    assert parse_signer(secret_line(key)).verifier == key.verifier


@pytest.mark.parametrize(
    "line",
    [
        "",
        str(LOG.verifier),
        secret_line(LOG).replace("PRIVATE", "private"),
        secret_line(LOG).replace("log.example", "other.example"),
        secret_line(LOG)[:-9],
        "PRIVATE+KEY+a+b+c",
    ],
)
def test_what_is_no_private_key_is_refused_without_being_shown(line: str) -> None:
    with pytest.raises(NoteRefused) as refused:
        parse_signer(line)
    assert secret_line(LOG)[-20:-1] not in str(refused.value)
