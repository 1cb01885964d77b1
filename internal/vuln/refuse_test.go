package vuln_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/vuln"
)

func tarGz(tb testing.TB, entries ...tar.Header) []byte {
	tb.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, h := range entries {
		if err := w.WriteHeader(&h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func TestOpenRefuses(t *testing.T) {
	good, _ := archive(t, "grype.tar.zst", built)
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(good), "vulnerability.db"))
	if err != nil {
		t.Fatal(err)
	}
	reg := func(name string, size int64) tar.Header {
		return tar.Header{Name: name, Size: size, Mode: 0o600, Typeflag: tar.TypeReg}
	}
	many := make([]tar.Header, 200)
	for i := range many {
		many[i] = reg("x", 0)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "neither"},
		{"something_else", []byte("PK\x03\x04 a zip file"), "neither"},
		{"bit_of_the_checksum_flipped", append(bytes.Clone(data[:len(data)-1]), data[len(data)-1]^1), "CRC"},
		{"truncated_archive", data[:len(data)/2], "unexpected EOF"},
		{"damaged_archive", append(bytes.Clone(data[:len(data)/2]), make([]byte, len(data)/2)...), "read archive"},
		{"archive_without_database", tarGz(t, reg("readme", 10)), "holds no vulnerability.db"},
		{"link_in_place_of_database", tarGz(t, tar.Header{Name: "vulnerability.db", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}), "holds no vulnerability.db"},
		{"path_out_of_the_archive", tarGz(t, reg("../vulnerability.db", 10)), "holds no vulnerability.db"},
		{"two_databases", tarGz(t, reg("vulnerability.db", 10), reg("./vulnerability.db", 10)), "twice"},
		{"too_many_files", tarGz(t, many...), "more than 100 files"},
		{"bomb", tarGz(t, reg("vulnerability.db", 40<<20)), "too large: more than 16777216 bytes"},
		{"bomb_beside_the_database", tarGz(t, reg("x", 40<<20), reg("vulnerability.db", 10)), "too large"},
		{"database_that_is_none", tarGz(t, reg("vulnerability.db", 4096)), "no SQLite database"},
		{"truncated_database", raw[:len(raw)/2], "index database"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "given")
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			cache := t.TempDir()
			_, err := vuln.Open(t.Context(), vuln.DBOptions{CacheDir: cache, DB: path, Now: now, MaxUnpacked: 16 << 20})
			wantFault(t, err, fault.Unavailable, tt.want)
			if left := files(t, cache); len(left) != 0 {
				t.Errorf("left in the cache: %v", left)
			}
		})
	}
}

func TestOpenRefusesOtherSchemas(t *testing.T) {
	for _, tt := range []struct{ name, statement, want string }{
		{"other_model", `UPDATE db_metadata SET model = 7`, "not a v6 database"},
		{"no_metadata", `DELETE FROM db_metadata`, "not a v6 database"},
		{"foreign_tables", `DROP TABLE db_metadata`, "not a v6 database"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, _ := archive(t, "vulnerability.db", built)
			s, err := sql.Open("sqlite", path) // the driver that Grype registers
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Exec(tt.statement); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = vuln.Open(t.Context(), vuln.DBOptions{CacheDir: t.TempDir(), DB: path, Now: now})
			wantFault(t, err, fault.Unavailable, tt.want)
		})
	}
}

func TestOpenJudgesAge(t *testing.T) {
	path, _ := archive(t, "grype.tar.zst", now.Add(-10*24*time.Hour))
	cache := t.TempDir()
	for _, tt := range []struct {
		name   string
		maxAge time.Duration
		now    time.Time
		code   fault.Code // OK when it opens
		want   string     // in the error or the reason
	}{
		{"default_is_five_days", 0, now, fault.Unavailable, "built 10 days ago, on 2026-11-13; at most 5 days"},
		{"young_enough", 11 * 24 * time.Hour, now, fault.OK, ""},
		{"any_age", -1, now.AddDate(1, 0, 0), fault.OK, ""},
		{"any_age_without_a_clock", -1, time.Time{}, fault.OK, ""},
		{"no_clock", 0, time.Time{}, fault.Internal, "no clock"},
		{"future", 0, now.AddDate(0, -1, 0), fault.OK, "the clock here may be wrong"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := vuln.Open(t.Context(), vuln.DBOptions{CacheDir: cache, DB: path, MaxAge: tt.maxAge, Now: tt.now})
			if tt.code != fault.OK {
				wantFault(t, err, tt.code, tt.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if got := db.Status().Reason; !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("reason %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOpenRefusesOptions(t *testing.T) {
	for _, tt := range []struct {
		name string
		opt  vuln.DBOptions
		code fault.Code
		want string
	}{
		{"no_such_file", vuln.DBOptions{DB: "/no/such/file.tar.zst"}, fault.Usage, "no such file"},
		{"ftp", vuln.DBOptions{DB: "ftp://example.org/db.tar.zst"}, fault.Usage, "not the URL of a database"},
		{"http_without_checksum", vuln.DBOptions{DB: "http://user:secret@example.org/db.tar.zst?token=secret"}, fault.Usage, "nothing protects"},
		{"bad_checksum", vuln.DBOptions{DB: "https://example.org/db.tar.zst?checksum=md5:0"}, fault.Usage, "checksum"},
		{"http_listing", vuln.DBOptions{ListingURL: "http://example.org/databases"}, fault.Usage, "nothing protects"},
		{"path_that_is_no_uri", vuln.DBOptions{CacheDir: "/tmp/what?", DB: "x"}, fault.Usage, "SQLite cannot open"},
		{"cache_is_a_file", vuln.DBOptions{CacheDir: "/dev/null", DB: "x"}, fault.Internal, "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.opt.CacheDir == "" {
				tt.opt.CacheDir = t.TempDir()
			}
			tt.opt.Now = now
			_, err := vuln.Open(t.Context(), tt.opt)
			wantFault(t, err, tt.code, tt.want)
			if strings.Contains(err.Error()+fault.HintOf(err), "secret") {
				t.Errorf("error %q tells the secret", err)
			}
		})
	}
}
