package image

import (
	"archive/tar"
	"errors"
	"hash/maphash"
	"io"
	"path"
	"strings"
	"sync/atomic"
)

// budget is what the layers of one image may use up together.
type budget struct {
	opt                          Options
	bytes, entries, names, nodes atomic.Int64
}

func (b *budget) grow(n int64) error {
	if b.bytes.Add(n) > b.opt.MaxTotal {
		return limit("MaxTotal", "all layers uncompressed", b.opt.MaxTotal, "bytes")
	}
	return nil
}

// scan reads the archive in r up to its end marker, without keeping anything, and
// counts what indexing it will cost. copies is the number of layers made of this
// archive, weight the number of trees that hold its entries.
//
// It parses with archive/tar, as the indexer does, so that both see the same entries.
func (b *budget) scan(r io.Reader, copies, weight int64) (entries int64, err error) {
	seed := maphash.MakeSeed()
	dirs := map[uint64]struct{}{} // hashes: names of implied directories need not be kept
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return entries, err
		}
		entries++
		if len(h.Name) > b.opt.MaxPath || len(h.Linkname) > b.opt.MaxPath {
			return entries, limit("MaxPath", "a name or link target in the archive", int64(b.opt.MaxPath), "bytes")
		}
		nodes, names := int64(1), int64(len(h.Name)+len(h.Linkname))
		for dir := path.Dir(path.Clean("/" + h.Name)); dir != "/"; dir = parent(dir) {
			sum := maphash.String(seed, dir)
			if _, ok := dirs[sum]; ok {
				break // and with it all above
			}
			dirs[sum] = struct{}{}
			nodes++
			names += int64(len(dir))
		}
		if b.entries.Add(nodes*copies) > b.opt.MaxEntries {
			return entries, limit("MaxEntries", "archive entries with the directories they imply", b.opt.MaxEntries, "entries")
		}
		if b.names.Add(names*copies) > b.opt.MaxNames {
			return entries, limit("MaxNames", "all names in the archives", b.opt.MaxNames, "bytes")
		}
		if b.nodes.Add(nodes*weight) > b.opt.MaxTree {
			return entries, limit("MaxTree", "entries times the layers that show them", b.opt.MaxTree, "nodes")
		}
	}
}

// parent is path.Dir for a clean absolute path, without cleaning it again.
func parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "/"
}
