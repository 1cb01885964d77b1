package report_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/imagegate/imagegate/internal/report"
)

func marshal(t *testing.T, r *report.Report) string {
	t.Helper()
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCanonicalIsTheSameForAnyOrder(t *testing.T) {
	want := marshal(t, filled().Canonical())
	for seed := range uint64(50) {
		r := filled()
		shuffle(reflect.ValueOf(r).Elem(), rand.New(rand.NewPCG(seed, 1)))
		if diff := cmp.Diff(want, marshal(t, r.Canonical())); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

// Rows that agree in everything a comparison looks at must still have one order.
func TestCanonicalOrderIsTotal(t *testing.T) {
	v := func(description string) report.Vulnerability {
		return report.Vulnerability{ID: "CVE-1", Severity: report.High, Description: description}
	}
	a := func(command string) report.Attestation { return report.Attestation{Digest: "d", Command: command} }
	c := func(title string) report.Check { return report.Check{ID: "HIG-1", Title: title} }
	one := &report.Report{
		Vulnerabilities: []report.Vulnerability{v("x"), v("y"), v("z")},
		Attestations:    []report.Attestation{a("x"), a("y")},
		Checks:          []report.Check{c("x"), c("y")},
	}
	two := &report.Report{
		Vulnerabilities: []report.Vulnerability{v("z"), v("x"), v("y")},
		Attestations:    []report.Attestation{a("y"), a("x")},
		Checks:          []report.Check{c("y"), c("x")},
	}
	if diff := cmp.Diff(marshal(t, one.Canonical()), marshal(t, two.Canonical())); diff != "" {
		t.Errorf("order depends on the input:\n%s", diff)
	}
}

func TestCanonicalTwiceIsCanonical(t *testing.T) {
	once := filled().Canonical()
	if diff := cmp.Diff(marshal(t, once), marshal(t, once.Canonical())); diff != "" {
		t.Errorf("second Canonical changed the report:\n%s", diff)
	}
}

func TestCanonicalLeavesItsArgumentAlone(t *testing.T) {
	r := filled()
	shuffle(reflect.ValueOf(r).Elem(), rand.New(rand.NewPCG(7, 7)))
	before := marshal(t, r)
	r.Canonical()
	if diff := cmp.Diff(before, marshal(t, r)); diff != "" {
		t.Errorf("Canonical changed its argument:\n%s", diff)
	}
}

func TestCanonicalWritesNoNullLists(t *testing.T) {
	r := &report.Report{
		Vulnerabilities: []report.Vulnerability{{ID: "CVE-1"}},
		SBOM:            report.SBOM{Drift: &report.SBOMDriftReport{}},
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(marshal(t, r.Canonical())), &doc); err != nil {
		t.Fatal(err)
	}
	nullable := []string{"created", "endOfLife", "distro", "dhi", "built", "epss", "available"}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(path+"."+k, e)
			}
		case []any:
			for _, e := range v {
				walk(path+"[]", e)
			}
		case nil:
			if name := path[strings.LastIndexByte(path, '.')+1:]; !slices.Contains(nullable, name) {
				t.Errorf("%s is null", path)
			}
		}
	}
	walk("", doc)
}

func TestCanonicalTimesAreUTCSeconds(t *testing.T) {
	b := marshal(t, filled().Canonical())
	if strings.Contains(b, "+02:00") || strings.Contains(b, ".123") {
		t.Errorf("a time is not UTC in whole seconds:\n%s", b)
	}
}

// The worst open finding is first, so whoever reads only the top reads the worst.
func TestCanonicalPutsTheWorstFirst(t *testing.T) {
	row := func(id string, s report.Severity, d report.DecisionStatus) report.Vulnerability {
		return report.Vulnerability{ID: id, Severity: s, Decision: report.Decision{Status: d}}
	}
	r := &report.Report{Vulnerabilities: []report.Vulnerability{
		row("CVE-1", report.Low, report.Open),
		row("CVE-2", report.Critical, report.Suppressed),
		row("CVE-3", report.Unknown, report.Open),
		row("CVE-4", report.Critical, report.Open),
	}}
	var got []string
	for _, v := range r.Canonical().Vulnerabilities {
		got = append(got, v.ID)
	}
	if want := []string{"CVE-4", "CVE-1", "CVE-3", "CVE-2"}; !slices.Equal(got, want) {
		t.Errorf("order = %v, want %v", got, want)
	}
}
