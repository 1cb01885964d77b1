package vuln_test

import (
	"fmt"
	"testing"

	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/imagegate/imagegate/internal/testkit/grypedb"
	"github.com/imagegate/imagegate/internal/vuln"
)

// many is an SBOM of n packages, half of them Debian's, and a database in which one of
// ten has a finding.
func many(n int) (*sbom.SBOM, []grypedb.Record) {
	var ps []pkg.Package
	rs := records()
	for i := range n / 2 {
		name := fmt.Sprintf("lib%d", i)
		ps = append(ps, deb(name, "1.0-1", fmt.Sprintf("src%d", i), ""), npm(name, "1.0.0", "/app/"+name))
		if i%10 == 0 {
			rs = append(rs,
				grypedb.Record{ID: fmt.Sprintf("CVE-2026-%d", 10000+i), Distro: "debian 12", Package: fmt.Sprintf("src%d", i), Constraint: "< 2"},
				grypedb.Record{ID: fmt.Sprintf("GHSA-%04d-aaaa-bbbb", i), Aliases: []string{fmt.Sprintf("CVE-2026-%d", 50000+i)}, Ecosystem: "npm", Package: name, Constraint: "< 2"})
		}
	}
	return document(debian12, ps...), rs
}

func BenchmarkMatch(b *testing.B) {
	s, rs := many(3000)
	db := openDB(b, rs)
	for b.Loop() {
		m, err := db.Match(b.Context(), s, vuln.MatchOptions{})
		if err != nil || len(m.Vulnerabilities) != 300 {
			b.Fatal(len(m.Vulnerabilities), err)
		}
	}
}

// BenchmarkOpen imports the real database when it is there, a built one when not.
func BenchmarkOpen(b *testing.B) {
	path, _ := archive(b, "grype.tar.zst", built)
	for _, bb := range []struct {
		name string
		path func(b *testing.B) string
	}{
		{"built", func(*testing.B) string { return path }},
		{"real", func(b *testing.B) string { return sharedFile(b, "grype-db/real-grype-db-v6.tar.zst") }},
	} {
		b.Run("import_"+bb.name, func(b *testing.B) {
			p := bb.path(b)
			for b.Loop() {
				db, err := vuln.Open(b.Context(), vuln.DBOptions{CacheDir: b.TempDir(), DB: p, Now: now, MaxAge: -1})
				if err != nil {
					b.Fatal(err)
				}
				_ = db.Close()
			}
		})
		b.Run("reuse_"+bb.name, func(b *testing.B) {
			opt := vuln.DBOptions{CacheDir: b.TempDir(), DB: bb.path(b), Now: now, MaxAge: -1}
			for b.Loop() {
				db, err := vuln.Open(b.Context(), opt)
				if err != nil {
					b.Fatal(err)
				}
				_ = db.Close()
			}
		})
	}
}
