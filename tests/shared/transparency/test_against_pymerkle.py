"""Every root, inclusion proof and consistent pair to a size is that of an implementation that is not ours: pymerkle.

`KJ_TREE_SIZES` is the largest size, of which all pairs are tried (default 40; the long form goes to 512).
"""

import os
from functools import cache

import pymerkle

from shared.transparency.tree import consistency_path, inclusion_path, prove
from shared.transparency.verify import verify_consistency, verify_inclusion
from tests.shared.transparency.trees import Grown

LARGEST = int(os.environ.get("KJ_TREE_SIZES", "40"))


@cache
def ours() -> Grown:
    return Grown(LARGEST)


@cache
def theirs() -> pymerkle.InmemoryTree:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for each in ours().entries:
        tree.append_entry(each)
    return tree


def test_roots_are_those_of_pymerkle() -> None:
    assert [theirs().get_root(size) for size in range(1, LARGEST + 1)] == ours().roots[1:]


def test_every_inclusion_proof_is_that_of_pymerkle() -> None:
    """Theirs counts from 1, holds the leaf itself, and puts the hashes into another order."""
    grown, proved = ours(), 0
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = prove(inclusion_path(index, size), grown.hashes)
            leaf, root = grown.leaves[index], grown.roots[size]
            verify_inclusion(index, size, leaf, proof, root)
            their = theirs().prove_inclusion(index + 1, size)
            pymerkle.verify_inclusion(leaf, root, their, index=index + 1, size=size)
            assert sorted(their.path) == sorted([leaf, *proof]), (index, size)
            proved += 1
    assert proved == LARGEST * (LARGEST + 1) // 2


def test_every_consistent_pair_is_one_to_pymerkle() -> None:
    """Theirs parts some trees more finely than RFC 6962 does: the roots are compared, not each hash."""
    grown, proved = ours(), 0
    for size in range(1, LARGEST + 1):
        for old in range(1, size + 1):
            proof = prove(consistency_path(old, size), grown.hashes)
            before, root = grown.roots[old], grown.roots[size]
            verify_consistency(old, size, before, root, proof)
            their = theirs().prove_consistency(old, size)
            pymerkle.verify_consistency(before, root, their, prior_size=old, later_size=size)
            proved += 1
    assert proved == LARGEST * (LARGEST + 1) // 2
