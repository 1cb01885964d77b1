package cli_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// TestSignedBillHidesNothing: a signed bill that leaves packages of the image out takes
// neither their findings away nor that nothing could judge them.
func TestSignedBillHidesNothing(t *testing.T) {
	keeper := testkit.File{Path: "opt/docker/sbom/k/spdx.k.json",
		Content: spdxPackage("clickhouse-keeper", "23.7.6+110", "pkg:dhi/clickhouse-keeper@23.7.6%2B110")}
	musl := testkit.File{Path: "lib/apk/db/installed",
		Content: []byte("C:Q1aaaa\nP:musl\nV:1.2.3-r0\nA:x86_64\nS:1\nI:1\nT:x\nU:x\nL:MIT\no:musl\n\n")}
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }))
	defer refusing.Close()
	for _, tt := range []struct {
		name     string
		file     testkit.File
		vendor   string // the version that has the fix, by the vendor's repository
		flags    []string
		code     fault.Code
		verdict  report.Result
		findings int // of clickhouse-keeper
		unjudged int
		sources  int // of advisories
	}{
		{"nothing", testkit.File{Path: "etc/x"}, "24.0.0", nil, fault.OK, report.Pass, 0, 0, 0},
		{"component_with_an_advisory", keeper, "24.0.0", nil, fault.Policy, report.Fail, 1, 0, 1},
		{"component_that_is_fixed", keeper, "23.7.6", nil, fault.OK, report.Pass, 0, 0, 1},
		{"component_that_nothing_judges", keeper, "24.0.0", []string{"--advisories", "none"}, fault.OK, report.Warn, 0, 1, 0},
		{"component_whose_advisories_cannot_be_read", keeper, "", nil, fault.OK, report.Warn, 0, 1, 0},
		{"packages_of_another_system", musl, "24.0.0", nil, fault.Unavailable, report.Error, 0, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, source := range []string{"extracted", "attested"} {
				w := newWorld(t, testkit.RegistryOptions{})
				img := w.image()
				img.Platforms = img.Platforms[:1]
				img.Platforms[0].Layers[0].Files = append(img.Platforms[0].Layers[0].Files, tt.file)
				ref, _ := w.push(img)
				if w.advisories = refusing.URL; tt.vendor != "" {
					w.serveVendor(w.vendor(built, tt.vendor))
				}
				code, r, text := w.verify(ref, append([]string{"--require", "none", "--sbom-source", source}, tt.flags...)...)
				must(t, code, r, text, tt.code, tt.verdict)
				found, told := 0, map[report.Observation]int{}
				for _, v := range r.Vulnerabilities {
					if v.Package.Name == "clickhouse-keeper" {
						found++
					}
				}
				if found != tt.findings || r.SBOM.Unjudged != tt.unjudged || len(r.Advisories) != tt.sources {
					t.Errorf("%s: %d findings, %d not judged, %d sources of advisories; want %d, %d, %d", source,
						found, r.SBOM.Unjudged, len(r.Advisories), tt.findings, tt.unjudged, tt.sources)
				}
				for _, o := range r.Observations {
					if told[o]++; told[o] == 2 {
						t.Errorf("%s: told twice: %+v", source, o)
					}
				}
			}
		})
	}
}
