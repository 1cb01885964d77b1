package image

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
)

// ratioFloor is the output, in bytes, below which the ratio is not looked at: a log
// file of zeros compresses a thousandfold and harms nobody.
const ratioFloor = 256 << 20

// blob is one stored blob and the layers that are made of it.
type blob struct {
	desc   v1.Descriptor
	layers []*layer
	weight int64
}

// fetch downloads b, decompresses it, and leaves the verified archive at the place
// where the indexer looks for each of its layers. On an error nothing is at these
// places.
func (p *puller) fetch(ctx context.Context, b *blob) error {
	first := b.layers[0]
	fail := func(code fault.Code, hint string, err error) error {
		return layerError(code, first.index, b.desc.Digest, hint, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	rc, err := p.blobs.Layer(ctx, b.desc)
	if err != nil {
		return layerError(codeOr(err, fault.Unavailable), first.index, b.desc.Digest, hintOr(err, hintFetch), err)
	}
	in := &meter{r: rc, report: p.opt.Progress, state: Progress{Layer: first.index, Digest: b.desc.Digest, Total: b.desc.Size}}
	in.tell()

	f, err := os.CreateTemp(p.dir, "partial-")
	if err != nil {
		return errors.Join(fail(fault.Internal, hintDisk, err), rc.Close())
	}
	done := false
	defer func() {
		f.Close()
		if !done {
			os.Remove(f.Name())
		}
	}()

	out := &sink{budget: p.budget, file: f, hash: sha256.New(), in: in}
	src := unpack(in, out)
	entries, err := p.budget.scan(src, int64(len(b.layers)), b.weight)
	if err == nil {
		_, err = io.Copy(io.Discard, src) // what follows the end marker is part of the diff ID too
	}
	if src.err != nil {
		err = src.err // the cause, without the archive reader's words around it
	}
	cancel() // of no effect after a clean end; otherwise it unblocks the download
	compression := src.stop()
	closeErr := rc.Close() // only now: nobody reads from it any more

	var limited *LimitError
	var write *os.PathError
	switch {
	case errors.As(err, &limited):
		return fail(fault.Unavailable, hintLimit, err)
	case errors.As(err, &write):
		return fail(fault.Internal, hintDisk, err)
	case src.fromInput && in.err != nil:
		return fail(codeOr(err, fault.Unavailable), hintOr(err, hintFetch), fmt.Errorf("download: %w", err))
	case err != nil:
		return fail(fault.Unavailable, hintCorrupt, fmt.Errorf("read archive: %w", err))
	case closeErr != nil:
		return fail(codeOr(closeErr, fault.Unavailable), hintOr(closeErr, hintFetch), fmt.Errorf("download: %w", closeErr))
	}
	if err := f.Close(); err != nil {
		return fail(fault.Internal, hintDisk, err)
	}
	sum := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(out.hash.Sum(nil))}
	for _, l := range b.layers {
		if l.diffID != sum {
			return layerError(fault.Unavailable, l.index, b.desc.Digest, hintCorrupt,
				fmt.Errorf("its content hashes to %s, and the image's configuration promises diff ID %s", sum, l.diffID))
		}
	}
	if err := place(f.Name(), p.dir, b.layers); err != nil {
		return fail(fault.Internal, hintDisk, err)
	}
	done = true
	in.finish()
	for _, l := range b.layers {
		l.info.Uncompressed, l.info.Entries, l.info.Compression = out.n, entries, compression
	}
	return nil
}

// place moves the archive to the path of the first layer and links it to those of the
// others.
func place(from, dir string, layers []*layer) error {
	to := filepath.Join(dir, layers[0].file())
	for _, l := range layers[1:] {
		path := filepath.Join(dir, l.file())
		if os.Link(from, path) == nil {
			continue
		}
		if err := copyFile(from, path); err != nil { // a file system without hard links
			return err
		}
	}
	return os.Rename(from, to)
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// meter counts what is read, reports it at a bounded rate, and remembers whether the
// stream itself failed.
type meter struct {
	r      io.Reader
	report func(Progress)
	state  Progress // but for Done
	done   atomic.Int64
	told   int64
	err    error
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	done := m.done.Add(int64(n))
	if err != nil && err != io.EOF {
		m.err = err
	}
	if done-m.told >= max(m.state.Total/64, 512<<10) {
		m.tell()
	}
	return n, err
}

func (m *meter) tell() {
	m.told = m.done.Load()
	if m.report != nil {
		s := m.state
		s.Done = m.told
		m.report(s)
	}
}

// finish reports the end, unless that was said already.
func (m *meter) finish() {
	if m.told != m.done.Load() {
		m.tell()
	}
}

// codeOr keeps the code of a fault in err's tree, and is code without one.
func codeOr(err error, code fault.Code) fault.Code {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code
	}
	return code
}

func hintOr(err error, hint string) string {
	if h := fault.HintOf(err); h != "" {
		return h
	}
	return hint
}

// open starts reading the stored form in r and says how it is compressed.
func open(r io.Reader) (io.ReadCloser, *bufio.Reader, string, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	compression, err := sniff(br)
	if err != nil {
		return nil, br, "", err
	}
	dec, err := decompress(br, compression)
	return dec, br, compression, err
}
