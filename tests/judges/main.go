// Judges an exported access log with libraries that are not ours: judges DIRECTORY LOG_KEY WITNESS_KEY PROOFS
//
// golang.org/x/mod/sumdb/tlog reads the tiles and proves each entry from them, transparency-dev/formats opens the
// checkpoint and the witness's line, transparency-dev/merkle verifies the proofs that our code made (PROOFS, JSON).
// Prints what it judged; ends with 1 and what is wrong.
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	formatslog "github.com/transparency-dev/formats/log"
	formatsnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// files reads tiles where C2SP puts them: as the library does, without the height.
type files struct{ directory string }

func (f files) Height() int                         { return height }
func (f files) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(f.directory, "tile", strings.TrimPrefix(tile.Path(), "tile/8/")))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

type made struct {
	Inclusion []struct {
		Index, Size uint64
		Leaf, Root  []byte
		Proof       [][]byte
	}
	Consistency []struct {
		Old, New         uint64
		OldRoot, NewRoot []byte
		Proof            [][]byte
	}
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: judges DIRECTORY LOG_KEY WITNESS_KEY PROOFS")
		os.Exit(2)
	}
	if err := judge(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "WRONG:", err)
		os.Exit(1)
	}
}

func judge(directory, logKey, witnessKey, proofs string) error {
	checkpoint, err := open(directory, logKey, witnessKey)
	if err != nil {
		return err
	}
	if err := prove(directory, checkpoint); err != nil {
		return err
	}
	return verify(proofs)
}

// open returns the checkpoint, which the log and its witness must have signed.
func open(directory, logKey, witnessKey string) (*formatslog.Checkpoint, error) {
	raw, err := os.ReadFile(filepath.Join(directory, "checkpoint"))
	if err != nil {
		return nil, err
	}
	log, err := note.NewVerifier(logKey)
	if err != nil {
		return nil, err
	}
	witness, err := formatsnote.NewVerifierForCosignatureV1(witnessKey)
	if err != nil {
		return nil, err
	}
	checkpoint, _, opened, err := formatslog.ParseCheckpoint(raw, log.Name(), log, witness)
	if err != nil {
		return nil, err
	}
	if len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
		return nil, fmt.Errorf("%d signatures are verified, %d are not", len(opened.Sigs), len(opened.UnverifiedSigs))
	}
	at, err := formatsnote.CoSigV1Timestamp(opened.Sigs[1])
	if err != nil {
		return nil, err
	}
	fmt.Printf("checkpoint of %s, size %d: signed by the log, cosigned by %s at %d\n",
		checkpoint.Origin, checkpoint.Size, witness.Name(), at.Unix())
	return checkpoint, nil
}

// prove proves every entry, and every size that the tree had, from the tiles.
func prove(directory string, checkpoint *formatslog.Checkpoint) error {
	tree := tlog.Tree{N: int64(checkpoint.Size), Hash: tlog.Hash(checkpoint.Hash)}
	reader := tlog.TileHashReader(tree, files{directory})
	if root, err := tlog.TreeHash(tree.N, reader); err != nil || root != tree.Hash {
		return errors.Join(errors.New("the tiles have another root"), err)
	}
	entries, err := entries(directory, tree.N)
	if err != nil {
		return err
	}
	for n, entry := range entries {
		p, err := tlog.ProveRecord(tree.N, int64(n), reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(p, tree.N, tree.Hash, int64(n), tlog.RecordHash(entry)); err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
	}
	for n := int64(1); n <= tree.N; n++ {
		old, err := tlog.TreeHash(n, reader)
		if err != nil {
			return err
		}
		p, err := tlog.ProveTree(tree.N, n, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(p, tree.N, tree.Hash, n, old); err != nil {
			return fmt.Errorf("size %d: %w", n, err)
		}
	}
	fmt.Printf("%d entries and %d sizes are proved from the tiles by sumdb/tlog\n", len(entries), tree.N)
	return nil
}

// entries returns the entries of the bundles: each with its length, two bytes, before it.
func entries(directory string, size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		tile := tlog.Tile{H: height, L: -1, N: n, W: int(min(256, size-n*256))}
		name := strings.Replace(tile.Path(), "tile/8/data", "tile/entries", 1)
		data, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s is cut short", name)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			all, data = append(all, data[2:end]), data[end:]
		}
	}
	if int64(len(all)) != size {
		return nil, fmt.Errorf("there are %d entries, and %d are signed", len(all), size)
	}
	return all, nil
}

// verify verifies what our code proved.
func verify(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all made
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	for _, p := range all.Inclusion {
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, p.Size, p.Leaf, p.Proof, p.Root); err != nil {
			return fmt.Errorf("our proof of %d in %d: %w", p.Index, p.Size, err)
		}
	}
	for _, p := range all.Consistency {
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, p.Old, p.New, p.Proof, p.OldRoot, p.NewRoot); err != nil {
			return fmt.Errorf("our proof of %d to %d: %w", p.Old, p.New, err)
		}
	}
	fmt.Printf("%d inclusion and %d consistency proofs of ours are accepted by transparency-dev/merkle\n",
		len(all.Inclusion), len(all.Consistency))
	return nil
}
