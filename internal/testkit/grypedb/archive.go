package grypedb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	db "github.com/anchore/grype/grype/db/v6"
	"github.com/klauspost/compress/zstd"
)

// Archive packs the database file at dbPath into a new archive at path, compressed as
// the name says: .tar.zst or .tar.gz. It returns the archive's checksum as listings
// write it ("sha256:…").
func Archive(dbPath, path string) (checksum string, err error) {
	data, err := os.ReadFile(dbPath)
	if err != nil {
		return "", err
	}
	packed, err := pack(data, path)
	if err != nil {
		return "", fmt.Errorf("pack %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, packed, 0o644); err != nil {
		return "", err
	}
	sum := sha256.Sum256(packed)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

func pack(data []byte, name string) ([]byte, error) {
	var buf bytes.Buffer
	var z io.WriteCloser
	var err error
	switch {
	case strings.HasSuffix(name, ".tar.zst"):
		z, err = zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1))
	case strings.HasSuffix(name, ".tar.gz"):
		z = gzip.NewWriter(&buf)
	default:
		err = fmt.Errorf("neither .tar.zst nor .tar.gz")
	}
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	// No time and no owner: equal databases give equal archives.
	err = t.WriteHeader(&tar.Header{Name: db.VulnerabilityDBFileName, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg})
	if err != nil {
		return nil, err
	}
	if _, err := t.Write(data); err != nil {
		return nil, err
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Listing is the document that tells clients of the newest database.
type Listing struct {
	Status        string `json:"status"`
	SchemaVersion string `json:"schemaVersion"`
	Built         string `json:"built"`
	// Path is relative to the listing.
	Path     string `json:"path"`
	Checksum string `json:"checksum"`
}

// Publish builds a database, packs it and writes it with its listing into dir, laid
// out as on Anchore's server: dir/v6/latest.json and dir/v6/ARCHIVE. Serving dir over
// HTTP gives a database server.
func Publish(dir string, records []Record, built time.Time) (Listing, error) {
	built = built.UTC().Truncate(time.Second)
	tmp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return Listing{}, err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // only scratch: nothing is lost when it stays
	file, err := Build(tmp, records, built)
	if err != nil {
		return Listing{}, err
	}
	root := filepath.Join(dir, "v6")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return Listing{}, err
	}
	l := Listing{
		Status:        "active",
		SchemaVersion: fmt.Sprintf("v%d.%d.%d", db.ModelVersion, db.Revision, db.Addition),
		Built:         built.Format(time.RFC3339),
	}
	l.Path = fmt.Sprintf("vulnerability-db_%s_%d.tar.zst", l.SchemaVersion, built.Unix())
	if l.Checksum, err = Archive(file, filepath.Join(root, l.Path)); err != nil {
		return Listing{}, err
	}
	return l, WriteListing(dir, l)
}

// WriteListing writes dir/v6/latest.json.
func WriteListing(dir string, l Listing) error {
	data, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "v6", "latest.json"), data, 0o644)
}
