package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// keeperAt is where the vendor's repository has the record about its component, keeperID
// what it is called.
const keeperAt, keeperID = "osv/clickhouse-keeper/GHSA-8j36-9622-f5cj.json", "GHSA-8j36-9622-f5cj"

// keeperRecord says that clickhouse-keeper is affected in all versions before this one.
func keeperRecord(fixed string) []byte {
	return []byte(`{"schema_version":"1.5.0","id":"` + keeperID + `","modified":"2026-01-01T00:00:00Z","affected":[
		{"package":{"ecosystem":"DHI","name":"clickhouse-keeper"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"` + fixed + `"}]}],"database_specific":{"severity":"HIGH"}}]}`)
}

// componentWorld gates a bill of materials with a component of Docker's, 23.7.6+110, beside a
// package of Debian that has no finding.
func componentWorld(t *testing.T) *world {
	t.Helper()
	w := newDocumentWorld(t)
	var err error
	if w.key, err = testkit.SeededKey("the key of the test"); err != nil {
		t.Fatal(err)
	}
	w.write("key.pem", w.key.PublicPEM())
	w.write("bill.json", componentBill(true))
	return w
}

// componentBill lists a package of Debian's and, when asked, a component of Docker's.
func componentBill(component bool) []byte {
	packages := [][3]string{{"zlib1g", "1:1.2.13.dfsg-1", "pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib"}}
	if component {
		packages = append(packages, [3]string{"clickhouse-keeper", "23.7.6+110", "pkg:dhi/clickhouse-keeper@23.7.6%2B110"})
	}
	return billOf(map[string]string{"ID": "debian", "VERSION_ID": "12"}, packages...)
}

// vendor is the vendor's repository with the record about its component and another one,
// both signed.
func (w *world) vendor(made time.Time, fixed string) testkit.Git {
	w.t.Helper()
	record := keeperRecord(fixed)
	other := osvRecord("CVE-2026-4-other", "DHI", "other", []string{"1.0"})
	const otherAt = "osv/other/CVE-2026-4.json"
	return testkit.Git{Made: made, Files: map[string][]byte{
		keeperAt: record, keeperAt + ".sig": sigstoreBundle(w.t, w.key, record),
		otherAt: other, otherAt + ".sig": sigstoreBundle(w.t, w.key, other), "vex/other/dhi-other.vex.json": []byte("{}"),
	}}
}

// gateBill gates bill.json with the key of the test.
func (w *world) gateBill(more ...string) (fault.Code, *report.Report, string) {
	w.t.Helper()
	_ = os.RemoveAll(w.path("report"))
	args := append([]string{"verify", "sbom:" + w.path("bill.json"), "--key", w.path("key.pem"), "--require", "none", "--report-dir", w.path("report")}, w.dbFlags...)
	code, stdout, stderr := w.run(append(args, more...)...)
	return code, w.report(), stdout + stderr
}

// TestAdvisoriesAreWhatTheCommitHolds: of a checkout the commit decides, whatever became of
// its files, and it may not be older than asked for. What cannot be read is no pass.
func TestAdvisoriesAreWhatTheCommitHolds(t *testing.T) {
	day := 24 * time.Hour
	in := func(root, name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	for _, tt := range []struct {
		name  string
		made  time.Time
		edit  func(root string) error
		flags []string
		code  fault.Code
		want  report.Result
		says  string
	}{
		{"as_cloned", built, nil, nil, fault.Policy, report.Fail, "2 of 2 advisory records"},
		{"record_deleted", built, func(root string) error { return os.RemoveAll(in(root, "osv/clickhouse-keeper")) }, nil, fault.Policy, report.Fail, "2 of 2 advisory records"},
		{"record_edited", built, func(root string) error { return os.WriteFile(in(root, keeperAt), keeperRecord("23.7.6+100"), 0o644) }, nil,
			fault.Policy, report.Fail, "1 file of the work tree"},
		{"record_added", built, func(root string) error { return os.WriteFile(in(root, "osv/added.json"), keeperRecord("2"), 0o644) }, nil,
			fault.Policy, report.Fail, "1 file of the work tree"},
		{"objects_deleted", built, func(root string) error { return os.RemoveAll(in(root, ".git/objects")) }, nil,
			fault.Unavailable, report.Error, "does not hold this object"},
		{"as_old_as_accepted", now.Add(-5 * day), nil, nil, fault.Policy, report.Fail, "2 of 2 advisory records"},
		{"too_old", now.Add(-6 * day), nil, nil, fault.Unavailable, report.Error, "6 days ago; advisories-max-age accepts 120h"},
		{"too_old_and_longer_accepted", now.Add(-6 * day), nil, []string{"--advisories-max-age", "7d"}, fault.Policy, report.Fail, "2 of 2 advisory records"},
		{"too_old_and_any_accepted", now.Add(-900 * day), nil, []string{"--advisories-max-age", "0"}, fault.Policy, report.Fail, "2 of 2 advisory records"},
		{"from_the_future", now.Add(3 * day), nil, nil, fault.Policy, report.Fail, "is not known"},
		{"no_commit", now.Add(-900 * day), func(root string) error { return os.RemoveAll(in(root, ".git")) }, nil, fault.Policy, report.Fail, "nothing tells how old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := componentWorld(t)
			root := filepath.Join(t.TempDir(), "advisories")
			if _, err := w.vendor(tt.made, "23.7.6+111").Checkout(root); err != nil {
				t.Fatal(err)
			}
			if tt.edit != nil {
				if err := tt.edit(root); err != nil {
					t.Fatal(err)
				}
			}
			code, r, text := w.gateBill(append([]string{"--advisories", root}, tt.flags...)...)
			must(t, code, r, text, tt.code, tt.want)
			told := stageOf(r, report.StageVuln).Reason
			for _, o := range r.Observations {
				told += "\n" + o.Message
			}
			if !strings.Contains(told, tt.says) {
				t.Errorf("nothing says %q: %s", tt.says, told)
			}
			if tt.want == report.Fail {
				finding(t, r, keeperID)
			}
		})
	}
}

// TestFeedIsWhatTheCommitHolds: of a checkout of a feed, too, the commit decides.
func TestFeedIsWhatTheCommitHolds(t *testing.T) {
	const at = "vex/app/dhi-app.vex.json"
	for _, tt := range []struct {
		name string
		edit func(root string) error
		code fault.Code
		want report.DecisionStatus
		says string
	}{
		{"as_cloned", nil, fault.Policy, report.Open, ""},
		{"document_deleted", func(root string) error { return os.Remove(filepath.Join(root, filepath.FromSlash(at))) }, fault.Policy, report.Open, ""},
		{"objects_deleted", func(root string) error { return os.RemoveAll(filepath.Join(root, ".git", "objects")) }, fault.OK, report.Suppressed, "does not hold this object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image()) // its own statement clears the finding
			document := openVEX("affected")
			document["timestamp"] = built.Add(time.Hour).Format(time.RFC3339)
			data, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			root := filepath.Join(t.TempDir(), "feed")
			if _, err := (testkit.Git{Made: built, Files: map[string][]byte{at: data, at + ".sig": sigstoreBundle(t, w.key, data)}}).Checkout(root); err != nil {
				t.Fatal(err)
			}
			if tt.edit != nil {
				if err := tt.edit(root); err != nil {
					t.Fatal(err)
				}
			}
			code, r, text := w.verify(ref, "--require", "none", "--vex-feed", root)
			if r == nil {
				t.Fatal(text)
			}
			if d := finding(t, r, "CVE-2025-4802").Decision; code != tt.code || d.Status != tt.want || r.Verdict.Result == report.Pass {
				t.Errorf("exit %d, verdict %s, decision %+v", code, r.Verdict.Result, d)
			}
			if tt.says != "" && !strings.Contains(text, tt.says) && !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), tt.says) {
				t.Errorf("the verdict does not say %q: %q", tt.says, r.Verdict.Reasons)
			}
		})
	}
}
