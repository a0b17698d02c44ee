"""Encryption at rest."""

import os
from pathlib import Path
from uuid import uuid4

import pytest

from services.documents.intake import Intake
from services.documents.sealing import ROW, Content, PatientKey
from services.documents.settings import DocumentSettings
from shared.sealing import ContentDamagedError, KeyFileError, KeyWrap, file_line
from shared.settings import read


def new_patient(keys: KeyWrap) -> tuple[str, PatientKey]:
    ref = str(uuid4())
    return ref, PatientKey(ref, keys.unwrap(ref, keys.new_key(ref)))


def test_a_row_opens_in_its_own_place_alone() -> None:
    keys = KeyWrap({1: os.urandom(32)})
    ref, key = new_patient(keys)
    content = Content(ref, str(uuid4()), str(uuid4()), 3 * ROW, 3, bytes(32))
    sealed = key.seal_row(content.document_id, content.content_id, 1, b"row", last=False)
    assert key.open_row(content, 1, sealed) == b"row"
    other_ref, other_key = new_patient(keys)
    for wrong_key, wrong, number in (
        (key, content, 0),
        (key, content._replace(row_count=2), 1),
        (key, content._replace(document_id=str(uuid4())), 1),
        (key, content._replace(content_id=str(uuid4())), 1),
        (other_key, content._replace(patient_ref=other_ref), 1),
    ):
        with pytest.raises(ContentDamagedError):
            wrong_key.open_row(wrong, number, sealed)
    for short in (b"", sealed[:5], sealed[:-1]):
        with pytest.raises(ContentDamagedError):
            key.open_row(content, 1, short)


def test_the_seal_binds_every_column() -> None:
    ref, key = new_patient(KeyWrap({1: os.urandom(32)}))
    content = Content(ref, str(uuid4()), str(uuid4()), 10, 1, bytes(32))
    seal = key.seal(content)
    key.check(content, seal)
    for change in ({"size": 11}, {"row_count": 2}, {"sha256": b"x" * 32}, {"document_id": ref}, {"content_id": ref}):
        with pytest.raises(ContentDamagedError):
            key.check(content._replace(**change), seal)


def test_a_key_opens_for_its_patient_and_under_its_wrapping_key_alone() -> None:
    keys = KeyWrap({1: os.urandom(32)})
    ref = str(uuid4())
    wrapped = keys.new_key(ref)
    assert (len(wrapped.wrapped), wrapped.key_id) == (60, 1)
    for wrong, of in ((KeyWrap({1: os.urandom(32)}), ref), (KeyWrap({2: os.urandom(32)}), ref), (keys, str(uuid4()))):
        with pytest.raises(ContentDamagedError):
            wrong.unwrap(of, wrapped)


ONE, TWO = bytes(range(32)), bytes(range(32, 64))


def test_a_key_file_is_a_key_or_a_line_for_each_the_first_of_which_wraps(tmp_path: Path) -> None:
    path, ref = tmp_path / "key", str(uuid4())
    path.write_bytes(ONE)
    alone = KeyWrap.from_file(path)
    path.write_bytes(file_line(2, TWO) + b"\n" + file_line(1, ONE))
    both = KeyWrap.from_file(path)
    path.write_bytes(file_line(1, ONE) + file_line(2, TWO).rstrip())
    other_order = KeyWrap.from_file(path)
    old, new = alone.new_key(ref), both.new_key(ref)
    assert (old.key_id, new.key_id, other_order.new_key(ref).key_id) == (1, 2, 1)
    assert both.unwrap(ref, old) == alone.unwrap(ref, old)
    assert other_order.unwrap(ref, new) == both.unwrap(ref, new)
    moved = both.rewrap(ref, old)
    assert (moved.key_id, both.unwrap(ref, moved)) == (2, alone.unwrap(ref, old))
    with pytest.raises(ContentDamagedError, match="key 2"):
        alone.unwrap(ref, new)


@pytest.mark.parametrize(
    "content, text",
    [
        (b"", "holds no key"),
        (bytes(31), "32 random bytes"),
        (bytes(33), "32 random bytes"),
        (file_line(1, bytes(31)), "32 bytes in base64"),
        (file_line(0, ONE), "1 to 9999"),
        (file_line(10_000, ONE), "1 to 9999"),
        (file_line(1, ONE).lstrip(b"1 "), "its number"),
        (file_line(1, ONE).replace(b"=", b""), "32 bytes in base64"),
        (file_line(1, ONE) + file_line(1, TWO), "two keys with number 1"),
        (file_line(1, ONE) + b"2 next\n", "32 bytes in base64"),
    ],
)
def test_a_key_file_that_is_none_says_why_and_shows_no_key(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=text) as refused:
        KeyWrap.from_file(path)
    assert file_line(1, ONE).split()[1].decode() not in str(refused.value)


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        KeyWrap.from_file(tmp_path / "key")


@pytest.mark.parametrize("size", [1, ROW - 1, ROW, ROW + 1, 2 * ROW, 5 * ROW + 7])
@pytest.mark.parametrize("piece", [1000, ROW, 1024 * 1024])
def test_content_is_cut_into_full_rows_and_a_last_one(size: int, piece: int) -> None:
    content, intake = os.urandom(size), Intake(size)
    rows = [row for start in range(0, size, piece) for row in intake.take(content[start : start + piece])]
    rows.append(intake.end())
    assert [number for number, _ in rows] == list(range(intake.rows))
    assert b"".join(row for _, row in rows) == content
    assert all(len(row) == ROW for _, row in rows[:-1])
    assert 0 < len(rows[-1][1]) <= ROW
    assert intake.size == size


def test_a_key_file_without_keys_is_named_at_start_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("hemmelig, and no key")
    monkeypatch.setenv("KJ_LISTEN", "unix:/s")
    monkeypatch.setenv("KJ_DATABASE_URL", "postgresql://role:word@host/documents")
    monkeypatch.setenv("KJ_DOCUMENT_KEY_FILE", str(file))
    with pytest.raises(SystemExit, match=r"^KJ_DOCUMENT_KEY_FILE: ") as refused:
        read(DocumentSettings)
    assert "hemmelig" not in str(refused.value)
