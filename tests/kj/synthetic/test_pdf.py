"""Documents are real files: read back by what the format says, without the code that wrote them."""

import re

import pytest

from kj.synthetic.records.pdf import pdf
from kj.synthetic.records.record import Record


def text_of(content: bytes) -> str:
    """Returns the text that the pages draw."""
    drawn = re.findall(rb"\(((?:\\.|[^\\)])*)\) Tj", content)
    return "\n".join(re.sub(r"\\(.)", r"\1", each.decode("cp1252")) for each in drawn)


def objects_of(content: bytes) -> dict[int, bytes]:
    """Returns every object, found through the table at the end; fails where the table is wrong."""
    table = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert content[table : table + 5] == b"xref\n"
    _, many = content[table + 5 :].split(b"\n")[0].split()
    found = {}
    for number in range(1, int(many)):
        entry = content[table:].split(b"\n")[2 + number]
        assert len(entry) == 19  # and the line's end: twenty bytes, as the format demands
        offset = int(entry[:10])
        assert content[offset:].startswith(f"{number} 0 obj\n".encode())
        found[number] = content[offset:].split(b"\nendobj\n", 1)[0]
    return found


@pytest.mark.parametrize("lines, pages", [(0, 1), (1, 1), (50, 1), (51, 2), (240, 5)])
def test_pages_follow_from_the_text(lines: int, pages: int) -> None:
    objects = objects_of(pdf("Epikrise", "\n".join(f"Linje {number}" for number in range(lines))))
    assert f"/Count {pages} ".encode() in objects[2]
    assert sum(b"/Type /Page " in each for each in objects.values()) == pages


def test_streams_are_as_long_as_they_say() -> None:
    for content in objects_of(pdf("Tittel", "tekst\n" * 120)).values():
        if b"stream\n" in content:
            length = int(re.findall(rb"/Length (\d+)", content)[0])
            assert len(content.split(b"stream\n", 1)[1].rsplit(b"\nendstream", 1)[0]) == length


def test_norwegian_letters_and_signs_of_the_format_come_through() -> None:
    text = "Blåbærsyltetøy (på brød) \\ ÆØÅ"
    assert text in text_of(pdf("Å", text))


def test_long_lines_are_broken_without_losing_a_word() -> None:
    text = " ".join(f"ord{number}" for number in range(200)) + " " + "x" * 300
    assert text_of(pdf("t", text)).replace("\n", "").replace(" ", "") == "t" + text.replace(" ", "")


def test_documents_hold_what_their_media_type_says(told: list[Record]) -> None:
    seen = set()
    for record in told[:200]:
        shared = record.documents()
        for imported in shared.documents if shared else ():
            kind = imported.document.mime_type
            seen.add(kind)
            if kind == "application/pdf":
                assert imported.content.startswith(b"%PDF-1.4")
                assert record.person.family in text_of(imported.content)
                objects_of(imported.content)
            else:
                assert record.person.family in imported.content.decode()
    assert seen == {"application/pdf", "text/plain"}
