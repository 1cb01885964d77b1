package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// sarifBuilder collects the results of one run and the rules that they name.
type sarifBuilder struct {
	r       *report.Report
	opt     SARIFOptions
	file    string
	line    int
	virtual bool
	list    []sarifRule
	rules   map[string]int
	results []sarifResult
	// prints counts results of one identity, as two versions of one package are.
	prints map[string]int
}

// candidate is a finding or a check, one of both.
type candidate struct {
	finding *report.Vulnerability
	check   *report.Check
}

// candidates are all that could become results, gravest first.
func (b *sarifBuilder) candidates() []candidate {
	open, suppressed := split(b.r)
	if b.opt.IncludeSuppressed {
		open = append(open, suppressed...)
	}
	var out []candidate
	for _, s := range report.Severities() {
		for i, v := range open {
			if v.Severity == s || s == report.Unknown && v.Severity.Rank() == 0 {
				out = append(out, candidate{finding: &open[i]})
			}
		}
		for i, c := range b.r.Checks {
			if c.State == report.CheckFailed && (c.Severity == s || s == report.Unknown && c.Severity.Rank() == 0) {
				out = append(out, candidate{check: &b.r.Checks[i]})
			}
		}
	}
	return out
}

func (b *sarifBuilder) add(c candidate) {
	if c.finding != nil {
		b.addFinding(*c.finding)
	} else {
		b.addCheck(*c.check)
	}
}

func (b *sarifBuilder) addFinding(v report.Vulnerability) {
	rule := b.rule(findingRule(b.r, v))
	digest, platform := b.r.Subject.Digest, b.r.Subject.Platform
	if v.Platform != "" {
		platform = v.Platform
	}
	for _, p := range b.r.Platforms {
		if p.Platform == platform {
			digest = p.Digest
		}
	}
	res := sarifResult{
		RuleID: b.list[rule].ID, RuleIndex: rule,
		Level:     findingLevel(b.r, v),
		Message:   sarifText{Text: sarifMessage(findingMessage(v))},
		Locations: []sarifLocation{{Physical: b.physical(b.file, b.line), Logical: logical(v.Package)}},
		Properties: sarifResultDetails{
			PURL: clean(v.Package.PURL), Package: clean(v.Package.Name), Version: clean(v.Package.Version), Severity: clean(string(v.Severity)),
			Digest: clean(digest), Platform: clean(platform), FixState: clean(v.Fix.State), FixSince: day(v.Fix.Available), KEV: v.KEV,
		},
	}
	for _, f := range v.Fix.Versions[:min(len(v.Fix.Versions), mostReasons)] {
		res.Properties.Fix = append(res.Properties.Fix, clean(f))
	}
	if len(v.Package.Locations) > 0 {
		res.Properties.Layer = clean(v.Package.Locations[0].Layer)
	}
	if v.EPSS != nil {
		res.Properties.EPSS = &v.EPSS.Score
	}
	if s := v.Decision.Statement; s != nil {
		res.Properties.VEXStatus, res.Properties.VEXSigner = clean(s.Status), clean(s.Signer)
	}
	if v.Decision.Status == report.Suppressed {
		res.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted",
			Justification: sarifMessage(reasonOf(v.Decision) + " (" + statementSource(v.Decision) + ")")}}
	}
	if b.virtual {
		res.PartialFingerprints = b.fingerprint(v.ID, unversioned(v.Package), b.r.Subject.Repository, platform)
	}
	b.results = append(b.results, res)
}

func (b *sarifBuilder) addCheck(c report.Check) {
	rule := b.rule(checkRule(b.r, c))
	file, line, virtual := b.file, b.line, b.virtual
	if f, ok := relativeURI(c.Location); ok && c.Line > 0 {
		file, line, virtual = f, c.Line, false
	}
	text := c.Title + "."
	if c.Reason != "" {
		text += " " + strings.TrimSuffix(c.Reason, ".") + "."
	}
	if c.Remedy != "" {
		text += " " + strings.TrimSuffix(c.Remedy, ".") + "."
	}
	res := sarifResult{
		RuleID: b.list[rule].ID, RuleIndex: rule,
		Level:      checkLevel(b.r, c),
		Message:    sarifText{Text: sarifMessage(text)},
		Locations:  []sarifLocation{{Physical: b.physical(file, line)}},
		Properties: sarifResultDetails{Severity: clean(string(c.Severity)), Digest: clean(b.r.Subject.Digest), Platform: clean(c.Platform)},
	}
	if c.Location != "" {
		res.Locations[0].Logical = []sarifLogical{{FullyQualifiedName: cut(clean(c.Location), maxWord), Kind: "resource"}}
	}
	if virtual {
		res.PartialFingerprints = b.fingerprint(c.ID, c.Location, b.r.Subject.Repository, c.Platform)
	}
	b.results = append(b.results, res)
}

// rule returns the index of the rule with r's id, which may be there already: the
// graver of both ratings stays.
func (b *sarifBuilder) rule(r sarifRule) int {
	i, ok := b.rules[r.ID]
	if !ok {
		i = len(b.list)
		b.rules[r.ID] = i
		b.list = append(b.list, r)
		return i
	}
	have := &b.list[i]
	if score(r.Properties.SecuritySeverity) > score(have.Properties.SecuritySeverity) {
		have.Properties.SecuritySeverity = r.Properties.SecuritySeverity
	}
	if levelRank(r.Default.Level) > levelRank(have.Default.Level) {
		have.Default.Level = r.Default.Level
	}
	return i
}

func levelRank(level string) int { return slices.Index([]string{"note", "warning", "error"}, level) }

func (b *sarifBuilder) physical(file string, line int) sarifPhysical {
	return sarifPhysical{
		Artifact: sarifArtifact{URI: file, URIBaseID: "%SRCROOT%"},
		Region:   sarifRegion{StartLine: line, StartColumn: 1, EndLine: line, EndColumn: 1},
	}
}

// logical says where in the image the package is, at most 10 places.
func logical(p report.Package) []sarifLogical {
	name := p.PURL
	if name == "" {
		name = p.Type + "/" + p.Name + "@" + p.Version
	}
	out := []sarifLogical{{FullyQualifiedName: cut(clean(name), maxSentence), Kind: "package"}}
	for _, l := range p.Locations[:min(len(p.Locations), 10)] {
		out = append(out, sarifLogical{FullyQualifiedName: cut(clean(l.Path), maxSentence), Kind: "resource"})
	}
	return out
}

// fingerprint is the identity of a result on a virtual path, in the form that code
// scanning gives to its own: a hexadecimal hash and a counter. Versions, tags and
// digests are left out, so that an alert that somebody dismissed stays dismissed when
// the image is rebuilt.
func (b *sarifBuilder) fingerprint(parts ...string) map[string]string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s\n", len(p), p)
	}
	print := hex.EncodeToString(h.Sum(nil)[:16])
	b.prints[print]++
	return map[string]string{"primaryLocationLineHash": fmt.Sprintf("%s:%d", print, b.prints[print])}
}

// unversioned is the package URL without version, qualifiers and subpath.
func unversioned(p report.Package) string {
	purl, _, _ := strings.Cut(p.PURL, "#")
	purl, _, _ = strings.Cut(purl, "?")
	if i := strings.LastIndexByte(purl, '@'); i > strings.LastIndexByte(purl, '/') {
		purl = purl[:i]
	}
	if purl == "" {
		return p.Type + "/" + p.Name
	}
	return purl
}

// findingLevel repeats the gate: error is what fails it.
func findingLevel(r *report.Report, v report.Vulnerability) string {
	if failsGate(r, v) {
		return "error"
	}
	return severityLevel(v.Severity)
}

// severityLevel is the level of what does not fail the gate by itself.
func severityLevel(s report.Severity) string {
	switch s {
	case report.Critical, report.High, report.Medium:
		return "warning"
	case report.Low, report.Negligible, report.Unknown:
	}
	return "note"
}

// sarifMessage neutralises a message. SARIF reads [text](target) as a link and {0} as
// a placeholder (sections 3.11.5 and 3.11.6).
func sarifMessage(s string) string {
	return cut(strings.NewReplacer("[", "(", "]", ")", "{", "(", "}", ")").Replace(clean(s)), 1000)
}

func notification(level, text string) sarifNotification {
	return sarifNotification{Level: level, Message: sarifText{Text: sarifMessage(text)}}
}
