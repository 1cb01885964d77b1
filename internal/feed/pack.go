package feed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

const (
	// maxObjects bounds the objects of one pack, maxUnpacked their bytes together.
	maxObjects  = 2_000_000
	maxUnpacked = 8 << 30
)

// encode writes a question for objects, which has nothing to offer in turn.
func encode(w io.Writer, req *packp.UploadPackRequest) error {
	if err := req.Validate(); err != nil {
		return err
	}
	if err := req.UploadRequest.Encode(w); err != nil {
		return err
	}
	return pktline.NewEncoder(w).EncodeString("done\n")
}

// unpack writes the pack in the answer of a server below a folder, as git keeps it, with
// its index.
func unpack(answer io.Reader, req *packp.UploadPackRequest, dir string) error {
	res := packp.NewUploadPackResponse(req)
	if err := res.Decode(io.NopCloser(answer)); err != nil {
		return err
	}
	packs := filepath.Join(dir, "objects", "pack")
	if err := os.MkdirAll(packs, 0o755); err != nil {
		return err
	}
	pack, err := os.Create(filepath.Join(packs, "received"))
	if err != nil {
		return err
	}
	_, err = io.Copy(pack, sideband.NewDemuxer(sideband.Sideband64k, res))
	var name string
	if err == nil {
		name, err = indexPack(pack, packs)
	}
	if err := errors.Join(err, pack.Close()); err != nil {
		return err
	}
	return os.Rename(pack.Name(), filepath.Join(packs, "pack-"+name+".pack"))
}

// indexPack hashes the objects of a pack and writes the index to it. It returns the name of
// both.
func indexPack(pack io.ReadSeeker, dir string) (name string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the pack is damaged: %v", p)
		}
	}()
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	w := &idxfile.Writer{}
	parser, err := packfile.NewParser(packfile.NewScanner(pack), w, &limits{})
	if err != nil {
		return "", err
	}
	sum, err := parser.Parse()
	if err != nil {
		return "", err
	}
	list, err := w.Index()
	if err != nil {
		return "", err
	}
	f, err := os.Create(filepath.Join(dir, "pack-"+sum.String()+".idx"))
	if err != nil {
		return "", err
	}
	_, err = idxfile.NewEncoder(f).Encode(list)
	return sum.String(), errors.Join(err, f.Close())
}

// limits ends the reading of a pack that holds more than any should.
type limits struct{ total int64 }

func (l *limits) OnHeader(count uint32) error {
	if count > maxObjects {
		return fmt.Errorf("%d objects, at most %d are read", count, maxObjects)
	}
	return nil
}

func (l *limits) OnInflatedObjectHeader(_ plumbing.ObjectType, size int64, _ int64) error {
	l.total += size
	if size > maxObject || l.total > maxUnpacked {
		return fmt.Errorf("an object of %d bytes, after %d: at most %d of one and %d of all are read", size, l.total-size, maxObject, int64(maxUnpacked))
	}
	return nil
}

func (l *limits) OnInflatedObjectContent(plumbing.Hash, int64, uint32, []byte) error { return nil }

func (l *limits) OnFooter(plumbing.Hash) error { return nil }
