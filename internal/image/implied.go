package image

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/filetree/filenode"
	stereoscope "github.com/anchore/stereoscope/pkg/image"
)

// implied is the file info of a directory that no layer lists.
type implied struct{ file.ManualInfo }

// addImplied puts the directories that no layer lists into the index. Layers need no
// entries for directories (OCI image-spec, layer.md), a runtime makes those that are
// missing, and Syft finds the files of some only by the name of their directory. It is
// done after the layers were squashed: what hides what is decided by then, and a made
// directory takes no part in it. The layers must still have their own trees.
func addImplied(img *stereoscope.Image) error {
	catalog, ok := img.FileCatalog.(*stereoscope.FileCatalog)
	if !ok {
		return fmt.Errorf("the file catalog is a %T, to which nothing can be added", img.FileCatalog)
	}
	missing := map[string]*filenode.FileNode{}
	for _, n := range img.SquashedTree().TreeReader().Nodes() {
		f, ok := n.(*filenode.FileNode)
		if ok && f.Reference == nil && f.FileType == file.TypeDirectory && f.RealPath != "/" {
			missing[string(f.RealPath)] = f
		}
	}
	if len(missing) == 0 {
		return nil
	}
	// As with entries for them, the layer of a directory is the last one that has it.
	in := make(map[string]*stereoscope.Layer, len(missing))
	for _, l := range img.Layers {
		for _, n := range l.Tree.TreeReader().Nodes() {
			if f, ok := n.(*filenode.FileNode); ok && missing[string(f.RealPath)] != nil {
				in[string(f.RealPath)] = l
			}
		}
	}
	names := make([]string, 0, len(missing))
	for name := range missing {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare) // equal images give equal indexes
	for _, name := range names {
		l := in[name]
		if l == nil {
			continue
		}
		ref := file.NewFileReference(file.Path(name))
		catalog.Add(*ref, file.Metadata{
			FileInfo: implied{file.ManualInfo{NameValue: path.Base(name), ModeValue: fs.ModeDir | 0o755}},
			Path:     name, Type: file.TypeDirectory,
		}, l, nil)
		missing[name].Reference = ref
	}
	return nil
}
