// Package image turns a manifest into an image on disk that later stages can read:
// every layer downloaded at the same time, decompressed once, checked against its
// diff ID, indexed for Syft, and shown as one root file system.
//
// It guarantees that no byte of a layer reaches an index, a cataloger or [Image.RootFS]
// before the whole layer was read to its end (where [Blobs] checks the blob digest)
// and its uncompressed form hashed to the diff ID in the image's configuration. Sizes,
// counts and names are bounded (see [Options]). Nothing from an archive is ever
// written under a name that the archive chose, so a hostile path cannot leave the root.
//
// It knows nothing of registries, packages or policies: it asks [Blobs] for streams
// and hands out files.
//
// Start reading at [Pull].
package image

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	stereoscope "github.com/anchore/stereoscope/pkg/image"
)

// Blobs hands out the stored form of layers.
type Blobs interface {
	// Layer streams the blob that d names. The stream is limited to d.Size and reports
	// a digest other than d.Digest as an error in place of io.EOF.
	Layer(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error)
}

// Input is what is known of the image before its layers are fetched.
type Input struct {
	// ManifestRaw and ConfigRaw are the bytes as stored; ConfigRaw must hash to the
	// digest that Manifest gives for the configuration.
	ManifestRaw, ConfigRaw []byte
	// Manifest and Config are the parsed forms of the above.
	Manifest *v1.Manifest
	Config   *v1.ConfigFile

	// Reference, Tags and RepoDigests name the image in what Syft writes; all may be
	// empty. Tags are "repository:tag", RepoDigests "repository@digest".
	Reference         string
	Tags, RepoDigests []string
}

// Image is a pulled image. It is safe for use by several goroutines until Close.
type Image struct {
	dir      string
	layers   []Layer
	warnings []string
	image    *stereoscope.Image
	root     *rootFS

	closing  sync.Once
	closeErr error
}

// Stereoscope returns the image in the form that Syft reads. It is indexed already,
// and its layer contents are the files that [Pull] verified. Of its layers only the
// last keeps its trees: every scope but the squashed one is unusable.
func (i *Image) Stereoscope() *stereoscope.Image { return i.image }

// RootFS returns the root file system as a container would see it: layers squashed,
// whiteouts applied, symbolic links followed inside the root only. It implements
// [fs.StatFS], [fs.ReadDirFS], [fs.ReadFileFS] and [fs.ReadLinkFS]; Sys of its file
// infos is a *[Stat].
func (i *Image) RootFS() fs.FS { return i.root }

// Layers returns the layers in build order, lowest first.
func (i *Image) Layers() []Layer { return append([]Layer(nil), i.layers...) }

// LayerOf returns the layer that brought the file at name (in the form of [fs.ValidPath],
// links followed), and false when there is no such file or only a directory that no
// layer lists.
func (i *Image) LayerOf(name string) (Layer, bool) {
	n, err := i.root.resolve(name, true)
	if err != nil {
		return Layer{}, false
	}
	idx := i.root.layer(n)
	if idx < 0 || idx >= len(i.layers) {
		return Layer{}, false
	}
	return i.layers[idx], true
}

// Warnings are oddities that changed nothing, such as a media type that lies about
// the compression. They may quote text of the image.
func (i *Image) Warnings() []string { return append([]string(nil), i.warnings...) }

// Size is the size of all layers uncompressed, in bytes, each blob counted once.
func (i *Image) Size() int64 {
	var sum int64
	seen := map[v1.Hash]bool{}
	for _, l := range i.layers {
		if !seen[l.Digest] {
			seen[l.Digest] = true
			sum += l.Uncompressed
		}
	}
	return sum
}

// Close removes the layers from disk. Files of [Image.RootFS] and the stereoscope
// image are unusable afterwards. Calling it again returns the first result.
func (i *Image) Close() error {
	i.closing.Do(func() {
		var err error
		if i.image != nil {
			err = i.image.Cleanup() // open files first: Windows removes none that is open
		}
		i.closeErr = errors.Join(err, os.RemoveAll(i.dir))
	})
	return i.closeErr
}
