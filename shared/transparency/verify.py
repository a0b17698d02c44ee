"""Verifies proofs, as RFC 9162 section 2.1 does: from sizes, roots and the proof alone.

Written apart from the code that makes proofs: neither can hide the other's fault.
"""

import hmac
from collections.abc import Sequence

from shared.transparency.tree import HASH_BYTES, empty_root, node_hash


class ProofRefused(Exception):
    """A proof that does not prove what it should. The text says what is wrong."""


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Returns when `leaf`, a hash, is the leaf `index` of the tree of `size` with this root. Raises ProofRefused."""
    _check_hashes([leaf, root, *proof])
    if not 0 <= index < size:
        raise ProofRefused(f"there is no leaf {index} in a tree of {size}")
    number, last, folded = index, size - 1, leaf
    for each in proof:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if number & 1 or number == last:
            folded = node_hash(each, folded)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            folded = node_hash(folded, each)
        number >>= 1
        last >>= 1
    if last:
        raise ProofRefused("the proof is too short")
    _check_equal(folded, root, "the entry is not in the tree")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Returns when the tree of `old` leaves is the beginning of that of `new`. Raises ProofRefused."""
    _check_hashes([old_root, new_root, *proof])
    if not 0 <= old <= new:
        raise ProofRefused(f"a tree of {old} leaves is no beginning of one of {new}")
    if old in (0, new):
        if proof:
            raise ProofRefused("the proof is too long")
        _check_equal(old_root, new_root if old else empty_root(), "the trees are of one size and differ")
        return
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not hashes:
        raise ProofRefused("the proof is too short")
    as_old, as_new = _folded(old - 1, new - 1, hashes)
    _check_equal(as_old, old_root, "the older tree is another one")
    _check_equal(as_new, new_root, "the newer tree does not begin with the older one")


def _folded(number: int, last: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Returns the roots of both trees, of which these are the last leaves. Raises ProofRefused."""
    while number & 1:
        number >>= 1
        last >>= 1
    as_old = as_new = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if number & 1 or number == last:
            as_old, as_new = node_hash(each, as_old), node_hash(each, as_new)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            as_new = node_hash(as_new, each)
        number >>= 1
        last >>= 1
    if last:
        raise ProofRefused("the proof is too short")
    return as_old, as_new


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofRefused(f"a hash has {HASH_BYTES} bytes")


def _check_equal(one: bytes, other: bytes, otherwise: str) -> None:
    if not hmac.compare_digest(one, other):
        raise ProofRefused(otherwise)
