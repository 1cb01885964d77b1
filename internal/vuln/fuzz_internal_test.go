package vuln

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// FuzzUnpack gives hostile archives to the importer: nothing but vulnerability.db of
// bounded size may come out, and the checksum is that of all bytes.
func FuzzUnpack(f *testing.F) {
	dir := f.TempDir()
	seed := filepath.Join(dir, "seed.db")
	if err := os.WriteFile(seed, []byte("SQLite format 3\x00 and so on"), 0o600); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"a.tar.gz", "a.tar.zst"} {
		p := filepath.Join(dir, name)
		if _, err := grypedb.Archive(seed, p); err != nil {
			f.Fatal(err)
		}
		data, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("SQLite format 3\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 16
		to := t.TempDir()
		sum, err := unpack(context.Background(), bytes.NewReader(data), to, limit)
		entries, dirErr := os.ReadDir(to)
		if dirErr != nil {
			t.Fatal(dirErr)
		}
		for _, e := range entries {
			info, infoErr := e.Info()
			if infoErr != nil {
				t.Fatal(infoErr)
			}
			if e.Name() != "vulnerability.db" || !info.Mode().IsRegular() || info.Size() > limit {
				t.Errorf("unpacked %s, %s, %d bytes", e.Name(), info.Mode(), info.Size())
			}
		}
		if err != nil {
			return
		}
		want := sha256.Sum256(data)
		if sum != "sha256:"+hex.EncodeToString(want[:]) {
			t.Errorf("checksum %s is not that of the input", sum)
		}
		if len(entries) != 1 {
			t.Errorf("no error, and unpacked %d files", len(entries))
		}
	})
}

// FuzzListing gives hostile listings to the updater: what is accepted has a usable
// checksum and names a file beside the listing.
func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"status":"active","schemaVersion":"v6.1.10","built":"2026-11-23T00:00:00Z","path":"a.tar.zst","checksum":"sha256:` + strings.Repeat("0", 64) + `"}`))
	f.Add([]byte(`{"schemaVersion":"v6.0.0","built":"x","path":"..","checksum":""}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parseListing(bytes.NewReader(data))
		if err != nil {
			return
		}
		if !isChecksum(doc.Checksum) || doc.SchemaVersion.Model != 6 {
			t.Errorf("accepted %+v", doc)
		}
		if strings.ContainsRune(doc.Path, '/') || path.Join("/v6", doc.Path) == "/" || doc.Path == "" {
			t.Errorf("accepted path %q", doc.Path)
		}
	})
}
