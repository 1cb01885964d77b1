package sbom_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
)

// member is a file of an archive.
type member struct {
	name, content string
	stored        bool
}

func manifest(name string) member {
	return member{name: "META-INF/MANIFEST.MF", content: "Manifest-Version: 1.0\nImplementation-Title: " + name + "\nImplementation-Version: 1.0\n"}
}

func jar(t testing.TB, members ...member) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if m.stored {
			h.Method = zip.Store
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// deep is an archive in an archive, n times.
func deep(t testing.TB, n int) string {
	in := jar(t, manifest("deep"))
	for range n {
		in = jar(t, member{name: "in.jar", content: in})
	}
	return in
}

func TestArchives(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	small := jar(t, manifest("small"))
	for _, tt := range []struct {
		name string
		opt  sbom.Options
		jar  string
		want string // the beginning of the observation, "" when there is none
		has  []string
	}{
		{"honest", sbom.Options{}, jar(t, manifest("outer"), member{name: "lib/stored.jar", content: jar(t, manifest("stored")), stored: true},
			member{name: "lib/packed.jar", content: jar(t, manifest("packed"))}, member{name: "lib/empty.jar"}), "", []string{"a", "stored", "packed"}},
		{"as_deep_as_may_be", sbom.Options{}, deep(t, 8), "", []string{"in"}},
		{"too_deep", sbom.Options{}, deep(t, 9), "could-not-look /app/a.jar: java-archive-cataloger: archives in one another: more than 8 levels (limit MaxNesting)", nil},
		{"unpacked", sbom.Options{MaxUnpacked: 1 << 20}, jar(t, manifest("outer"), member{name: "z.jar", content: zeros(2 << 20)}),
			"could-not-look /app/a.jar: java-archive-cataloger: unpacked with all archives in it: more than 1048576 bytes (limit MaxUnpacked)", nil},
		{"unpacked_further_down", sbom.Options{MaxUnpacked: 1 << 20}, jar(t, manifest("outer"), member{name: "in.jar", content: jar(t, member{name: "z.jar", content: zeros(2 << 20)})}),
			"could-not-look /app/a.jar: java-archive-cataloger: unpacked with all archives in it: more than 1048576 bytes (limit MaxUnpacked)", nil},
		{"many", sbom.Options{MaxUnpacked: 1 << 20}, jar(t, slices.Repeat([]member{{name: "z.jar", content: small}}, 20)...),
			"could-not-look /app/a.jar: java-archive-cataloger: unpacked with all archives in it: more than 1048576 bytes (limit MaxUnpacked)", nil},
		{"ratio", sbom.Options{}, jar(t, member{name: "z.jar", content: zeros(257 << 20)}),
			"could-not-look /app/a.jar: java-archive-cataloger: unpacked with all archives in it: more than 250 times its size (limit MaxRatio)", nil},
		{"text", sbom.Options{MaxText: 1 << 10}, jar(t, manifest("outer"), member{name: "META-INF/maven/x/y/pom.xml", content: zeros(2 << 10)}),
			"could-not-look /app/a.jar: java-archive-cataloger: descriptions and licenses in the archive: more than 1024 bytes (limit MaxText)", nil},
		{"directory", sbom.Options{MaxDirectory: 1 << 10}, jar(t, slices.Repeat([]member{{name: strings.Repeat("n", 100)}}, 50)...),
			"could-not-look /app/a.jar: java-archive-cataloger: the list of what is in the archive: more than 1024 bytes (limit MaxDirectory)", nil},
		{"broken_inside", sbom.Options{}, jar(t, manifest("outer"), member{name: "lib/broken.jar", content: small[:len(small)/2]}),
			"could-not-look /app/a.jar: the archive lib/broken.jar in it could not be read: zip: not a valid zip file", []string{"a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := build(t, map[string]string{"etc/os-release": debian12, "var/lib/dpkg/status": dpkgStatus, "app/a.jar": tt.jar, "app/small.jar": small})
			tt.opt.TempDir = t.TempDir()
			s, err := sbom.Extract(t.Context(), img, "x", tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, p := range s.Installed() {
				names = append(names, p.Name)
			}
			for _, want := range append(tt.has, "zlib1g", "small") {
				if !slices.Contains(names, want) {
					t.Errorf("no package %s in %q", want, names)
				}
			}
			unread := slices.DeleteFunc(s.Observations(), func(o report.Observation) bool { return o.Kind == report.Information })
			if tt.want == "" {
				told(t, nil, unread)
			} else {
				told(t, []string{tt.want}, unread)
			}
			if len(s.Incomplete()) != 0 {
				t.Errorf("Incomplete() = %q", s.Incomplete())
			}
			if left, err := os.ReadDir(tt.opt.TempDir); err != nil || len(left) != 0 {
				t.Errorf("temporary files are left: %v %v", left, err)
			}
		})
	}
}
