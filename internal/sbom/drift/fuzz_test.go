package drift_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom/drift"
)

// FuzzAttested reads hostile predicates. Whatever is read does not differ from itself,
// differs from nothing by as much as it has, and is compared alike each time; whatever
// is not, is an error that a person can act on.
func FuzzAttested(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no documents in testdata: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, false)
		f.Add(data, true)
	}
	list := urls(f, "pkg:npm/%40a/b@1.0.0", "pkg:deb/debian/zlib1g@1:1.2?arch=amd64&upstream=zlib%401:1.2", "pkg:golang/x/y@v1#z", "pkg:pypi/A.b@1")
	f.Add(spdx(append(list, entry{"", "name", "1"}, entry{"pkg:", "", "1"})), true)
	f.Add(cycloneDX("1.5", list), false)
	f.Add([]byte(`{"Data":"{}"}`), true)
	empty := attested(f, []byte(`{"spdxVersion":"SPDX-2.3"}`), typeSPDX)
	f.Fuzz(func(t *testing.T, data []byte, isSPDX bool) {
		predicateType := typeCycloneDX
		if isSPDX {
			predicateType = typeSPDX
		}
		s, err := drift.Attested(data, predicateType)
		if err != nil {
			var fe *fault.Error
			if !errors.As(err, &fe) || fe.Code != fault.Unavailable || fe.Hint == "" || s != nil {
				t.Fatalf("Attested = %v, %v: not a fault alone", s, err)
			}
			return
		}
		if r := drift.Compare(s, empty, drift.Options{}); len(r.Items) != r.Attested {
			t.Fatalf("%d attested, and %d differ from nothing", r.Attested, len(r.Items))
		}
		r := drift.Compare(empty, s, drift.Options{})
		if len(r.Items) != r.Found || r.Found > s.Packages() {
			t.Fatalf("%d found of %d, and %d differ from nothing", r.Found, s.Packages(), len(r.Items))
		}
		// What is set aside on the vendor's side alone may be found.
		self := drift.Compare(s, s, drift.Options{})
		if slices.ContainsFunc(self.Items, func(d report.Drift) bool { return d.Kind != report.DriftFoundOnly }) || len(self.Items) > self.Found-self.Attested {
			t.Fatalf("it differs from itself: %+v", self.Items)
		}
		if diff := cmp.Diff(self, drift.Compare(s, s, drift.Options{})); diff != "" {
			t.Fatalf("two comparisons differ:\n%s", diff)
		}
	})
}
