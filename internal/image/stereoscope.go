package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/anchore/go-sync"
	"github.com/anchore/stereoscope/pkg/file"
	stereoscope "github.com/anchore/stereoscope/pkg/image"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// stereoscope makes the image that Syft reads. It looks for the archive of a layer at
// a path of its cache directory before it asks the layer for it ([layer.file] says
// which), so that what [puller.fetch] wrote is used as it is and never copied.
//
// The layers' diff IDs are hidden from it until the index is complete: it then asks
// each layer, and [layer.DiffID] answers when the layer is on disk and verified.
func (p *puller) stereoscope() *stereoscope.Image {
	hide := func(i *stereoscope.Image) error {
		i.Metadata.Config.RootFS.DiffIDs = nil
		return nil
	}
	return stereoscope.New(source{p}, file.NewTempDirGenerator("imagegate"), p.dir,
		stereoscope.WithManifest(p.in.ManifestRaw),
		stereoscope.WithTags(p.in.Tags...),
		stereoscope.WithRepoDigests(p.in.RepoDigests...),
		hide)
}

// index reads the image. Waiting for a layer costs no worker: as many as there are
// layers may wait, and each goes on as soon as its own layer is there.
func index(ctx context.Context, img *stereoscope.Image) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the indexer gave up: %v", r)
		}
	}()
	ctx = sync.SetContextExecutor(ctx, stereoscope.LayerFetchExecutor, sync.NewExecutor(-1))
	return img.Read(ctx)
}

// finish puts back what the index was not shown, and drops the trees of all layers but
// the last: they are copies of one another, and only the last is the root file system.
func (p *puller) finish(simg *stereoscope.Image) *Image {
	simg.Metadata.Config.RootFS.DiffIDs = p.in.Config.RootFS.DiffIDs
	for i, l := range simg.Layers {
		l.Tree, l.SearchContext = nil, nil
		if i < len(simg.Layers)-1 {
			l.SquashedTree, l.SquashedSearchContext = nil, nil
		}
	}
	img := &Image{dir: p.dir, image: simg, root: newRootFS(simg)}
	for _, l := range p.layers {
		img.layers = append(img.layers, l.info)
		if want, _ := declared(l.info.MediaType); want != l.info.Compression {
			img.warnings = append(img.warnings, fmt.Sprintf("layer %d (%s): media type %s, but the content is %s",
				l.index, l.info.Digest, l.info.MediaType, describe(l.info.Compression)))
		}
	}
	return img
}

func describe(compression string) string {
	if compression == plain {
		return "not compressed"
	}
	return compression
}

// layer is one layer on its way. What is written before ready is closed may be read
// after.
type layer struct {
	index  int
	pull   *puller
	diffID v1.Hash
	desc   v1.Descriptor

	ready chan struct{}
	err   error
	info  Layer
}

var _ v1.Layer = (*layer)(nil)

// wait blocks until the layer is on disk and verified, or will never be.
func (l *layer) wait() error {
	<-l.ready
	return l.err
}

// file is the name under which stereoscope v0.3 looks for the archive in its cache.
func (l *layer) file() string {
	return fmt.Sprintf("%d-%s", l.index, strings.ReplaceAll(l.diffID.String(), ":", "-"))
}

func (l *layer) DiffID() (v1.Hash, error)            { return l.diffID, l.wait() }
func (l *layer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *layer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *layer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }

// Uncompressed is correct, though not wanted: see [puller.stereoscope].
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	if err := l.wait(); err != nil {
		return nil, err
	}
	l.pull.copies.Add(1)
	return os.Open(filepath.Join(l.pull.dir, l.file()))
}

func (l *layer) Compressed() (io.ReadCloser, error) {
	return nil, fmt.Errorf("layer %d: the stored form is not kept", l.index)
}

// source is the image as stereoscope wants to be given it.
type source struct{ p *puller }

var _ v1.Image = source{}

func (s source) Layers() ([]v1.Layer, error) {
	out := make([]v1.Layer, len(s.p.layers))
	for i, l := range s.p.layers {
		out[i] = l
	}
	return out, nil
}

func (s source) MediaType() (types.MediaType, error) { return s.p.in.Manifest.MediaType, nil }
func (s source) Size() (int64, error)                { return int64(len(s.p.in.ManifestRaw)), nil }
func (s source) ConfigName() (v1.Hash, error)        { return s.p.in.Manifest.Config.Digest, nil }
func (s source) ConfigFile() (*v1.ConfigFile, error) { return s.p.in.Config, nil }
func (s source) RawConfigFile() ([]byte, error)      { return s.p.in.ConfigRaw, nil }
func (s source) Manifest() (*v1.Manifest, error)     { return s.p.in.Manifest, nil }
func (s source) RawManifest() ([]byte, error)        { return s.p.in.ManifestRaw, nil }
func (s source) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	return s.find(h, func(l *layer) v1.Hash { return l.diffID })
}
func (s source) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	return s.find(h, func(l *layer) v1.Hash { return l.desc.Digest })
}

func (s source) Digest() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(s.p.in.ManifestRaw))
	return h, err
}

func (s source) find(h v1.Hash, of func(*layer) v1.Hash) (v1.Layer, error) {
	for _, l := range s.p.layers {
		if of(l) == h {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no layer %s", h)
}
