"""Tiles: where each hash lies, what they are called, and how entries are bundled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.transparency.tiles import (
    FULL,
    HEIGHT,
    Edge,
    FullTile,
    Tile,
    bundle,
    bundle_path,
    hash_in,
    split,
    tile_of,
    tiles_of,
    unbundle,
)
from shared.transparency.tree import Subtree
from tests.shared.transparency.trees import Grown

# Source: c2sp.org/tlog-tiles.
PATHS = {
    Tile(0, 0): "tile/0/000",
    Tile(0, 1234067): "tile/0/x001/x234/067",
    Tile(1, 999, 7): "tile/1/999.p/7",
    Tile(2, 1000, 255): "tile/2/x001/000.p/255",
}


@pytest.mark.parametrize("tile", PATHS, ids=str)
def test_a_tile_has_one_address(tile: Tile) -> None:
    assert tile.path == PATHS[tile]


def test_a_bundle_of_entries_lies_beside_its_tile() -> None:
    assert bundle_path(1234067) == "tile/entries/x001/x234/067"
    assert bundle_path(0, 3) == "tile/entries/000.p/3"


@pytest.mark.parametrize(
    "size, tiles",
    [
        (0, []),
        (1, [Tile(0, 0, 1)]),
        (256, [Tile(0, 0), Tile(1, 0, 1)]),
        (
            70000,
            [*map(Tile, [0] * 273, range(273)), Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)],
        ),
    ],
)
def test_a_tree_has_full_tiles_and_a_partial_one_at_its_edge(size: int, tiles: list[Tile]) -> None:
    assert tiles_of(size) == tiles


def test_every_complete_subtree_lies_in_a_tile_of_the_tree() -> None:
    grown = Grown(600)
    tiles = grown.tiles(600)
    widths = {(each.level, each.number): each for each in tiles_of(600)}
    for subtree, expected in grown.hashes.items():
        tile = tile_of(subtree, 600)
        assert tile == widths[tile.level, tile.number]
        assert hash_in(subtree, tiles[tile.level, tile.number]) == expected


def test_a_tile_that_is_too_narrow_gives_no_hash() -> None:
    with pytest.raises(ValueError, match="narrow"):
        hash_in(Subtree(1, 1), bytes(32) * 3)
    with pytest.raises(ValueError, match="whole"):
        split(bytes(33))


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_gives_back_its_entries(entries: list[bytes]) -> None:
    assert unbundle(bundle(entries)) == entries


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_a_bundle_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="cut off"):
        unbundle(bundle([b"abc", b"d"])[:-cut] if cut != 2 else b"\x00")


def test_an_entry_too_long_for_a_bundle_is_refused() -> None:
    with pytest.raises(OverflowError):
        bundle([bytes(1 << 16)])


def test_an_edge_gives_the_root_and_each_tile_once_it_is_full() -> None:
    grown = Grown(70_000)
    edge = Edge()
    tiles: dict[tuple[int, int], FullTile] = {}
    for number, leaf in enumerate(grown.leaves, 1):
        for tile in edge.append(leaf):
            tiles[tile.level, tile.number] = tile
        if number < 600 or number > 65_500:
            assert edge.root() == grown.roots[number]
    expected = {(each.level, each.number) for each in tiles_of(70_000) if each.width == FULL}
    assert set(tiles) == expected
    whole = grown.tiles(70_000)
    assert all(each.hashes == whole[each.level, each.number] for each in tiles.values())
    assert all(each.root == grown.hashes[Subtree(HEIGHT * (each.level + 1), each.number)] for each in tiles.values())


@pytest.mark.parametrize("size", [0, 1, 255, 256, 700])
def test_an_edge_goes_on_from_its_partial_tiles(size: int) -> None:
    grown = Grown(1000)
    partial = [split(grown.tiles(size)[0, size // FULL])] if size % FULL else [[]]
    partial += [[grown.hashes[Subtree(HEIGHT, each)] for each in range(size // FULL)]]
    edge = Edge(size, partial)
    assert edge.root() == grown.roots[size]
    for leaf in grown.leaves[size:]:
        edge.append(leaf)
    assert edge.root() == grown.roots[1000]
