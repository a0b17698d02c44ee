"""Trees and proofs: the vectors of RFC 6962's first implementation, an oracle written from its recursion, mutations."""

import hashlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.transparency.tiles import hashes_in
from shared.transparency.tree import (
    Range,
    Subtree,
    complete_subtrees,
    consistency_path,
    empty_root,
    inclusion_path,
    leaf_hash,
    needed,
    node_hash,
    prove,
    range_hash,
    root_hash,
)
from shared.transparency.verify import ProofRefused, verify_consistency, verify_inclusion
from tests.shared.transparency.trees import Growing, Grown

SMALL = 33
"""Sizes of which all pairs are tried; test_against_pymerkle.py goes to 512 in its long form."""

# Source: the test data of google/certificate-transparency, which every implementation of RFC 6962 gives.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_recursion(leaves: list[bytes]) -> bytes:
    """Returns the root as RFC 6962 section 2.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    parted = 1
    while parted * 2 < len(leaves):
        parted *= 2
    return hashlib.sha256(b"\x01" + by_recursion(leaves[:parted]) + by_recursion(leaves[parted:])).digest()


@pytest.fixture(scope="module")
def grown() -> Grown:
    return Grown(1000)


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_are_those_of_rfc_6962(size: int) -> None:
    tree = Growing()
    for each in LEAVES[:size]:
        tree.append(leaf_hash(bytes.fromhex(each)))
    assert tree.root().hex() == ROOTS[size]
    assert by_recursion([bytes.fromhex(each) for each in LEAVES[:size]]).hex() == ROOTS[size]


@given(st.lists(st.binary(max_size=8), max_size=70))
@settings(max_examples=60)
def test_a_root_is_what_the_recursion_gives(entries: list[bytes]) -> None:
    tree = Growing()
    hashes: dict[Subtree, bytes] = {}
    for each in entries:
        hashes.update(tree.append(leaf_hash(each)))
    assert tree.root() == by_recursion(entries) == root_hash(len(entries), hashes)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 255, 256, 257, 999])
def test_a_tree_goes_on_from_its_subtrees(grown: Grown, size: int) -> None:
    held = [grown.hashes[each] for each in complete_subtrees(Range(0, size))]
    again = Growing(size, held)
    for number in range(size, 1000):
        again.append(grown.leaves[number])
    assert again.root() == grown.roots[1000]


def test_every_proof_is_accepted(grown: Grown) -> None:
    for new in range(SMALL + 1):
        for index in range(new):
            proof = prove(inclusion_path(index, new), grown.hashes)
            verify_inclusion(index, new, grown.leaves[index], proof, grown.roots[new])
        for old in range(new + 1):
            proof = prove(consistency_path(old, new), grown.hashes)
            verify_consistency(old, new, grown.roots[old], grown.roots[new], proof)


def test_a_proof_from_tiles_is_the_same(grown: Grown) -> None:
    for size in (1, 5, 255, 256, 257, 513, 1000):
        tiles = grown.tiles(size)
        for path in (inclusion_path(size // 2, size), consistency_path(size // 3, size)):
            assert prove(path, hashes_in(needed(path), size, tiles)) == prove(path, grown.hashes)


Mutation = Callable[[list[bytes]], list[bytes]]
MUTATIONS: dict[str, Mutation] = {
    "a bit of a hash": lambda proof: [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]],
    "one left out": lambda proof: proof[:-1],
    "one more": lambda proof: [*proof, proof[-1]],
    "two changed about": lambda proof: [*proof[:-2], proof[-1], proof[-2]],
    "a hash cut short": lambda proof: [proof[0][:-1], *proof[1:]],
    "another first": lambda proof: [bytes(32), *proof[1:]],
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_no_changed_proof_is_accepted(grown: Grown, mutation: str) -> None:
    refused = 0
    for new in range(2, SMALL + 1):
        for old in range(1, new):
            for path, check in ((inclusion_path(old, new), _included), (consistency_path(old, new), _consistent)):
                proof = prove(path, grown.hashes)
                if mutation == "two changed about" and len(proof) < 2:
                    continue
                with pytest.raises(ProofRefused):
                    check(grown, old, new, MUTATIONS[mutation](proof))
                refused += 1
    assert refused > 900


def _included(grown: Grown, index: int, size: int, proof: list[bytes]) -> None:
    verify_inclusion(index, size, grown.leaves[index], proof, grown.roots[size])


def _consistent(grown: Grown, old: int, new: int, proof: list[bytes]) -> None:
    verify_consistency(old, new, grown.roots[old], grown.roots[new], proof)


def test_a_proof_proves_its_own_place_alone(grown: Grown) -> None:
    """Of its size only the shape: which size a root belongs to is what a checkpoint says."""
    for size in range(2, SMALL):
        for index in range(size):
            proof = prove(inclusion_path(index, size), grown.hashes)
            for at in {*range(-1, size + 1)} - {index}:
                with pytest.raises(ProofRefused):
                    verify_inclusion(at, size, grown.leaves[index], proof, grown.roots[size])
    for old, new in pairwise(range(1, SMALL)):
        proof = prove(consistency_path(old, new), grown.hashes)
        for one, two in ((new, old), (-1, new)):
            with pytest.raises(ProofRefused):
                verify_consistency(one, two, grown.roots[old], grown.roots[new], proof)


def test_trees_of_one_size_are_consistent_when_they_are_one(grown: Grown) -> None:
    verify_consistency(7, 7, grown.roots[7], grown.roots[7], [])
    verify_consistency(0, 7, empty_root(), grown.roots[7], [])
    for old, new, as_old, proof in (
        (7, 7, grown.roots[6], []),
        (7, 7, grown.roots[7], [grown.roots[7]]),
        (0, 7, grown.roots[1], []),
        (0, 7, empty_root(), [grown.roots[7]]),
    ):
        with pytest.raises(ProofRefused):
            verify_consistency(old, new, as_old, grown.roots[7], proof)


@pytest.mark.parametrize("index, size", [(0, 0), (-1, 5), (5, 5)])
def test_there_is_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_path(index, size)
    with pytest.raises(ValueError, match="no beginning"):
        consistency_path(size + 1, size)


def test_a_missing_subtree_is_never_taken_for_another(grown: Grown) -> None:
    hashes = dict(grown.hashes)
    del hashes[Subtree(2, 0)]
    with pytest.raises(KeyError):
        range_hash(Range(0, 6), hashes)
    assert node_hash(bytes(32), bytes(32)) != leaf_hash(bytes(64))
