"""Verifies an exported access log with nothing but its files and public keys: `python stranger.py DIRECTORY KEY...`

For whoever trusts neither the log nor our other code: this file needs Python and the `cryptography` package alone, and
can be read in ten minutes. It builds the whole tree anew from the entries and says whether it is what was signed.

1. `DIRECTORY/checkpoint` is a text of three lines (the log's name, how many entries, the tree's root in base64), an
   empty line, and signatures (c2sp.org/signed-note). Every KEY given, `name+id+key`, must have signed it: the log's
   over the text, a witness's over the text and a time (c2sp.org/tlog-cosignature).
2. `DIRECTORY/tile/entries/` holds the entries, 256 to a file (c2sp.org/tlog-tiles). A leaf is SHA-256 over 0x00 and an
   entry, a node SHA-256 over 0x01 and its two children; a tree is parted at the largest power of two below its size
   (RFC 6962, 2.1). Entry number N must say that it is number N.
3. `DIRECTORY/tile/0/` and above hold the hashes of the tree: they must be the same.
"""

import base64
import hashlib
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256


class Wrong(Exception):
    """What is not as it should be."""


def main() -> None:
    """Prints that the log is what was signed, or ends with what is wrong."""
    directory, keys = Path(sys.argv[1]), sys.argv[2:]
    try:
        print(verify(directory, keys))
    except (Wrong, OSError, ValueError) as error:
        sys.exit(f"WRONG: {error}")


def verify(directory: Path, keys: list[str]) -> str:
    """Returns what was verified. Raises Wrong, OSError or ValueError."""
    if not keys:
        raise Wrong("give the public key of the log, and of each witness that you trust")
    note = (directory / "checkpoint").read_text()
    text, _, signatures = note.rpartition("\n\n")
    for key in keys:
        check_signed(text + "\n", signatures.splitlines(), key)
    name, size, root = text.split("\n")[:3]
    if name != keys[0].split("+")[0]:
        raise Wrong(f"the checkpoint is of {name}, not of the log whose key was given first")
    hashes = leaves(directory, int(size))
    if tree_hash(hashes) != base64.b64decode(root, validate=True):
        raise Wrong("the entries are not those that were signed")
    check_tiles(directory, hashes)
    return f"{size} entries of {name} are what {len(keys)} keys have signed"


def check_signed(text: str, lines: list[str], key: str) -> None:
    """Returns when a line of this key signs the text. Raises Wrong."""
    name, key_id, encoded = key.split("+", 2)
    public = base64.b64decode(encoded)
    if hashlib.sha256(name.encode() + b"\n" + public).digest()[:4].hex() != key_id:
        raise Wrong(f"the key of {name} is not written as it should be")
    for line in lines:
        dash, signer, signature = line.split(" ")
        raw = base64.b64decode(signature)
        if dash != "\N{EM DASH}" or signer != name or raw[:4].hex() != key_id:
            continue
        message, raw = text, raw[4:]
        if public[0] == 4:  # a witness, which signs a time too
            message, raw = f"cosignature/v1\ntime {int.from_bytes(raw[:8], 'big')}\n{text}", raw[8:]
        try:
            Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw, message.encode())
        except InvalidSignature:
            raise Wrong(f"the signature of {name} is wrong") from None
        return
    raise Wrong(f"{name} has not signed the checkpoint")


def leaves(directory: Path, size: int) -> list[bytes]:
    """Returns the hash of every entry, in their order. Raises Wrong."""
    found: list[bytes] = []
    while len(found) < size:
        width = min(WIDTH, size - len(found))
        data, at = (directory / "tile/entries" / place(len(found) // WIDTH, width)).read_bytes(), 0
        for _ in range(width):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            entry = data[at + 2 : end]
            if int.from_bytes(entry[1:9], "big") != len(found):
                raise Wrong(f"entry {len(found)} says that it is another one")
            found.append(hashlib.sha256(b"\0" + entry).digest())
            at = end
    return found


def tree_hash(hashes: list[bytes]) -> bytes:
    """Returns the root over hashes: that of the left part and that of the right part, hashed."""
    if len(hashes) == 1:
        return hashes[0]
    if not hashes:
        return hashlib.sha256(b"").digest()
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree_hash(hashes[:left]) + tree_hash(hashes[left:])).digest()


def check_tiles(directory: Path, hashes: list[bytes]) -> None:
    """Returns when the tiles of every level hold these hashes and those above them. Raises Wrong."""
    level = 0
    while hashes:
        for start in range(0, len(hashes), WIDTH):
            part = hashes[start : start + WIDTH]
            path = directory / f"tile/{level}" / place(start // WIDTH, len(part))
            if path.read_bytes() != b"".join(part):
                raise Wrong(f"{path} holds other hashes than the entries give")
        full = len(hashes) // WIDTH * WIDTH
        hashes = [tree_hash(hashes[start : start + WIDTH]) for start in range(0, full, WIDTH)]
        level += 1


def place(number: int, width: int) -> str:
    """Returns where a tile lies: 1234067 is x001/x234/067, and a partial one says how wide it is."""
    groups = f"{number:,}".split(",")
    groups[0] = groups[0].zfill(3)
    path = "/".join([*(f"x{each}" for each in groups[:-1]), groups[-1]])
    return path if width == WIDTH else f"{path}.p/{width}"


if __name__ == "__main__":
    main()
