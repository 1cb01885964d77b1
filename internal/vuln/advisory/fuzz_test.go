package advisory

import (
	"testing"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vercmp"
)

// FuzzRead feeds anything as a file. What is read keeps its promises: a record that was
// counted has an id, and matching says of each package that it was found, that it was
// not, or why that could not be said, without ever giving up.
func FuzzRead(f *testing.F) {
	f.Add(osv("X", "DHI", "jq", events("SEMVER", "introduced=0", "fixed=23.7.6+111"), `["1.0"]`).Data)
	f.Add(osv("X", "Docker Hardened Images:Alpine:3.23", "jq", events("ECOSYSTEM", "introduced=1-r0", "last_affected=2_git1-r1"), "[]").Data)
	f.Add(osv("X", "Docker Hardened Images:Debian:13", "jq", events("ECOSYSTEM", "introduced=0", "limit=*"), `["1:1~a+dhi1"]`).Data)
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\n"))
	packages := []report.Package{
		{Name: "jq", Version: "1.7.1+2", PURL: "pkg:dhi/jq@1.7.1%2B2"},
		{Name: "jq", Version: "1.7-r0", PURL: "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23"},
		{Name: "jq", Version: "1.7-1+dhi1", PURL: "pkg:deb/dhi/jq@1.7-1%2Bdhi1?distro=dhi-13"},
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		feed, err := Read([]Source{{Name: "s", Files: []File{{Name: "f", Data: data}}}}, Options{MaxFile: 1 << 20, MaxTotal: 4 << 20, MaxFiles: 100})
		if err != nil {
			return
		}
		res := feed.Match(packages, nil)
		if res.Packages != len(packages) || res.Undecided > res.Packages || (res.Undecided > 0) != (len(res.Problems) > 0) {
			t.Errorf("result %+v", res)
		}
		for _, v := range res.Vulnerabilities {
			if !plain(v.ID) || v.Match != MatchedBy {
				t.Errorf("finding %+v", v)
			}
		}
	})
}

// FuzzOrder holds the comparisons to what an order is.
func FuzzOrder(f *testing.F) {
	for _, v := range [][2]string{{"23.7.6+110", "23.7.6+111"}, {"9.7-3", "9.7-3+dhi1"}, {"1.2_rc1-r0", "1.2-r0"}, {"1:0~a", "0"}, {"v1", "1.0.0-alpha.1"}} {
		f.Add(v[0], v[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for name, compare := range map[string]order{"semantic": semantic, "apk": vercmp.Apk, "deb": vercmp.Deb} {
			there, err := compare(a, b)
			back, backErr := compare(b, a)
			if (err == nil) != (backErr == nil) {
				t.Errorf("%s: %q with %q: %v, %v", name, a, b, err, backErr)
			}
			if err == nil && sign(there) != -sign(back) {
				t.Errorf("%s: %q with %q is %d, and back %d", name, a, b, there, back)
			}
			if same, err := compare(a, a); err == nil && same != 0 {
				t.Errorf("%s: %q is not itself", name, a)
			}
		}
	})
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	default:
		return 0
	}
}
