package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

const (
	// maxObjects bounds the objects of one pack, maxUnpacked their bytes together.
	maxObjects  = 2_000_000
	maxUnpacked = 8 << 30
	// maxGrowth bounds what a byte of a pack stands for, past the first freeGrowth bytes:
	// it is what zlib reaches at its best.
	maxGrowth  = 1000
	freeGrowth = 256 << 20
)

// errPack is the error of a pack that no server wrote as it is.
var errPack = errors.New("the pack is damaged")

// checkPack refuses a pack that is cut, or holds more than any should, before anything is
// built from it (gitformat-pack, "pack-*.pack files have the following format"). It keeps
// nothing of the objects: what a delta makes is known from its first bytes.
func checkPack(pack io.ReadSeeker) error {
	packed, err := pack.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return err
	}
	s := packfile.NewScanner(pack)
	_, count, err := s.Header()
	if err != nil {
		return err
	}
	if count > maxObjects {
		return fmt.Errorf("%d objects, at most %d are read", count, maxObjects)
	}
	left := min(freeGrowth+maxGrowth*packed, maxUnpacked)
	take := func(size uint64) error {
		if size > maxObject || int64(size) > left {
			return fmt.Errorf("an object of %d bytes: at most %d of one are read, and %d more of all in a pack of %d", size, maxObject, left, packed)
		}
		left -= int64(size)
		return nil
	}
	for range count {
		h, err := s.NextObjectHeader()
		if err != nil {
			return err
		}
		if err := take(uint64(h.Length)); err != nil {
			return err
		}
		var first prefix
		n, _, err := s.NextObject(&first)
		if err != nil {
			return err
		}
		if n != h.Length {
			return fmt.Errorf("%w: an object of %d bytes has %d", errPack, h.Length, n)
		}
		if !h.Type.IsDelta() {
			continue
		}
		_, size := binary.Uvarint(first.data) // of what it is applied to
		made, end := binary.Uvarint(first.data[max(size, 0):])
		if size <= 0 || end <= 0 {
			return fmt.Errorf("%w: a delta does not say what it makes", errPack)
		}
		if err := take(made); err != nil {
			return err
		}
	}
	return nil
}

// prefix keeps the first bytes written to it: room for the two lengths of a delta.
type prefix struct{ data []byte }

func (p *prefix) Write(b []byte) (int, error) {
	p.data = append(p.data, b[:min(len(b), 2*binary.MaxVarintLen64-len(p.data))]...)
	return len(b), nil
}
