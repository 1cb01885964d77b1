// Package imagecheck checks what an image is: its configuration and its root file
// system as a container would see it. It runs nothing and fetches nothing; the caller
// hands in both, and one walk over the files serves every check.
//
// Everything in an image is hostile: names, modes, sizes, accounts and labels. Reads
// are bounded, links are followed by the caller's file system inside of the root only,
// and a check that needs files is undecided when there are none to look at or when the
// walk came to its limit.
//
// Start reading at [Run]; the checks are listed in checks.go.
package imagecheck

import (
	"archive/tar"
	"context"
	"io"
	"io/fs"
	"iter"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// Input is one image. Config is required; the rest may be left out, and the checks
// that need it are undecided then.
type Input struct {
	// Reference is what the results name as their place.
	Reference string
	Config    *v1.ConfigFile
	// FS is the root file system, with modes including setuid and sticky. Nil when it
	// was not read.
	FS fs.FS
	// Hidden are the files that a layer brought and a later one removed or replaced. Nil
	// means that there are none, or none known.
	Hidden iter.Seq[HiddenFile]
	// Meta says who owns a file; nil understands *tar.Header and nothing else.
	Meta func(fs.FileInfo) Meta
	// Layers are the compressed sizes of the layers in bytes; nil when not known.
	Layers []int64
	// Now is the time of the run; zero makes checks of age undecided.
	Now time.Time

	Budget Budget
}

// HiddenFile is a regular file that no container sees and every pull brings along.
type HiddenFile struct {
	Path string // as in FS
	// Layer counts from 0.
	Layer int
	Size  int64
	Open  func() (io.ReadCloser, error)
}

// Budget are the limits that an image should keep. The zero value has the defaults.
type Budget struct {
	// Size is the sum of the compressed layers in bytes. 0 means 500 MiB.
	Size int64
	// Layers is the number of layers. 0 means 40.
	Layers int
	// Age is the time since the image was made. 0 means 90 days.
	Age time.Duration
	// Files is how many files are looked at. 0 means 1,000,000.
	Files int
}

func (b Budget) filled() Budget {
	if b.Size == 0 {
		b.Size = 500 << 20
	}
	if b.Layers == 0 {
		b.Layers = 40
	}
	if b.Age == 0 {
		b.Age = 90 * 24 * time.Hour
	}
	if b.Files == 0 {
		b.Files = 1_000_000
	}
	return b
}

// Meta is what a file info says beyond mode and size.
type Meta struct {
	UID, GID int
	// Capabilities is true when the file gives capabilities to whoever runs it.
	Capabilities bool
	// Known is false when the owner is not known.
	Known bool
}

// headerMeta understands the headers of an archive.
func headerMeta(info fs.FileInfo) Meta {
	h, ok := info.Sys().(*tar.Header)
	if !ok || h == nil {
		return Meta{}
	}
	_, caps := h.PAXRecords["SCHILY.xattr.security.capability"]
	return Meta{UID: h.Uid, GID: h.Gid, Capabilities: caps, Known: true}
}

// rule is a check and the function that decides it.
type rule struct {
	check.Check
	run func(*pass)
}

// pass is one rule on one image.
type pass struct {
	check.Pass
	in *Input
	*facts
}

// Checks describes every check of an image.
func Checks() []*check.Check {
	var out []*check.Check
	for _, r := range rules() {
		out = append(out, &r.Check)
	}
	return out
}

// Run checks the image. The error is the context's own.
func Run(ctx context.Context, in Input) ([]report.Check, error) {
	if in.Meta == nil {
		in.Meta = headerMeta
	}
	if in.Config == nil {
		in.Config = &v1.ConfigFile{}
	}
	in.Budget = in.Budget.filled()
	f, err := scan(ctx, &in)
	if err != nil {
		return nil, err
	}
	var out []report.Check
	for _, r := range rules() {
		p := &pass{Pass: check.Pass{Check: &r.Check, Location: in.Reference}, in: &in, facts: f}
		r.run(p)
		out = append(out, p.Results()...)
	}
	return out, nil
}

// key places an outcome at a part of the configuration.
func key(name string) check.At { return check.At{Location: name} }

// file places an outcome at a path of the image.
func file(p string) check.At { return check.At{Location: "/" + p} }

// looked reports whether the files were seen, and says so when they were not. A
// finding made before the limit still counts.
func (p *pass) looked() bool {
	switch {
	case p.in.FS == nil:
		p.Undecidedf(check.At{}, "the root file system was not read")
		return false
	case p.cut != "" && !p.Failed():
		p.Undecidedf(check.At{}, "%s", p.cut)
		return false
	}
	return true
}
