package image

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/filetree/filenode"
	stereoscope "github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/stereoscope/pkg/tree"
)

// rootFS shows stereoscope's squashed tree as a file system. It keeps nothing of its
// own: names are looked up in the tree, attributes and contents in the file catalog.
type rootFS struct {
	tree    tree.Reader
	catalog stereoscope.FileCatalogReader
}

var _ interface {
	fs.StatFS
	fs.ReadDirFS
	fs.ReadFileFS
	fs.ReadLinkFS
} = (*rootFS)(nil)

func newRootFS(img *stereoscope.Image) *rootFS {
	return &rootFS{tree: img.SquashedTree().TreeReader(), catalog: img.FileCatalog}
}

// Errors of path resolution that io/fs has no value for. Their texts are those of
// POSIX ELOOP and ENOTDIR.
var (
	errLoop   = errors.New("too many levels of symbolic links")
	errNotDir = errors.New("not a directory")
	errIsDir  = errors.New("is a directory")
	errDevice = errors.New("not a regular file")
)

// maxLinks is how many symbolic links one path may pass through, as in Linux
// (path_resolution(7)).
const maxLinks = 40

// valid is fs.ValidPath but for one thing: names that are not UTF-8 are allowed, as
// they are in an image, where a file must not hide behind its name.
func valid(name string) bool {
	if name == "." {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// resolve finds the node of name. Symbolic links on the way are followed, and the last
// one if follow is true. The root is its own parent, so no link leads out of it.
func (r *rootFS) resolve(name string, follow bool) (*filenode.FileNode, error) {
	if !valid(name) {
		return nil, fs.ErrInvalid
	}
	at := r.node("/")
	if at == nil {
		return nil, fs.ErrNotExist
	}
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		if part == "" || part == "." {
			continue
		}
		if at.FileType != file.TypeDirectory {
			return nil, errNotDir
		}
		dir := string(at.RealPath)
		if part == ".." {
			part, dir = "", path.Dir(dir)
		}
		next := r.node(path.Join(dir, part))
		if next == nil {
			return nil, fs.ErrNotExist
		}
		if next.FileType == file.TypeHardLink {
			next = r.hardlink(next)
		}
		if next.FileType == file.TypeSymLink && (follow || len(rest) > 0) {
			if links++; links > maxLinks {
				return nil, errLoop
			}
			target := r.target(next)
			if path.IsAbs(target) {
				at = r.node("/")
			}
			rest = append(strings.Split(target, "/"), rest...)
			continue
		}
		at = next
	}
	return at, nil
}

// hardlink returns the file that a hard link names. Those within one layer are resolved
// by the indexer; what is left points into a lower layer, or nowhere. A link to a link
// is not followed: n is then an empty file, as it is to the indexer.
func (r *rootFS) hardlink(n *filenode.FileNode) *filenode.FileNode {
	target := r.node(path.Clean("/" + string(n.LinkPath)))
	if target == nil || target.FileType != file.TypeRegular {
		return n
	}
	return target
}

// target returns where a symbolic link points. The catalog has the last of several
// entries for one path, as extraction would leave it, and the tree the first.
func (r *rootFS) target(n *filenode.FileNode) string {
	if n.Reference != nil {
		if m, err := r.catalog.Get(*n.Reference); err == nil && m.Type == file.TypeSymLink {
			return m.LinkDestination
		}
	}
	return string(n.LinkPath)
}

func (r *rootFS) node(name string) *filenode.FileNode {
	n, _ := r.tree.Node(filenode.IDByPath(file.Path(name))).(*filenode.FileNode)
	return n
}

// listed reports whether a layer has an entry for n; a directory may only be implied by
// what lies in it.
func (r *rootFS) listed(n *filenode.FileNode) bool {
	if n.Reference == nil || r.catalog == nil {
		return false
	}
	m, err := r.catalog.Get(*n.Reference)
	if err != nil {
		return true
	}
	_, made := m.FileInfo.(implied)
	return !made
}

// layer returns the index of the layer that brought n, or -1.
func (r *rootFS) layer(n *filenode.FileNode) int {
	if !r.listed(n) {
		return -1
	}
	l := r.catalog.Layer(*n.Reference)
	if l == nil {
		return -1
	}
	return int(l.Metadata.Index)
}

// Open implements [fs.FS].
func (r *rootFS) Open(name string) (fs.File, error) {
	n, err := r.resolve(name, true)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	info := r.info(path.Base(name), n)
	if info.IsDir() {
		return &dir{fs: r, node: n, info: info, name: name}, nil
	}
	f := &regular{info: info, name: name}
	if info.Mode().IsRegular() && n.Reference != nil {
		if f.content, err = r.catalog.Open(*n.Reference); err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
	return f, nil
}

// Stat implements [fs.StatFS]: links are followed.
func (r *rootFS) Stat(name string) (fs.FileInfo, error) { return r.stat("stat", name, true) }

// Lstat implements [fs.ReadLinkFS]: the last link is not followed.
func (r *rootFS) Lstat(name string) (fs.FileInfo, error) { return r.stat("lstat", name, false) }

func (r *rootFS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	n, err := r.resolve(name, follow)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return r.info(path.Base(name), n), nil
}

// ReadLink implements [fs.ReadLinkFS]. The target is as stored: it may be absolute, and
// then counts from the root of the image.
func (r *rootFS) ReadLink(name string) (string, error) {
	n, err := r.resolve(name, false)
	if err == nil && n.FileType != file.TypeSymLink {
		err = fs.ErrInvalid
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return r.target(n), nil
}

// ReadDir implements [fs.ReadDirFS]: the entries sorted by name.
func (r *rootFS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := r.resolve(name, true)
	if err == nil && n.FileType != file.TypeDirectory {
		err = errNotDir
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return r.entries(n), nil
}

func (r *rootFS) entries(n *filenode.FileNode) []fs.DirEntry {
	children := r.tree.Children(n)
	out := make([]fs.DirEntry, 0, len(children))
	for _, c := range children {
		child, ok := c.(*filenode.FileNode)
		if !ok {
			continue
		}
		name := path.Base(string(child.RealPath))
		if child.FileType == file.TypeHardLink {
			child = r.hardlink(child)
		}
		out = append(out, fs.FileInfoToDirEntry(r.info(name, child)))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return out
}

// ReadFile implements [fs.ReadFileFS]. It reads the whole file, which the limits of
// [Options] bound only by the size of a layer: bound what you read where that is too
// much.
func (r *rootFS) ReadFile(name string) ([]byte, error) {
	f, err := r.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
