package imagecheck

import (
	"bytes"
	"context"
	"io/fs"
)

// Sizes between which a program file may be a shell, and how much of all is read to
// find one, in bytes.
const (
	minShell  = 64 << 10
	maxShell  = 8 << 20
	maxUnmask = 128 << 20
)

// unmask looks for shells by what is in them, since a copy by another name starts like
// any other. Where one was found by its name already, one more would change nothing.
func (f *facts) unmask(ctx context.Context, fsys fs.FS) error {
	if len(f.shells) > 0 {
		return nil
	}
	budget := int64(maxUnmask)
	for _, p := range f.programs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !machineCode(fsys, p) {
			continue
		}
		data := head(fsys, p, maxShell)
		if budget -= int64(len(data)); budget < 0 {
			break
		}
		if busyboxCode(data) || bytes.Contains(data, []byte("@(#)Bash version")) {
			f.disguised = append(f.disguised, p)
		}
	}
	return nil
}

// isBusybox reports whether a name is one of the many of busybox, by a link of either
// kind.
func isBusybox(fsys fs.FS, p string) bool {
	return machineCode(fsys, p) && busyboxCode(head(fsys, p, maxShell))
}

func busyboxCode(data []byte) bool {
	return bytes.Contains(data, []byte("BusyBox v")) && bytes.Contains(data, []byte("multi-call binary"))
}

// machineCode reports whether a file starts as an ELF program does.
func machineCode(fsys fs.FS, p string) bool { return string(head(fsys, p, 4)) == "\x7fELF" }
