package image

import (
	"io"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/filetree"
)

// HiddenFile is a regular file that one layer brought and a later one removed or
// replaced. No container sees it, and whoever pulls the image has it.
type HiddenFile struct {
	// Path is in the form of [fs.ValidPath], or has a name that is not UTF-8.
	Path string
	// Layer is the index of the layer that brought it.
	Layer int
	Size  int64
	// Open reads its content.
	Open func() (io.ReadCloser, error)
}

// Hidden walks over what the layers hold and [Image.RootFS] does not show, by layer and
// path. A file that a link leads to under another path only counts as hidden, too.
func (i *Image) Hidden() iter.Seq[HiddenFile] {
	return func(yield func(HiddenFile) bool) {
		entries, err := i.root.catalog.GetByFileType(file.TypeRegular)
		if err != nil {
			return
		}
		layer := func(e filetree.IndexEntry) int {
			if l := i.root.catalog.Layer(e.Reference); l != nil {
				return int(l.Metadata.Index)
			}
			return -1
		}
		entries = slices.DeleteFunc(entries, func(e filetree.IndexEntry) bool {
			n := i.root.node(string(e.Reference.RealPath))
			return strings.HasPrefix(path.Base(string(e.Reference.RealPath)), file.WhiteoutPrefix) ||
				n != nil && n.Reference != nil && n.Reference.ID() == e.Reference.ID() || layer(e) < 0
		})
		slices.SortStableFunc(entries, func(a, b filetree.IndexEntry) int {
			if d := layer(a) - layer(b); d != 0 {
				return d
			}
			return strings.Compare(string(a.Reference.RealPath), string(b.Reference.RealPath))
		})
		for _, e := range entries {
			f := HiddenFile{Path: strings.TrimPrefix(string(e.Reference.RealPath), "/"), Layer: layer(e)}
			if e.FileInfo != nil {
				f.Size = e.Size()
			}
			f.Open = func() (io.ReadCloser, error) { return i.root.catalog.Open(e.Reference) }
			if !yield(f) {
				return
			}
		}
	}
}
