package vuln

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/klauspost/compress/zstd"

	"github.com/imagegate/imagegate/internal/fetch"
)

const (
	maxEntries = 100       // a database archive has one or two
	maxWindow  = 256 << 20 // Anchore packs with zstd's largest ordinary window, 128 MiB
	maxSmall   = 1 << 20   // listings and pointers are a few hundred bytes
)

// unpack reads a database from r, an archive or the bare file, into dir and returns the
// SHA-256 of all of r. It takes the file vulnerability.db and nothing else, and at most
// limit bytes of it.
func unpack(ctx context.Context, r io.Reader, dir string, limit int64) (checksum string, err error) {
	sum := sha256.New()
	all := io.TeeReader(contextReader{ctx, r}, sum)
	in := bufio.NewReaderSize(all, 1<<20)
	if err := unpackKind(in, filepath.Join(dir, v6.VulnerabilityDBFileName), limit); err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // padding after the archive counts for its checksum
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

func unpackKind(in *bufio.Reader, to string, limit int64) error {
	head, err := in.Peek(512)
	if err != nil && err != io.EOF {
		return err
	}
	has := func(at int, magic string) bool {
		return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "\x28\xb5\x2f\xfd"):
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(2))
		if err != nil {
			return fmt.Errorf("decompress archive: %w", err)
		}
		defer z.Close()
		return unpackTar(z, to, limit)
	case has(0, "\x1f\x8b"):
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("decompress archive: %w", err)
		}
		return unpackTar(z, to, limit)
	case has(257, "ustar"):
		return unpackTar(in, to, limit)
	case has(0, "SQLite format 3\x00"):
		return writeFile(to, in, limit)
	default:
		return errors.New("neither a .tar.zst or .tar.gz archive nor a SQLite database")
	}
}

func unpackTar(r io.Reader, to string, limit int64) error {
	// What is skipped is decompressed too, so the bound is on all of it.
	bounded := fetch.Bounded(r, limit+maxEntries*1024)
	t := tar.NewReader(bounded)
	found := false
	for n := 0; ; n++ {
		h, err := t.Next()
		switch {
		case err == io.EOF && found:
			// The checksum of the compressed form stands at its end and is looked at only there.
			if _, err := io.Copy(io.Discard, bounded); err != nil {
				return fmt.Errorf("read archive: %w", err)
			}
			return nil
		case err == io.EOF:
			return fmt.Errorf("the archive holds no %s", v6.VulnerabilityDBFileName)
		case err != nil:
			return fmt.Errorf("read archive: %w", err)
		case n == maxEntries:
			return fmt.Errorf("the archive holds more than %d files", maxEntries)
		}
		if h.Typeflag != tar.TypeReg || path.Clean(h.Name) != v6.VulnerabilityDBFileName {
			continue
		}
		if found {
			return fmt.Errorf("the archive holds %s twice", v6.VulnerabilityDBFileName)
		}
		found = true
		if err := writeFile(to, t, limit); err != nil {
			return fmt.Errorf("unpack %s: %w", v6.VulnerabilityDBFileName, err)
		}
	}
}

func writeFile(to string, r io.Reader, limit int64) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, fetch.Bounded(r, limit))
	return errors.Join(err, f.Close())
}

// contextReader ends a long read with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// readSmall reads a file that is at most 1 MiB.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(fetch.Bounded(f, maxSmall))
}
