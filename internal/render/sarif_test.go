package render_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// published compiles a schema of the shared test data, and skips without it.
func published(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	file := filepath.Join("..", "..", "..", "shared", "data", "schemas", name)
	f, err := os.Open(file)
	if err != nil {
		t.Skipf("the published schema %s is not here: %v", name, err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, data []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%v", err)
	}
}

// sarif is what the tests look at in a SARIF file.
type sarif struct {
	Runs []struct {
		Tool struct {
			Driver struct {
				Name, Version, SemanticVersion string
				Rules                          []struct {
					ID, Name, HelpURI string
					Help              struct{ Text, Markdown string }
					Properties        map[string]any
				}
			}
		}
		AutomationDetails struct{ ID string }
		Invocations       []struct {
			ExecutionSuccessful        bool
			ToolExecutionNotifications []struct{ Message struct{ Text string } }
		}
		Results []struct {
			RuleID    string
			RuleIndex int
			Level     string
			Message   struct{ Text string }
			Locations []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI string }
					Region           struct{ StartLine int }
				}
			}
			PartialFingerprints map[string]string
			Suppressions        []map[string]string
		}
	}
}

func sarifOf(t *testing.T, r *report.Report, opt render.SARIFOptions) (sarif, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := render.SARIF(&b, r, opt); err != nil {
		t.Fatal(err)
	}
	var s sarif
	if err := json.Unmarshal(b.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	return s, b.Bytes()
}

// checkIngestible asserts the rules of GitHub's ingestion that reject a file or drop
// results.
func checkIngestible(t *testing.T, s sarif, raw []byte) {
	t.Helper()
	if len(s.Runs) != 1 {
		t.Fatalf("%d runs, want 1", len(s.Runs))
	}
	run := s.Runs[0]
	if !bytes.Contains(raw, []byte(`"results": [`)) || !bytes.Contains(raw, []byte(`"rules": [`)) {
		t.Error("results or rules are no list")
	}
	if len(run.Results) > 5000 {
		t.Errorf("%d results, limit 5000", len(run.Results))
	}
	if id := run.AutomationDetails.ID; !strings.HasSuffix(id, "/") || strings.HasPrefix(id, "/") {
		t.Errorf("category %q", id)
	}
	ids := map[string]bool{}
	for _, rule := range run.Tool.Driver.Rules {
		if ids[rule.ID] || rule.ID == "" || len(rule.ID) > 255 {
			t.Errorf("rule id %q is empty, too long or there twice", rule.ID)
		}
		ids[rule.ID] = true
		if u, err := url.Parse(rule.HelpURI); err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s: helpUri %q", rule.ID, rule.HelpURI)
		}
		if tags, ok := rule.Properties["tags"].([]any); !ok || len(tags) > 20 || tags[0] != "security" {
			t.Errorf("%s: tags %v", rule.ID, rule.Properties["tags"])
		}
		if score, ok := rule.Properties["security-severity"]; ok {
			n, err := strconv.ParseFloat(fmt.Sprint(score), 64)
			if _, text := score.(string); !text || err != nil || n <= 0 || n > 10 {
				t.Errorf("%s: security-severity %v", rule.ID, score)
			}
		}
		if rule.Help.Text == "" || rule.Help.Markdown == "" {
			t.Errorf("%s has no help", rule.ID)
		}
	}
	prints := map[string]bool{}
	for _, res := range run.Results {
		if res.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[res.RuleIndex].ID != res.RuleID {
			t.Errorf("result names rule %d, %q", res.RuleIndex, res.RuleID)
		}
		if !slices.Contains([]string{"error", "warning", "note"}, res.Level) || res.Message.Text == "" {
			t.Errorf("%s: level %q, message %q", res.RuleID, res.Level, res.Message.Text)
		}
		if strings.ContainsAny(res.Message.Text, "[]{}") || strings.ContainsFunc(res.Message.Text, unicode.IsControl) {
			t.Errorf("%s: message %q", res.RuleID, res.Message.Text)
		}
		if len(res.Locations) != 1 {
			t.Fatalf("%s: %d locations", res.RuleID, len(res.Locations))
		}
		place := res.Locations[0].PhysicalLocation
		uri := place.ArtifactLocation.URI
		u, err := url.Parse(uri)
		if err != nil || u.IsAbs() || strings.Contains(uri, ":") || strings.HasPrefix(uri, "/") || uri == "" ||
			strings.Contains("/"+uri+"/", "/../") || place.Region.StartLine < 1 {
			t.Errorf("%s: location %q line %d", res.RuleID, uri, place.Region.StartLine)
		}
		for name, value := range res.PartialFingerprints {
			hash, n, ok := strings.Cut(value, ":")
			if _, err := strconv.Atoi(n); name != "primaryLocationLineHash" || !ok || err != nil || strings.Trim(hash, "0123456789abcdef") != "" {
				t.Errorf("%s: fingerprint %s=%s", res.RuleID, name, value)
			}
			if prints[value] {
				t.Errorf("%s: fingerprint %s is there twice", res.RuleID, value)
			}
			prints[value] = true
		}
	}
}

func TestSARIFIsIngestible(t *testing.T) {
	for name, r := range map[string]*report.Report{
		"sample": sample(), "passing": passing(), "empty": {}, "combined": combined(), "crowd": crowd(600),
	} {
		for kind, opt := range map[string]render.SARIFOptions{"default": {}, "full": fullSARIF} {
			t.Run(name+"_"+kind, func(t *testing.T) {
				s, raw := sarifOf(t, r, opt)
				checkIngestible(t, s, raw)
			})
		}
	}
}

func TestSARIFSchema(t *testing.T) {
	schema := published(t, "sarif-schema-2.1.0.json")
	for name, r := range map[string]*report.Report{"sample": sample(), "passing": passing(), "empty": {}, "combined": combined()} {
		for kind, opt := range map[string]render.SARIFOptions{"default": {}, "full": fullSARIF} {
			t.Run(name+"_"+kind, func(t *testing.T) {
				_, raw := sarifOf(t, r, opt)
				validate(t, schema, raw)
			})
		}
	}
	each(t, func(t *testing.T, s string) {
		_, raw := sarifOf(t, poison(s), render.SARIFOptions{Category: s, Location: render.SARIFLocation{File: s, Line: -1}, DriverVersion: s})
		validate(t, schema, raw)
	})
}

func TestSARIFHostileText(t *testing.T) {
	each(t, func(t *testing.T, text string) {
		for _, opt := range []render.SARIFOptions{{}, {Category: text, DriverVersion: text, IncludeSuppressed: true,
			Location: render.SARIFLocation{File: text, Line: 1}}} {
			s, raw := sarifOf(t, poison(text), opt)
			checkIngestible(t, s, raw)
			if i := bytes.IndexFunc(raw, func(c rune) bool { return c != '\n' && unicode.Is(unicode.C, c) }); i >= 0 {
				t.Errorf("a control character is in the file: %q", raw[i:min(i+8, len(raw))])
			}
		}
	})
}

// Suppressed findings become alerts on GitHub whatever is marked, so they are left out.
func TestSARIFSuppressed(t *testing.T) {
	for _, tt := range []struct {
		name string
		opt  render.SARIFOptions
		want int
	}{
		{"left_out", render.SARIFOptions{}, 0},
		{"marked_in_the_full_file", render.SARIFOptions{IncludeSuppressed: true}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, raw := sarifOf(t, sample(), tt.opt)
			got := 0
			for _, res := range s.Runs[0].Results {
				if len(res.Suppressions) > 0 {
					got++
				}
			}
			if got != tt.want {
				t.Errorf("%d suppressed results, want %d", got, tt.want)
			}
			if tt.want == 0 && bytes.Contains(raw, []byte("CVE-2026-5555")) {
				t.Error("a suppressed finding is named")
			}
		})
	}
}

// An alert that somebody dismissed must stay dismissed when the image is rebuilt.
func TestSARIFIdentityIsStable(t *testing.T) {
	identity := func(r *report.Report) []string {
		s, _ := sarifOf(t, r, render.SARIFOptions{})
		out := []string{s.Runs[0].AutomationDetails.ID}
		for _, res := range s.Runs[0].Results {
			out = append(out, res.RuleID+" "+res.Locations[0].PhysicalLocation.ArtifactLocation.URI+" "+res.PartialFingerprints["primaryLocationLineHash"])
		}
		return out
	}
	rebuilt := sample()
	rebuilt.Subject.Tag, rebuilt.Subject.Reference, rebuilt.Subject.Digest = "3.14", "dhi.io/python:3.14", "sha256:ffff"
	for i := range rebuilt.Vulnerabilities {
		p := &rebuilt.Vulnerabilities[i].Package
		p.PURL = strings.NewReplacer("@"+p.Version, "@9.9.9", "debian-13", "debian-13.1").Replace(p.PURL)
		p.Version = "9.9.9"
		p.Locations = nil
	}
	want := identity(sample())
	if diff := cmp.Diff(want, identity(rebuilt)); diff != "" {
		t.Errorf("identities changed with the version (-want +got):\n%s", diff)
	}
	// The literal is pinned: a change of the recipe would reopen every alert there is.
	if got := want[1]; got != "CVE-2026-1111/deb/openssl imagegate/dhi.io/python "+pinnedFingerprint {
		t.Errorf("identity of the first result = %q", got)
	}
	other := sample()
	other.Subject.Repository = "dhi.io/other"
	if got := identity(other); got[1] == want[1] || got[0] == want[0] {
		t.Errorf("two repositories have one identity: %q", got[:2])
	}
}

const pinnedFingerprint = "ce7d0ba45a748910e59f35c23a9dff35:1"

// Where a run keeps an image on disk is no part of its identity.
func TestSARIFOfAnImageOnDisk(t *testing.T) {
	r := sample()
	r.Subject.Repository, r.Subject.Platform = "", "linux/amd64"
	for reference, want := range map[string]string{
		"oci-dir:/tmp/run-1/app":                "oci-dir/app",
		`oci-dir:C:\run\app`:                    "oci-dir/app",
		"docker-archive:out/app.tar:acme/app:1": "docker-archive/app-1",
		"oci-dir:/tmp/app@sha256:5555":          "oci-dir/app",
	} {
		r.Subject.Reference = reference
		s, _ := sarifOf(t, r, render.SARIFOptions{})
		if got := s.Runs[0].AutomationDetails.ID; got != "hardened-image-gate/"+want+"/linux/amd64/" {
			t.Errorf("%s: category %q, want %q in it", reference, got, want)
		}
		if place := s.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; !strings.HasSuffix(place, want) {
			t.Errorf("%s: the results are at %q", reference, place)
		}
	}
}

func TestSARIFCategory(t *testing.T) {
	for _, tt := range []struct {
		name, category, repository, platform, want string
	}{
		{"default", "", "dhi.io/python", "linux/arm64/v8", "hardened-image-gate/dhi.io/python/linux/arm64/v8/"},
		{"port_of_a_registry", "", "localhost:5000/app", "linux/amd64", "hardened-image-gate/localhost-5000/app/linux/amd64/"},
		{"named", "nightly", "dhi.io/python", "linux/amd64", "nightly/"},
		{"named_with_slash", "/nightly/arm/", "dhi.io/python", "linux/amd64", "nightly/arm/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := sample()
			r.Subject.Repository, r.Subject.Platform = tt.repository, tt.platform
			s, _ := sarifOf(t, r, render.SARIFOptions{Category: tt.category})
			if got := s.Runs[0].AutomationDetails.ID; got != tt.want {
				t.Errorf("category = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSARIFLocation(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		line       int
		wantURI    string
		wantLine   int
		wantPrint  bool
	}{
		{"none_is_virtual", "", 0, "imagegate/dhi.io/python", 1, true},
		{"real_line", "deploy/Dockerfile", 3, "deploy/Dockerfile", 3, false},
		{"real_without_line", "Dockerfile", 0, "Dockerfile", 1, false},
		{"cleaned", "./a/../Dockerfile", 2, "Dockerfile", 2, false},
		{"space_is_escaped", "my app/Dockerfile", 2, "my%20app/Dockerfile", 2, false},
		{"absolute_is_refused", "/etc/passwd", 1, "imagegate/dhi.io/python", 1, true},
		{"outside_is_refused", "../Dockerfile", 1, "imagegate/dhi.io/python", 1, true},
		{"scheme_is_refused", "docker://x", 1, "imagegate/dhi.io/python", 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := sarifOf(t, sample(), render.SARIFOptions{Location: render.SARIFLocation{File: tt.file, Line: tt.line}})
			res := s.Runs[0].Results[0]
			place := res.Locations[0].PhysicalLocation
			if place.ArtifactLocation.URI != tt.wantURI || place.Region.StartLine != tt.wantLine {
				t.Errorf("location %s:%d, want %s:%d", place.ArtifactLocation.URI, place.Region.StartLine, tt.wantURI, tt.wantLine)
			}
			// On a real line GitHub makes the fingerprint itself and warns of another.
			if got := len(res.PartialFingerprints) > 0; got != tt.wantPrint {
				t.Errorf("fingerprint there = %t, want %t", got, tt.wantPrint)
			}
		})
	}
}

func TestSARIFLimitKeepsTheGravest(t *testing.T) {
	s, _ := sarifOf(t, crowd(6000), render.SARIFOptions{})
	run := s.Runs[0]
	if len(run.Results) != render.MaxSARIFResults {
		t.Fatalf("%d results, want %d", len(run.Results), render.MaxSARIFResults)
	}
	notes := run.Invocations[0].ToolExecutionNotifications
	// crowd makes 6,000 findings and the sample has one failed check.
	if len(notes) == 0 || !strings.Contains(notes[0].Message.Text, "1001 more results are in report.json") {
		t.Errorf("notifications = %+v", notes)
	}
	for _, res := range run.Results {
		if strings.HasPrefix(res.RuleID, "CVE-") && res.Level == "note" {
			n, err := strconv.Atoi(strings.SplitN(res.RuleID[len("CVE-2026-"):], "/", 2)[0])
			if err != nil || report.Severities()[n%5] != report.Low && report.Severities()[n%5] != report.Negligible {
				t.Errorf("%s is a note", res.RuleID)
			}
		}
	}
	critical := 0
	for _, rule := range run.Tool.Driver.Rules {
		if rule.Properties["security-severity"] == "9.5" {
			critical++
		}
	}
	if critical != 1200 {
		t.Errorf("%d critical rules are kept, want all 1200", critical)
	}
}

func TestSARIFSecuritySeverity(t *testing.T) {
	for _, tt := range []struct {
		name     string
		severity report.Severity
		cvss     []report.CVSS
		want     any
	}{
		{"primary_wins", report.Low, []report.CVSS{{Type: "Primary", Score: 7.5}, {Type: "Secondary", Score: 9.8}}, "7.5"},
		{"highest_of_the_others", report.Low, []report.CVSS{{Type: "Secondary", Score: 5}, {Score: 6.1}}, "6.1"},
		{"from_the_severity", report.High, nil, "8.0"},
		{"negligible_is_not_zero", report.Negligible, nil, "1.0"},
		{"zero_does_not_count", report.Medium, []report.CVSS{{Type: "Primary", Score: 0}}, "5.5"},
		{"tiny_is_not_zero", report.Unknown, []report.CVSS{{Type: "Primary", Score: 0.01}}, nil},
		{"out_of_range_does_not_count", report.Medium, []report.CVSS{{Score: 11}, {Score: -1}}, "5.5"},
		{"not_a_number_does_not_count", report.Medium, []report.CVSS{{Score: math.NaN()}}, "5.5"},
		{"unknown_has_none", report.Unknown, nil, nil},
		{"made_up_has_none", "dreadful", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := sample()
			v := finding("CVE-2026-1", tt.severity, "a", "1")
			v.CVSS = tt.cvss
			r.Vulnerabilities, r.Checks = []report.Vulnerability{v}, nil
			s, _ := sarifOf(t, r, render.SARIFOptions{})
			if got := s.Runs[0].Tool.Driver.Rules[0].Properties["security-severity"]; got != tt.want {
				t.Errorf("security-severity = %v, want %v", got, tt.want)
			}
		})
	}
}

// The level says what the gate does, not what the severity is.
func TestSARIFLevelFollowsTheGate(t *testing.T) {
	for _, tt := range []struct {
		name      string
		failOn    string
		onlyFixed bool
		v         report.Vulnerability
		want      string
	}{
		{"fails", "high", false, finding("CVE-1", report.High, "a", "1"), "error"},
		{"no_fix_and_only_fixed", "high", true, finding("CVE-1", report.Critical, "a", "1"), "warning"},
		{"fix_and_only_fixed", "high", true, finding("CVE-1", report.Critical, "a", "1", "2"), "error"},
		{"below_the_limit", "critical", false, finding("CVE-1", report.High, "a", "1"), "warning"},
		{"low_limit", "low", false, finding("CVE-1", report.Low, "a", "1"), "error"},
		{"gate_off", "none", false, finding("CVE-1", report.Critical, "a", "1"), "warning"},
		{"gate_unset", "", false, finding("CVE-1", report.Low, "a", "1"), "note"},
		{"unknown_severity_fails_nothing", "low", false, finding("CVE-1", report.Unknown, "a", "1"), "note"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := sample()
			r.Policy.FailOnSeverity, r.Policy.OnlyFixed = tt.failOn, tt.onlyFixed
			r.Vulnerabilities, r.Checks = []report.Vulnerability{tt.v}, nil
			s, _ := sarifOf(t, r, render.SARIFOptions{})
			if got := s.Runs[0].Results[0].Level; got != tt.want {
				t.Errorf("level = %s, want %s", got, tt.want)
			}
		})
	}
}

// Two versions of one package are one rule and two results.
func TestSARIFTwoVersions(t *testing.T) {
	r := sample()
	a, b := finding("CVE-2026-1", report.High, "a", "1"), finding("CVE-2026-1", report.Low, "a", "2")
	r.Vulnerabilities, r.Checks = []report.Vulnerability{b, a}, nil
	s, raw := sarifOf(t, r, render.SARIFOptions{})
	checkIngestible(t, s, raw)
	if rules, results := len(s.Runs[0].Tool.Driver.Rules), len(s.Runs[0].Results); rules != 1 || results != 2 {
		t.Errorf("%d rules and %d results, want 1 and 2", rules, results)
	}
	if got := s.Runs[0].Tool.Driver.Rules[0].Properties["security-severity"]; got != "8.0" {
		t.Errorf("security-severity = %v, want that of the graver one", got)
	}
}

func TestSARIFCheckAtItsOwnLine(t *testing.T) {
	s, _ := sarifOf(t, sample(), render.SARIFOptions{})
	for _, res := range s.Runs[0].Results {
		if res.RuleID == "HIG-DF-004" {
			place := res.Locations[0].PhysicalLocation
			if place.ArtifactLocation.URI != "deploy/Dockerfile" || place.Region.StartLine != 3 || res.PartialFingerprints != nil {
				t.Errorf("result = %+v", res)
			}
			return
		}
	}
	t.Error("the failed check is no result")
}
