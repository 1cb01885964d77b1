package vuln_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image/oci"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vuln"
)

const shared = "../../../shared/data"

// sharedFile skips the test when real data is not there.
func sharedFile(tb testing.TB, name string) string {
	tb.Helper()
	p := filepath.Join(shared, name)
	if _, err := os.Stat(p); err != nil {
		tb.Skipf("no real data: %v", err)
	}
	return p
}

func catalog(tb testing.TB, layout string) *sbom.SBOM {
	tb.Helper()
	tmp := file.NewTempDirGenerator("vuln-test")
	tb.Cleanup(func() { _ = tmp.Cleanup() })
	img, err := oci.NewDirectoryProvider(tmp, layout).Provide(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if err := img.Read(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	src := stereoscopesource.New(img, stereoscopesource.ImageConfig{Reference: "test", Alias: source.Alias{}})
	s, err := syft.CreateSBOM(tb.Context(), src, syft.DefaultCreateSBOMConfig())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestRealImages(t *testing.T) {
	archive := sharedFile(t, "grype-db/real-grype-db-v6.tar.zst")
	cache := t.TempDir()
	db, err := vuln.Open(t.Context(), vuln.DBOptions{CacheDir: cache, DB: archive, MaxAge: -1, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, tt := range []struct {
		layout  string
		want    int
		state   report.State
		problem string
	}{
		{"debian-12-slim", 20, report.Done, ""},
		{"debian-13-slim", 17, report.Done, ""},
		{"alpine-3.18.9", 8, report.Done, ""},
		{"alpine-3.20.3", 0, report.Failed, "no records for alpine 3.20.3"},
		{"busybox-1.38.0-musl", 0, report.Failed, "no records for packages of type binary"},
	} {
		t.Run(tt.layout, func(t *testing.T) {
			m, err := db.Match(t.Context(), catalog(t, sharedFile(t, "images/"+tt.layout)), vuln.MatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s %q\nobservations %+v\npackages %d unmatched %d excluded %d ignored %d", m.State, m.Reason, m.Observations, m.Packages, m.Unmatched, m.Excluded, m.Ignored)
			if len(m.Vulnerabilities) != tt.want {
				t.Errorf("%d findings, want %d", len(m.Vulnerabilities), tt.want)
			}
			if m.State != tt.state {
				t.Errorf("state %s (%s), want %s", m.State, m.Reason, tt.state)
			}
			if got := strings.Join(told(m, report.Unread), "\n"); !strings.Contains(got, tt.problem) || tt.problem == "" && got != "" {
				t.Errorf("problems %q, want %q", got, tt.problem)
			}
			for _, v := range m.Vulnerabilities {
				if v.Package.PURL == "" || v.Severity == "" || len(v.Package.Locations) == 0 || v.Namespace == "" || v.Match == "" {
					t.Errorf("incomplete finding %+v", v)
				}
			}
		})
	}
}
