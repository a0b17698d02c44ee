"""A small writer of real PDF files: text on A4 pages, in a font that every reader has.

PDF 1.4 (ISO 32000-1 describes its successor): a catalog, a page tree, one font, a stream of text a page, a table of
where each object stands. The same text gives the same bytes.
"""

from collections.abc import Iterator, Sequence

_LINES = 50
_WIDTH = 92
_HEADER = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
"""The second line holds bytes over 127, which show programs that the file is not text."""


def pdf(title: str, text: str) -> bytes:
    """Returns a document with a title and text; long lines are broken, long texts go on over pages."""
    lines = [part for line in text.splitlines() for part in _broken(line)]
    pages = [lines[start : start + _LINES] for start in range(0, len(lines), _LINES)] or [[]]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            + f"/Contents {5 + 2 * number} 0 R >>".encode()
        )
        content = _page(title if number == 0 else "", page)
        objects.append(f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream")
    return _file(objects)


def _page(title: str, lines: Sequence[str]) -> bytes:
    drawn = [b"BT"]
    if title:
        drawn.append(b"/F1 16 Tf 56 786 Td (" + _escaped(title) + b") Tj /F1 10 Tf 14 TL 0 -30 Td")
    else:
        drawn.append(b"/F1 10 Tf 14 TL 56 786 Td")
    drawn += [b"(" + _escaped(line) + b") Tj T*" for line in lines]
    drawn.append(b"ET")
    return b"\n".join(drawn)


def _file(objects: Sequence[bytes]) -> bytes:
    written = bytearray(_HEADER)
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(written))
        written += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = len(written)
    written += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    written += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    written += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(written)


def _broken(line: str) -> Iterator[str]:
    while len(line) > _WIDTH:
        cut = line.rfind(" ", 1, _WIDTH)
        cut = _WIDTH if cut <= 0 else cut
        yield line[:cut]
        line = line[cut:].lstrip()
    yield line


def _escaped(text: str) -> bytes:
    """Returns a PDF string in the font's encoding; a character that it lacks becomes a question mark."""
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252", "replace")
