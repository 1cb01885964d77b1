package vuln

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/spf13/afero"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
)

const (
	importOp   = "import vulnerability database"
	importHint = "check where the file came from, or fetch the archive again from grype.anchore.io/databases"
)

// fromPath opens the database in a file or directory, which is imported unless the
// cache holds what was imported from the same bytes before.
func (s *store) fromPath(ctx context.Context, path string) (*DB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(fault.Usage, importOp, "db names a .tar.zst or .tar.gz archive, a vulnerability.db file or a directory that holds one", err)
	}
	source := "archive " + filepath.Base(path)
	if info.IsDir() {
		if err := checkDir(path); err != nil {
			return nil, fault.New(fault.Unavailable, importOp, importHint, err)
		}
		source = "directory " + filepath.Base(path)
		path = filepath.Join(path, v6.VulnerabilityDBFileName)
	}
	checksum, err := sumFile(ctx, path, max(s.opt.MaxArchive, s.opt.MaxUnpacked))
	if err != nil {
		return nil, fault.New(fault.Unavailable, importOp, importHint, err)
	}
	return s.imported(ctx, path, checksum, source)
}

// checkDir holds the database in dir against Grype's record of its import, when there
// is one.
func checkDir(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, v6.VulnerabilityDBFileName)); err != nil {
		return err
	}
	if _, err := v6.ReadImportMetadata(afero.NewOsFs(), dir); err != nil {
		if _, statErr := os.Stat(filepath.Join(dir, v6.ImportMetadataFileName)); errors.Is(statErr, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	_, err := verify(dir)
	return err
}

// imported opens the database that was imported from the file with the given checksum,
// and imports it first when need be.
func (s *store) imported(ctx context.Context, path, checksum, source string) (*DB, error) {
	d, err := s.open(checksum)
	if err == nil {
		return d, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		s.opt.Logger.Warn("the cached vulnerability database is damaged and imported again", "error", err)
	}
	if err := s.importFile(ctx, path, checksum, source); err != nil {
		return nil, fault.New(fault.Unavailable, importOp, importHint, fmt.Errorf("%s: %w", source, err))
	}
	s.prune(checksum)
	if d, err = s.open(checksum); err != nil {
		return nil, fault.New(fault.Unavailable, importOp, importHint, fmt.Errorf("%s: %w", source, err))
	}
	return d, nil
}

func (s *store) importFile(ctx context.Context, path, checksum, source string) error {
	tmp, err := s.scratch()
	if err != nil {
		return err
	}
	defer s.remove(tmp) // gone already when it became the database
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := unpack(ctx, f, tmp, s.opt.MaxUnpacked)
	if err != nil {
		return err
	}
	if got != checksum {
		return fmt.Errorf("the file changed while it was read: %s, then %s", checksum, got)
	}
	return s.adopt(tmp, checksum, source)
}

// sumFile returns the SHA-256 of a file of at most limit bytes.
func sumFile(ctx context.Context, path string, limit int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, contextReader{ctx, fetch.Bounded(f, limit)}); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
