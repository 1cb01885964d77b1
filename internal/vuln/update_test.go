package vuln_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
	"github.com/imagegate/imagegate/internal/vuln"
)

// mirror serves a published database and can be made to fail.
type mirror struct {
	*httptest.Server
	dir string

	mu sync.Mutex
	// answer replaces the file server when it returns true.
	answer   func(w http.ResponseWriter, r *http.Request) bool
	requests []string
}

func newMirror(tb testing.TB) *mirror {
	tb.Helper()
	m := &mirror{dir: tb.TempDir()}
	static := http.FileServer(http.Dir(m.dir))
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.requests = append(m.requests, r.URL.RequestURI())
		answer := m.answer
		m.mu.Unlock()
		if answer != nil && answer(w, r) {
			return
		}
		static.ServeHTTP(w, r)
	}))
	tb.Cleanup(m.Close)
	return m
}

func (m *mirror) publish(tb testing.TB, built time.Time) grypedb.Listing {
	tb.Helper()
	l, err := grypedb.Publish(m.dir, records(), built)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func (m *mirror) fail(answer func(w http.ResponseWriter, r *http.Request) bool) {
	m.mu.Lock()
	m.answer = answer
	m.mu.Unlock()
}

// asked returns the requests since the last call.
func (m *mirror) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.requests
	m.requests = nil
	return out
}

func (m *mirror) options(cache string) vuln.DBOptions {
	return vuln.DBOptions{CacheDir: cache, ListingURL: m.URL, Now: now, RetryWait: time.Millisecond}
}

func status(code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		return true
	}
}

func mustOpen(tb testing.TB, opt vuln.DBOptions) *vuln.DB {
	tb.Helper()
	db, err := vuln.Open(tb.Context(), opt)
	if err != nil {
		tb.Fatal(err)
	}
	if err := db.Close(); err != nil { // its status outlives it
		tb.Fatal(err)
	}
	return db
}

func TestUpdate(t *testing.T) {
	m := newMirror(t)
	first := m.publish(t, built.Add(-time.Hour))
	opt := m.options(t.TempDir())

	s := mustOpen(t, opt).Status()
	if s.Checksum != first.Checksum || s.Reason != "" || s.Source != m.URL+"/v6/"+first.Path {
		t.Errorf("first run: %+v", s)
	}
	if got := m.asked(); len(got) != 2 {
		t.Errorf("first run asked for %v", got)
	}

	second := m.publish(t, built)
	opt.Now = now.Add(time.Hour) // too early to ask again
	if s := mustOpen(t, opt).Status(); s.Checksum != first.Checksum {
		t.Errorf("an hour later: %+v", s)
	}
	if got := m.asked(); len(got) != 0 {
		t.Errorf("an hour later it asked for %v", got)
	}

	opt.Now = now.Add(3 * time.Hour)
	if s := mustOpen(t, opt).Status(); s.Checksum != second.Checksum || !s.Built.Equal(built) || s.Reason != "" {
		t.Errorf("three hours later: %+v", s)
	}
	m.asked()

	opt.Now = now.Add(6 * time.Hour)
	mustOpen(t, opt)
	if got := m.asked(); len(got) != 1 || got[0] != "/v6/latest.json" {
		t.Errorf("with nothing new it asked for %v", got)
	}

	// A listing that goes back is not followed.
	if err := grypedb.WriteListing(m.dir, first); err != nil {
		t.Fatal(err)
	}
	opt.Now = now.Add(9 * time.Hour)
	if s := mustOpen(t, opt).Status(); s.Checksum != second.Checksum {
		t.Errorf("it went back to %+v", s)
	}

	opt.NoUpdate, opt.UpdateInterval = true, -1
	m.asked()
	mustOpen(t, opt)
	if got := m.asked(); len(got) != 0 {
		t.Errorf("without updates it asked for %v", got)
	}
}

// Every way in which an update can fail: without a database in the cache it is an
// error, with one the last good database is used and the status says why.
func TestUpdateFails(t *testing.T) {
	m := newMirror(t)
	m.publish(t, built)
	good := t.TempDir()
	want := mustOpen(t, m.options(good)).Status().Checksum

	m.publish(t, built.Add(time.Hour)) // something new to download

	archives := func(serve func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, ".json") {
				return false
			}
			serve(w)
			return true
		}
	}
	listing := func(text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(text))
			return true
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		{"outage", status(http.StatusServiceUnavailable), "503 Service Unavailable"},
		{"gone", status(http.StatusNotFound), "404 Not Found"},
		{"broken_connection", func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, "EOF"},
		{"archive_gone", archives(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }), "404"},
		{"archive_changed", archives(func(w http.ResponseWriter) { _, _ = w.Write([]byte("something else")) }), "its checksum is sha256:"},
		{"archive_too_large", archives(func(w http.ResponseWriter) { w.Header().Set("Content-Length", "9999999999") }), "too large"},
		{"archive_without_end", archives(func(w http.ResponseWriter) {
			for range 4096 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}), "too large"},
		{"listing_is_no_json", listing("<html>captive portal</html>"), "latest.json"},
		{"listing_is_empty", listing("{}"), "empty"},
		{"listing_of_other_schema", listing(`{"schemaVersion":"v7.0.0","built":"2026-11-23T00:00:00Z","path":"a.tar.zst","checksum":"sha256:0"}`), "schema v7.0.0"},
		{"listing_without_checksum", listing(`{"schemaVersion":"v6.0.0","built":"2026-11-23T00:00:00Z","path":"a.tar.zst"}`), "checksum"},
		{"listing_with_weak_checksum", listing(`{"schemaVersion":"v6.0.0","built":"2026-11-23T00:00:00Z","path":"a.tar.zst","checksum":"md5:00"}`), "checksum"},
		{"listing_points_away", listing(`{"schemaVersion":"v6.0.0","built":"2026-11-23T00:00:00Z","path":"../../a","checksum":"sha256:` + strings.Repeat("0", 64) + `"}`), "not the name of a file"},
		{"listing_too_large", listing(strings.Repeat(" ", 2<<20)), "too large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m.fail(tt.answer)
			defer m.fail(nil)
			opt := m.options(t.TempDir())
			opt.MaxArchive = 1 << 20
			_, err := vuln.Open(t.Context(), opt)
			wantFault(t, err, fault.Unavailable, tt.want)
			if left := files(t, opt.CacheDir); len(left) != 0 {
				t.Errorf("left in the cache: %v", left)
			}

			opt.CacheDir = good
			opt.UpdateInterval = -1
			s := mustOpen(t, opt).Status()
			if s.Checksum != want || !strings.Contains(s.Reason, tt.want) || !strings.Contains(s.Reason, "the last good database is used") {
				t.Errorf("with a cache: %+v", s)
			}
		})
	}
}

func TestUpdateFallsBackOnlyToYoungDatabases(t *testing.T) {
	m := newMirror(t)
	m.publish(t, built)
	opt := m.options(t.TempDir())
	mustOpen(t, opt)
	m.fail(status(http.StatusServiceUnavailable))
	opt.Now = now.AddDate(0, 0, 7)
	_, err := vuln.Open(t.Context(), opt)
	wantFault(t, err, fault.Unavailable, "built 8 days ago")
	if !strings.Contains(err.Error(), "503") {
		t.Errorf("error %q does not say that the update failed", err)
	}
	opt.MaxAge = 30 * 24 * time.Hour
	if s := mustOpen(t, opt).Status(); !strings.Contains(s.Reason, "503") {
		t.Errorf("status %+v", s)
	}
}

func TestUpdateRetries(t *testing.T) {
	m := newMirror(t)
	l := m.publish(t, built)
	left := 2
	m.fail(func(w http.ResponseWriter, _ *http.Request) bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		if left--; left < 0 {
			return false
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	if s := mustOpen(t, m.options(t.TempDir())).Status(); s.Checksum != l.Checksum || s.Reason != "" {
		t.Errorf("status %+v", s)
	}
}

// A server that falls silent, over the listing and in the middle of the archive, is asked
// again.
func TestUpdateRetriesWhatStalls(t *testing.T) {
	m := newMirror(t)
	m.publish(t, built)
	stalled := map[string]bool{}
	m.fail(func(w http.ResponseWriter, r *http.Request) bool {
		m.mu.Lock()
		again := stalled[r.URL.Path]
		stalled[r.URL.Path] = true
		m.mu.Unlock()
		if again {
			return false
		}
		if strings.HasSuffix(r.URL.Path, ".tar.zst") {
			w.Header().Set("Content-Length", "4000")
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		return true
	})
	opt := m.options(t.TempDir())
	opt.IdleTimeout = 50 * time.Millisecond
	mustOpen(t, opt)
	if got := m.asked(); len(got) != 4 {
		t.Errorf("asked for %q, want listing and archive twice", got)
	}
}

func TestUpdateReplacesADamagedDatabase(t *testing.T) {
	m := newMirror(t)
	l := m.publish(t, built)
	opt := m.options(t.TempDir())
	mustOpen(t, opt)
	flip(t, filepath.Join(opt.CacheDir, "grype-v6", strings.TrimPrefix(l.Checksum, "sha256:"), "vulnerability.db"))
	if s := mustOpen(t, opt).Status(); s.Checksum != l.Checksum || s.Reason != "" {
		t.Errorf("status %+v", s)
	}
	// With an outage on top there is nothing to fall back to.
	flip(t, filepath.Join(opt.CacheDir, "grype-v6", strings.TrimPrefix(l.Checksum, "sha256:"), "vulnerability.db"))
	m.fail(status(http.StatusServiceUnavailable))
	_, err := vuln.Open(t.Context(), opt)
	wantFault(t, err, fault.Unavailable, "503")
}

func TestUpdateTellsOfTheEndOfTheSchema(t *testing.T) {
	m := newMirror(t)
	l := m.publish(t, built)
	l.Status = "eol"
	if err := grypedb.WriteListing(m.dir, l); err != nil {
		t.Fatal(err)
	}
	if s := mustOpen(t, m.options(t.TempDir())).Status(); !strings.Contains(s.Reason, "no more databases of this schema") {
		t.Errorf("status %+v", s)
	}
}

func TestNoUpdateWithoutADatabase(t *testing.T) {
	m := newMirror(t)
	opt := m.options(t.TempDir())
	opt.NoUpdate = true
	_, err := vuln.Open(t.Context(), opt)
	wantFault(t, err, fault.Unavailable, "the cache holds no database")
	opt.DB = m.URL + "/v6/x.tar.zst"
	_, err = vuln.Open(t.Context(), opt)
	wantFault(t, err, fault.Unavailable, "the cache does not hold")
	if got := m.asked(); len(got) != 0 {
		t.Errorf("it asked for %v", got)
	}
}

func TestOpenFromURL(t *testing.T) {
	m := newMirror(t)
	l := m.publish(t, built)
	plain := m.URL + "/v6/" + l.Path + "?token=abc"

	t.Run("with_checksum", func(t *testing.T) {
		opt := m.options(t.TempDir())
		opt.DB = plain + "&checksum=" + l.Checksum
		s := mustOpen(t, opt).Status()
		if s.Checksum != l.Checksum || s.Source != m.URL+"/v6/"+l.Path {
			t.Errorf("status %+v", s)
		}
		if got := m.asked(); len(got) != 1 || got[0] != "/v6/"+l.Path+"?token=abc" {
			t.Errorf("asked for %v", got)
		}
		m.fail(status(http.StatusServiceUnavailable))
		defer m.fail(nil)
		mustOpen(t, opt) // known already: nobody is asked
		if got := m.asked(); len(got) != 0 {
			t.Errorf("the second run asked for %v", got)
		}
	})
	t.Run("with_another_checksum", func(t *testing.T) {
		opt := m.options(t.TempDir())
		opt.DB = plain + "&checksum=sha256:" + strings.Repeat("1", 64)
		_, err := vuln.Open(t.Context(), opt)
		wantFault(t, err, fault.Unavailable, "want sha256:1111")
		if left := files(t, opt.CacheDir); len(left) != 0 {
			t.Errorf("left in the cache: %v", left)
		}
	})
	t.Run("without_checksum", func(t *testing.T) {
		etag := func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("ETag", `"one"`) // the file server compares it
			return false
		}
		m.fail(etag)
		defer m.fail(nil)
		opt := m.options(t.TempDir())
		opt.DB = plain
		first := mustOpen(t, opt).Status()
		m.asked()
		if s := mustOpen(t, opt).Status(); s.Checksum != first.Checksum {
			t.Errorf("second run: %+v", s)
		}
		if got := m.asked(); len(got) != 1 {
			t.Errorf("second run asked for %v", got)
		}
		m.fail(status(http.StatusServiceUnavailable))
		if s := mustOpen(t, opt).Status(); s.Checksum != l.Checksum || !strings.Contains(s.Reason, "503") {
			t.Errorf("in an outage: %+v", s)
		}
	})
}

// What an update leaves in the cache is one database and one pointer to it.
func TestUpdateCacheContents(t *testing.T) {
	m := newMirror(t)
	m.publish(t, built)
	opt := m.options(t.TempDir())
	mustOpen(t, opt)
	entries, err := os.ReadDir(filepath.Join(opt.CacheDir, "grype-v6"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || len(entries[0].Name()) != 64 || !strings.HasPrefix(entries[1].Name(), "source-") {
		t.Errorf("in the cache: %v", entries)
	}
}
