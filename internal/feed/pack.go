package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
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
func unpack(ctx context.Context, answer io.Reader, req *packp.UploadPackRequest, dir string) error {
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
		name, err = indexPack(ctx, pack, packs)
	}
	if err := errors.Join(err, pack.Close()); err != nil {
		return err
	}
	return os.Rename(pack.Name(), filepath.Join(packs, "pack-"+name+".pack"))
}

// indexPack hashes the objects of a pack and writes the index to it. It returns the name of
// both. It reads no pack that [checkPack] refuses.
func indexPack(ctx context.Context, pack io.ReadSeeker, dir string) (name string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPack, p)
		}
	}()
	pack = ending{pack, ctx.Err}
	if err := checkPack(pack); err != nil {
		return "", err
	}
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	w := &idxfile.Writer{}
	parser, err := packfile.NewParser(packfile.NewScanner(pack), w)
	if err != nil {
		return "", err
	}
	sum, err := parser.Parse()
	if err != nil {
		return "", err
	}
	if sum.IsZero() { // how the parser takes a pack that ends before its checksum
		return "", fmt.Errorf("%w: it has no checksum", errPack)
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

// ending is a pack whose reading ends with what it is read for.
type ending struct {
	io.ReadSeeker
	ended func() error
}

func (e ending) Read(p []byte) (int, error) {
	if err := e.ended(); err != nil {
		return 0, err
	}
	return e.ReadSeeker.Read(p)
}
