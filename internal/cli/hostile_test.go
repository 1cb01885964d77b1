package cli_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// poison tries every sink at once: ANSI, a title sequence, bidirectional and invisible
// characters, both forms of workflow commands, the delimiter of output files, HTML,
// Markdown, a mention, and what a shell acts on. poisonLine is the same on one line.
const (
	poisonLine = "\x1b[31mred\x1b]0;owned\x07 \u202eevil\u2066\u200b\U000e0041 ::error::forged ::stop-commands::x ##[error]forged " +
		"<script>alert(1)</script> <img src=x onerror=alert(1)> </details></code> [link](https://evil.invalid) ![i](https://evil.invalid/i.png) " +
		"https://evil.invalid | cell | `code` **bold** @octocat #1 GH-1 $(id) ${IFS} %0A::error::forged &lt;b&gt; \\"
	poison = poisonLine + "\n::error::forged\r\n  ::set-output name=verdict::pass\n\n# heading\n- item\nverdict<<EOF\npass\nEOF\n"
)

// poisoned is the image with poison wherever an image, its attestations and its
// vulnerabilities have text.
func (w *world) poisoned() testkit.Image {
	w.t.Helper()
	img := w.image()
	vex := openVEX("not_affected")
	vex["@id"], vex["author"] = "https://example.invalid/"+poisonLine, poison
	statement := vex["statements"].([]any)[0].(map[string]any)
	statement["impact_statement"], statement["status_notes"], statement["action_statement"] = poison, poison, poison
	for i := range img.Platforms {
		p := &img.Platforms[i]
		p.Layers = slices.Clone(p.Layers)
		p.Layers[0].Files = slices.Clone(p.Layers[0].Files)
		release, status := &p.Layers[0].Files[0].Content, &p.Layers[0].Files[1].Content
		*release = append(slices.Clip(*release), "PRETTY_NAME=\""+strings.ReplaceAll(poisonLine, `"`, "")+"\"\n"...)
		*status = append(slices.Clip(*status), "Package: "+poisonLine+"\nStatus: install ok installed\nArchitecture: "+poisonLine+"\nSource: bad\nVersion: 1.0"+poisonLine+
			"\nMaintainer: "+poisonLine+"\nDescription: "+poisonLine+"\n\n"...)
		c := &p.Config.Config
		labels := map[string]string{poisonLine: poison}
		for k, v := range c.Labels {
			labels[k] = v
		}
		for _, k := range []string{"title", "version", "definition", "url", "variant", "flavor", "compliance", "entitlement", "package-manager", "shell", "date.release"} {
			labels["com.docker.dhi."+k] = poison
		}
		labels["org.opencontainers.image.source"], labels["org.opencontainers.image.title"] = poison, poison
		c.Labels, c.User, c.WorkingDir = labels, poison, poison
		c.Entrypoint, c.Cmd, c.Env = []string{"/bin/sh", "-c", poison}, []string{poison}, []string{"TOKEN=" + poison, poison}
		c.Healthcheck = &v1.HealthConfig{Test: []string{"CMD-SHELL", poison}}
		c.ExposedPorts, c.Volumes = map[string]struct{}{poison: {}}, map[string]struct{}{poison: {}}
		p.Config.Author = poison
		p.Config.History = []v1.History{{CreatedBy: poison, Comment: poison, Author: poison}}
		p.Annotations = map[string]string{poisonLine: poison, "org.opencontainers.image.title": poison}
	}
	img.Annotations = map[string]string{poisonLine: poison}
	img = img.Without(testkit.PredicateOpenVEX)
	return img.Plus(
		testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: vex},
		testkit.Attestation{PredicateType: poison, Predicate: map[string]any{poison: poison}},
		testkit.Attestation{PredicateType: testkit.PredicateTests, Predicate: map[string]any{}}.With(testkit.AnnotatedPredicateType(poison)),
		testkit.Attestation{PredicateType: testkit.PredicateVirus, Predicate: map[string]any{}}.With(
			testkit.EditStatement(func(s *testkit.Statement) {
				s.Subject = append(s.Subject, testkit.Subject{Name: poison, Digest: map[string]string{poison: poison}})
			})),
		testkit.Attestation{PredicateType: testkit.PredicateSecrets, Predicate: map[string]any{}}.With(
			testkit.EditSignature(func(d *testkit.Draft) { d.Payload.Critical.Image.DockerManifestDigest = poison })),
		testkit.Attestation{PredicateType: testkit.PredicateVulns, Predicate: poison}.With(testkit.SignedReference(poison)),
	)
}

// poisonedDatabase has hostile names, texts and links.
func (w *world) poisonedDatabase() {
	w.t.Helper()
	w.withRecords([]grypedb.Record{
		{ID: "CVE-2025-4802", Distro: "debian 12", Package: "glibc", Severity: report.High, Description: poison, URLs: []string{"javascript:alert(1)", "https://evil.invalid/" + poison},
			Fix: report.Fix{State: report.FixFixed, Versions: []string{"2.0" + poisonLine}}},
		{ID: "CVE-2025-1 " + poisonLine, Aliases: []string{poison}, Distro: "debian 12", Package: "ncurses", Severity: report.Critical, Description: poison, URLs: []string{poison}},
		{ID: "CVE-2025-2", Distro: "debian 12", Package: "bad", Severity: report.Critical, Description: poison},
	}...)
}

// arrived checks that the poison came as far as this, so that its neutral form says
// something.
func arrived(t *testing.T, where, text string) {
	t.Helper()
	if !strings.Contains(text, "red") || !strings.Contains(text, "owned") {
		t.Errorf("%s shows nothing of the poison:\n%s", where, text)
	}
}

// TestHostileTextOnTheTerminal looks at every command that prints.
func TestHostileTextOnTheTerminal(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	w.poisonedDatabase()
	ref, _ := w.push(w.poisoned())
	code, r, text := w.verify(ref, "--verbose", "--require", "dhi,tests")
	must(t, code, r, text, fault.Policy, report.Fail)
	neutral(t, "verify", text)
	arrived(t, "the terminal", text)
	if len(r.Vulnerabilities) != 3 || len(r.Attestations) < 8 {
		t.Errorf("the poison was not all read: %d findings, %d attestations", len(r.Vulnerabilities), len(r.Attestations))
	}
	for _, command := range [][]string{
		{"attest list"}, {"attest verify"}, {"attest get", "--predicate-type", poison}, {"attest get", "--predicate-type", "nothing"},
		append([]string{"vex"}, w.dbFlags...), append([]string{"vex", "--explain", "CVE-2025-4802"}, w.dbFlags...), append([]string{"vex", "--explain", poison}, w.dbFlags...),
		append([]string{"scan"}, w.dbFlags...), append([]string{"scan", "--quiet"}, w.dbFlags...), {"sbom", "--report-dir", w.path("sbom")},
	} {
		flags := command[1:]
		if command[0] != "scan" && command[0] != "sbom" {
			flags = append(slices.Clip(flags), "--key", w.path("key.pem"))
		}
		_, stdout, stderr := w.call(command[0], ref, flags...)
		if command[0] == "attest get" && json.Valid([]byte(stdout)) {
			stdout = "" // the statement itself, byte for byte, in which JSON allows no control character
		}
		neutral(t, strings.Join(command[:min(3, len(command))], " "), stdout+stderr)
	}
	for _, bad := range [][]string{
		{"verify", poison}, {"verify", ref, "--platform", poison}, {"verify", ref, "--fail-on-severity", poison}, {"verify", ref, "--key", poison},
		{"verify", ref, "--vex", poison}, {"verify", ref, "--require", poison}, {"verify", ref, "--" + poison}, {poison}, {"attest", poison}, {"verify", ref, "--config", poison},
		{"verify", ref, "--timeout", poison}, {"verify", ref, "--report-dir", "\x00" + poison}, {"verify", ref, "--ca-file", poison}, {"verify", ref, "--attestation-registry", poison},
	} {
		args := bad
		if bad[0] == "verify" && !slices.Contains(bad, "--report-dir") {
			args = append(slices.Clip(bad), "--report-dir", w.path("bad"), "--timeout", "5s")
		}
		code, stdout, stderr := w.run(args...)
		if code == fault.OK {
			t.Errorf("%q: exit 0", bad[0:min(3, len(bad))])
		}
		neutral(t, fmt.Sprintf("%q", bad[0:min(3, len(bad))]), stdout+stderr)
	}
}

// links are the only places that a summary or SARIF may lead to.
var links = regexp.MustCompile(`^https://(nvd\.nist\.gov/vuln/detail/CVE-[0-9-]+|github\.com/(advisories/GHSA-[0-9a-z-]+|imagegate/imagegate[^ ]*)|json\.schemastore\.org/sarif-2\.1\.0\.json)$`)

// TestHostileTextInTheReport looks at the summary and at the SARIF file.
func TestHostileTextInTheReport(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	w.poisonedDatabase()
	ref, _ := w.push(w.poisoned())
	for _, flags := range [][]string{nil, {"--platforms", "all"}} {
		w.verify(ref, append([]string{"--require", "dhi,tests"}, flags...)...)
		summary := w.file(report.FileSummary)
		neutral(t, "summary", summary)
		arrived(t, "the summary", summary)
		arrived(t, "SARIF", w.file(report.FileSARIF))
		bare := regexp.MustCompile(`</?(code|details|summary)>|<!-- -->`).ReplaceAllString(summary, "")
		if i := strings.IndexAny(bare, "<"); i >= 0 {
			t.Errorf("the summary has HTML of others: %.80q", bare[i:])
		}
		for _, m := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(summary, -1) {
			if !links.MatchString(m[1]) {
				t.Errorf("the summary links to %q", m[1])
			}
		}
		for _, live := range []string{"![", "@octocat", "&lt;", "**bold**", "GH-1", " #1", "https://evil.invalid", "`code`"} {
			if strings.Contains(summary, live) {
				t.Errorf("the summary holds a live %q", live)
			}
		}
		if n := strings.Count(summary, "\n# "); n != 0 {
			t.Errorf("%d headings of others", n)
		}
		w.neutralSARIF()
	}
}

// neutralSARIF walks every string of the SARIF file.
func (w *world) neutralSARIF() {
	w.t.Helper()
	var doc any
	if err := json.Unmarshal([]byte(w.file(report.FileSARIF)), &doc); err != nil {
		w.t.Fatal(err)
	}
	n := 0
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
		case string:
			n++
			for _, c := range v {
				if unicode.Is(unicode.C, c) && c != '\n' {
					w.t.Errorf("SARIF %s holds %U: %.80q", path, c, v)
					return
				}
			}
			key := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
			switch {
			case key == "markdown" && (strings.Contains(v, "<script") || strings.Contains(v, "](https://evil") || strings.Contains(v, "<img")):
				w.t.Errorf("SARIF %s is live: %.200q", path, v)
			case strings.HasSuffix(key, "uri") && strings.Contains(v, ":") && !links.MatchString(v):
				w.t.Errorf("SARIF %s leads to %q", path, v)
			case key == "uri" && !regexp.MustCompile(`^[A-Za-z0-9._/%-]+$`).MatchString(v):
				w.t.Errorf("SARIF %s is no plain path: %q", path, v)
			}
		}
	}
	walk("", doc)
	if n < 50 {
		w.t.Errorf("only %d strings in the SARIF file", n)
	}
}

// command is a line that the runner acts on.
var command = regexp.MustCompile(`^::(add-mask|group|endgroup|(?:error|warning|notice)(?: [a-z]+=[^:,\n]*(?:,[a-zA-Z]+=[^:,\n]*)*)?|stop-commands|[0-9A-Za-z-]{20,})::(.*)$`)

// TestHostileTextInTheAction looks at the log, the annotations and the outputs.
func TestHostileTextInTheAction(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	w.poisonedDatabase()
	ref, _ := w.push(w.poisoned())
	runner, in := w.runner(), w.inputs(ref)
	in["db"], in["cache-dir"], in["require"] = w.dbFlags[1], w.dbFlags[3], "dhi,tests"
	code, log := w.step(runner, in)
	if code != fault.Policy || output(t, runner, "verdict") != "fail" {
		t.Fatalf("exit %d, verdict %q\n%s", code, output(t, runner, "verdict"), log)
	}
	annotations := 0
	for _, line := range strings.Split(log, "\n") {
		m := command.FindStringSubmatch(line)
		if m == nil {
			neutral(t, "the log", line)
			continue
		}
		if strings.HasPrefix(m[1], "error") || strings.HasPrefix(m[1], "warning") || strings.HasPrefix(m[1], "notice") {
			annotations++
			shown := strings.NewReplacer("%0A", "\n", "%0D", "\r", "%3A", ":", "%2C", ",", "%25", "%").Replace(m[1] + m[2])
			for _, c := range shown {
				if unicode.Is(unicode.C, c) {
					t.Errorf("%U in the annotation %.100q", c, line)
					break
				}
			}
			if strings.HasPrefix(m[2], "forged") {
				t.Errorf("a forged annotation: %q", line)
			}
		}
	}
	arrived(t, "the log", log)
	arrived(t, "output reason", output(t, runner, "reason"))
	if annotations < 5 || annotations > 30 {
		t.Errorf("%d annotations", annotations)
	}
	outputs, err := runner.Outputs()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outputs {
		if strings.ContainsAny(o.Value, "\n\r\x1b`$<>;&|\"'\\") || strings.Contains(o.Name, "<<") {
			t.Errorf("output %s = %q", o.Name, o.Value)
		}
		for _, c := range o.Value {
			if unicode.Is(unicode.C, c) {
				t.Errorf("output %s holds %U", o.Name, c)
				break
			}
		}
	}
}
