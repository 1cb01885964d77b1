package image

import (
	"archive/tar"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/filetree/filenode"
)

// Stat is what an archive says of a file beyond [fs.FileInfo]. It is the Sys value of
// the file infos of [Image.RootFS].
type Stat struct {
	// UID and GID own the file. A directory that no layer lists is root's.
	UID, GID int
	// Layer is the index of the layer that brought the file; -1 for a directory that
	// no layer lists.
	Layer int
	// Major and Minor number a device node.
	Major, Minor int64
	// Xattrs are the extended attributes, such as security.capability; nil without any.
	Xattrs map[string]string
}

// xattr is the prefix of extended attributes in PAX records, as GNU tar and
// archive/tar write them.
const xattr = "SCHILY.xattr."

// info describes n under the given base name.
func (r *rootFS) info(name string, n *filenode.FileNode) *info {
	out := &info{name: name, stat: Stat{Layer: r.layer(n)}}
	if !r.listed(n) {
		out.mode = fs.ModeDir | 0o755
		return out
	}
	m, err := r.catalog.Get(*n.Reference)
	if err != nil || m.FileInfo == nil {
		out.mode = fs.ModeIrregular
		return out
	}
	out.mode, out.time = m.Mode().Perm()|m.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky), m.ModTime()
	out.mode |= typeBits(n.FileType, m.Type)
	if out.mode.IsRegular() {
		out.size = m.Size()
	}
	out.stat.UID, out.stat.GID = m.UserID, m.GroupID
	if h, ok := m.Sys().(*tar.Header); ok && h != nil {
		out.stat.Major, out.stat.Minor = h.Devmajor, h.Devminor
		for k, v := range h.PAXRecords {
			if attr, ok := strings.CutPrefix(k, xattr); ok {
				if out.stat.Xattrs == nil {
					out.stat.Xattrs = map[string]string{}
				}
				out.stat.Xattrs[attr] = v
			}
		}
	}
	return out
}

// typeBits tells the kind of a file from its place in the tree and the type flag of
// its entry. The mode of an archive header can claim any kind and is not asked.
func typeBits(node, entry file.Type) fs.FileMode {
	if node == file.TypeDirectory || node == file.TypeSymLink {
		entry = node
	}
	switch entry {
	case file.TypeRegular, file.TypeHardLink:
		return 0
	case file.TypeDirectory:
		return fs.ModeDir
	case file.TypeSymLink:
		return fs.ModeSymlink
	case file.TypeCharacterDevice:
		return fs.ModeDevice | fs.ModeCharDevice
	case file.TypeBlockDevice:
		return fs.ModeDevice
	case file.TypeFIFO:
		return fs.ModeNamedPipe
	case file.TypeSocket:
		return fs.ModeSocket
	default:
		return fs.ModeIrregular
	}
}

type info struct {
	name string
	mode fs.FileMode
	size int64
	time time.Time
	stat Stat
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) ModTime() time.Time { return i.time }
func (i *info) IsDir() bool        { return i.mode.IsDir() }
func (i *info) Sys() any           { return &i.stat }

// regular is an open file that is no directory. Only regular files have content.
type regular struct {
	info    *info
	name    string
	content io.ReadCloser
}

func (f *regular) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *regular) Read(p []byte) (int, error) {
	if f.content == nil {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: errDevice}
	}
	return f.content.Read(p)
}

// Seek implements [io.Seeker].
func (f *regular) Seek(offset int64, whence int) (int64, error) {
	if s, ok := f.content.(io.Seeker); ok {
		return s.Seek(offset, whence)
	}
	return 0, &fs.PathError{Op: "seek", Path: f.name, Err: errDevice}
}

// ReadAt implements [io.ReaderAt].
func (f *regular) ReadAt(p []byte, off int64) (int, error) {
	if r, ok := f.content.(io.ReaderAt); ok {
		return r.ReadAt(p, off)
	}
	return 0, &fs.PathError{Op: "read", Path: f.name, Err: errDevice}
}

func (f *regular) Close() error {
	if f.content == nil {
		return nil
	}
	return f.content.Close()
}

// dir is an open directory.
type dir struct {
	fs   *rootFS
	node *filenode.FileNode
	info *info
	name string
	left []fs.DirEntry
	read bool
}

func (d *dir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *dir) Close() error               { return nil }

func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errIsDir}
}

// ReadDir implements [fs.ReadDirFile].
func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.read {
		d.left, d.read = d.fs.entries(d.node), true
	}
	if n <= 0 {
		out := d.left
		d.left = nil
		return out, nil
	}
	if len(d.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.left))
	out := d.left[:n]
	d.left = d.left[n:]
	return out, nil
}
