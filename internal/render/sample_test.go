package render_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

const (
	indexDigest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	imageDigest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
	vexDigest   = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
	provDigest  = "sha256:5555555555555555555555555555555555555555555555555555555555555555"
	sbomDigest  = "sha256:4444444444444444444444444444444444444444444444444444444444444444"
	keyName     = "key demo (sha256:5555)"
)

func date(y int, m time.Month, d int) *time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return &t
}

// finding is an open finding in a Debian package.
func finding(id string, s report.Severity, name, version string, fix ...string) report.Vulnerability {
	v := report.Vulnerability{
		ID: id, Severity: s, Description: "A flaw in " + name + ".", Match: "exact-indirect-match",
		Package: report.Package{
			Name: name, Version: version, Type: "deb", PURL: "pkg:deb/debian/" + name + "@" + version + "?arch=amd64&distro=debian-13",
			Locations: []report.Location{{Path: "/var/lib/dpkg/status.d/" + name, Layer: "sha256:6666"}},
		},
		Fix:      report.Fix{State: report.FixNotFixed},
		Decision: report.Decision{Status: report.Open, Reason: "no statement speaks of it"},
	}
	if len(fix) > 0 {
		v.Fix = report.Fix{State: report.FixFixed, Versions: fix, Available: date(2026, 11, 2)}
	}
	return v
}

// suppressed makes a finding one that a signed statement suppresses.
func suppressed(v report.Vulnerability) report.Vulnerability {
	v.Decision = report.Decision{
		Status: report.Suppressed, Reason: "not_affected by a verified statement", Source: "attestation " + vexDigest,
		Statement: &report.Statement{
			Status: "not_affected", Justification: "vulnerable_code_not_in_execute_path", StatusNotes: "only used by the tests",
			Timestamp: date(2026, 10, 1), Vulnerability: v.ID, Product: "pkg:deb/debian/" + v.Package.Name,
			Document: vexDigest, DocumentID: "https://example.org/vex/1", Author: "Example Security", Signer: keyName,
			Trust: report.TrustVerified,
		},
	}
	return v
}

// sample is a report with something in every part of it.
func sample() *report.Report {
	high := finding("CVE-2026-1111", report.High, "openssl", "3.5.1-1", "3.5.4-1")
	high.CVSS = []report.CVSS{
		{Source: "nvd", Type: "Primary", Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Score: 7.5},
		{Source: "vendor", Type: "Secondary", Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: 9.8},
	}
	high.EPSS = &report.EPSS{Score: 0.12, Percentile: 0.93, Date: "2026-11-22"}
	high.KEV = true
	ghsa := finding("GHSA-2222-3333-4444", report.Medium, "left-pad", "1.0.0", "1.0.1")
	ghsa.Aliases = []string{"CVE-2026-2222"}
	ghsa.Package.Type, ghsa.Package.PURL, ghsa.Package.Language = "npm", "pkg:npm/%40scope/left-pad@1.0.0", "javascript"
	ghsa.Match, ghsa.URL = "exact-direct-match", "https://github.com/advisories/GHSA-2222-3333-4444"
	unrated := finding("TEMP-0000001-ABCDEF", report.Unknown, "tar", "1.35", "1.36")
	unrated.Match, unrated.URL = "cpe-match", "https://security-tracker.debian.org/tracker/TEMP-0000001-ABCDEF"
	r := &report.Report{
		SchemaVersion: report.SchemaVersion,
		Tool:          report.Tool{Name: "imagegate", Version: "v1.2.3"},
		Generated:     time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC),
		Subject: report.Subject{
			Reference: "dhi.io/python:3.13", Source: "registry", Registry: "dhi.io", Repository: "dhi.io/python", Tag: "3.13",
			IndexDigest: indexDigest, Digest: imageDigest, Platform: "linux/amd64", Created: date(2026, 11, 1), EndOfLife: date(2029, 10, 31),
			Size: 1 << 24, User: "65532", Distro: &report.Distro{ID: "debian", Version: "13"},
		},
		Stages: []report.Stage{
			{Name: report.StageResolve, State: report.Done, Reason: "one manifest"},
			{Name: report.StagePull, State: report.Done, Reason: "3 layers"},
			{Name: report.StageHarden, State: report.Skipped, Reason: "no Dockerfile was named", Hint: "set dockerfile"},
		},
		SBOM: report.SBOM{
			Packages: 42, Unjudged: 2, Types: []report.PackageCount{{Type: "deb", Packages: 41}, {Type: "npm", Packages: 1}},
			Documents: []report.SBOMDocument{
				{Format: "syft-json", Path: "sbom.syft.json", Digest: "sha256:7777", Size: 10},
				{Format: "spdx-json", Path: "sbom.spdx.json", Digest: "sha256:8888", Size: 11},
			},
		},
		Discovery: []report.Probe{
			{Store: "dhi.io/python", Asked: imageDigest, State: report.ProbeFound, Found: 2},
			{Store: "registry.scout.docker.com", Asked: imageDigest, State: report.ProbeFailed, Reason: "401 Unauthorized"},
		},
		Attestations: []report.Attestation{
			{PredicateType: "https://openvex.dev/ns/v0.2.0", Family: "vex", Digest: vexDigest, Store: "dhi.io/python", Form: "cosign-simple-signing",
				State: report.Verified, Signer: keyName, Reason: "signature and bindings hold", Size: 2048, Subject: imageDigest},
			{PredicateType: "https://cyclonedx.org/bom/v1.6", Family: "sbom", Digest: sbomDigest, Store: "dhi.io/python",
				State: report.Invalid, Reason: "the layer does not hash to its digest", Size: 4096, Subject: imageDigest},
			{PredicateType: "https://slsa.dev/provenance/v1", Family: "provenance", Digest: provDigest, Store: "dhi.io/python",
				State: report.Unreadable, Reason: "its blob: 503 Service Unavailable", Subject: imageDigest},
		},
		Database: report.Database{State: report.Done, Schema: "v6.1.0", Built: date(2026, 11, 22), Checksum: "sha256:9999", Source: "cache"},
		Vulnerabilities: []report.Vulnerability{
			high, ghsa, unrated,
			finding("CVE-2026-3333", report.High, "zlib", "1.3"),
			finding("CVE-2026-4444", report.Negligible, "bash", "5.2"),
			suppressed(finding("CVE-2026-5555", report.Critical, "perl-base", "5.40", "5.42")),
			suppressed(finding("CVE-2026-6666", report.Low, "libc6", "2.41")),
		},
		VEX: report.VEX{Documents: []report.VEXDocument{{
			ID: "https://example.org/vex/1", Digest: vexDigest, Source: "attestation", State: "used", Author: "Example Security",
			Signer: keyName, Trust: report.TrustVerified, Statements: 9, Applicable: 2, Used: 2,
		}}},
		Checks: []report.Check{
			{ID: "HIG-IMG-001", Title: "Image runs as a non-root user by default", Severity: report.High, State: report.CheckPassed},
			{ID: "HIG-DF-004", Title: "Base images are pinned by digest", Severity: report.Medium, State: report.CheckFailed,
				Reason: "FROM names a tag", Location: "deploy/Dockerfile", Line: 3, Remedy: "Append @sha256:… to the tag", References: []string{"CIS 4.2"}},
			{ID: "HIG-IMG-007", Title: "No setuid files", Severity: report.Medium, State: report.CheckUndecided, Reason: "the file system was not read"},
		},
		Evidence: []report.Evidence{
			{Kind: "index", Name: "dhi.io/python:3.13", Digest: indexDigest, Size: 900},
			{Kind: "manifest", Name: "linux/amd64", Digest: imageDigest, Size: 800},
			{Kind: "attestation", Name: "vex", Digest: vexDigest, Size: 700, Path: "attestations/vex.json"},
		},
		Observations: []report.Observation{
			{Kind: report.Unread, Stage: report.StageVuln, Message: "1 package has no version"},
			{Kind: report.LeftOut, Stage: report.StageAttest, Message: "only the first 1000 referrers were considered", Count: 7},
			{Kind: report.Information, Stage: report.StageHarden, Message: "compose.prod.yaml is checked on top of compose.yaml"},
		},
		Policy: report.Policy{FailOnSeverity: "high", OnlyFixed: true, Require: []string{"vex", "sbom"}, VEXPolicy: "verified"},
		Verdict: report.Verdict{
			Result: report.Fail,
			Reasons: []string{
				"1 open finding at or above high: 1 high; CVE-2026-1111 in openssl 3.5.1-1 (fix 3.5.4-1).",
				"A verified sbom attestation is required; the one found is invalid.",
			},
			Rules: []report.Rule{{Name: "fail-on-severity", Result: report.Fail, Message: "1 open finding"}},
		},
	}
	r.Counts = report.CountVulnerabilities(r.Vulnerabilities)
	return r
}

// shuffled is sample in another order.
func shuffled() *report.Report {
	r := sample()
	rand.Shuffle(len(r.Vulnerabilities), func(i, j int) {
		r.Vulnerabilities[i], r.Vulnerabilities[j] = r.Vulnerabilities[j], r.Vulnerabilities[i]
	})
	rand.Shuffle(len(r.Attestations), func(i, j int) { r.Attestations[i], r.Attestations[j] = r.Attestations[j], r.Attestations[i] })
	rand.Shuffle(len(r.Checks), func(i, j int) { r.Checks[i], r.Checks[j] = r.Checks[j], r.Checks[i] })
	rand.Shuffle(len(r.Evidence), func(i, j int) { r.Evidence[i], r.Evidence[j] = r.Evidence[j], r.Evidence[i] })
	rand.Shuffle(len(r.Stages), func(i, j int) { r.Stages[i], r.Stages[j] = r.Stages[j], r.Stages[i] })
	rand.Shuffle(len(r.SBOM.Documents), func(i, j int) {
		r.SBOM.Documents[i], r.SBOM.Documents[j] = r.SBOM.Documents[j], r.SBOM.Documents[i]
	})
	return r
}

// passing is a report without anything to complain about.
func passing() *report.Report {
	r := sample()
	r.Stages, r.Discovery, r.Observations = r.Stages[:2], nil, nil
	r.Attestations, r.Checks = r.Attestations[:1], r.Checks[:1]
	r.Vulnerabilities = r.Vulnerabilities[5:]
	r.Counts = report.CountVulnerabilities(r.Vulnerabilities)
	r.Policy.Require = []string{"vex"}
	r.SBOM.Unjudged = 0 // and no word of it
	r.Verdict = report.Verdict{Result: report.Pass, Reasons: []string{"No open finding at or above high has a fix."}}
	return r
}

// combined is a report over two platforms.
func combined() *report.Report {
	amd, arm := sample(), passing()
	arm.Subject.Platform = "linux/arm64/v8"
	arm.Subject.Digest = "sha256:" + strings.Repeat("a", 64)
	return report.Combine([]*report.Report{amd, arm})
}

// crowd is a report with n open findings that fail the gate.
func crowd(n int) *report.Report {
	r := sample()
	r.Vulnerabilities = nil
	for i := range n {
		s := report.Severities()[i%5]
		r.Vulnerabilities = append(r.Vulnerabilities, finding(fmt.Sprintf("CVE-2026-%06d", i), s, fmt.Sprintf("package-%d", i%700), "1.0", "1.1"))
	}
	r.Counts = report.CountVulnerabilities(r.Vulnerabilities)
	return r
}

// hostile are texts that try to leave the place that they were put into.
var hostile = []string{
	"plain",
	"a|b|c",
	"line\nbreak\r\n| forged | row |",
	"# heading\n\n## another",
	"</code></td></details><script>alert(1)</script>",
	"<img src=x onerror=alert(1)>",
	"<!-- comment --> -->",
	"[click](javascript:alert(1)) ![x](https://evil.example/p.png)",
	"https://evil.example www.evil.example WWW.evil.example",
	"@octocat and mail me@evil.example",
	"fixes #1, octo/app#2, GH-3 gh-4",
	"`code` ``` fence",
	`back\slash \| \<b\> \` + "`",
	"*bold* _it_ ~~gone~~ $math$ :tada:",
	"&lt;b&gt; &#60;i&#62; &amp;",
	"\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07link \u009b2J",
	"bidi \u202egnp.exe\u202c \u2066x\u2069 zero\u200bwidth \ufeff tag\U000E0041",
	"\xff\xfebroken\xc3",
	"::error::forged ::add-mask::e\n::set-output name=verdict::pass\n:::warning::x ::::",
	"##[error]forged ###[group]x ##\x00[y]",
	"\u2003::error::wide space \u3000::error::x",
	"[text](1) {0} {{1}}",
	strings.Repeat("@", 5000),
	strings.Repeat("界", 3000),
	"-- --- | --- |\n===",
	"",
}

// poison puts s into every text of the report that an image, a registry or a VEX
// document can choose.
func poison(s string) *report.Report {
	r := sample()
	r.Subject.Reference, r.Subject.Repository, r.Subject.Tag, r.Subject.Platform = s, s, s, s
	r.Subject.Labels = map[string]string{s: s}
	r.Subject.Distro = &report.Distro{ID: s, Version: s}
	for i := range r.Stages {
		r.Stages[i].Reason, r.Stages[i].Hint = s, s
	}
	r.Stages[0].State = report.Failed
	for i := range r.Discovery {
		p := &r.Discovery[i]
		p.Store, p.Asked, p.Reason = s, s, s
	}
	for i := range r.Attestations {
		a := &r.Attestations[i]
		a.PredicateType, a.Family, a.Digest, a.Store, a.Signer, a.Reason = s, s, s, s, s, s
	}
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		v.ID, v.Description, v.URL, v.URLs, v.Match = s, s, s, []string{s}, s
		v.Aliases = []string{s}
		v.Package = report.Package{Name: s, Version: s, Type: s, PURL: s, Locations: []report.Location{{Path: s, Layer: s}}}
		v.Fix.Versions = []string{s, s}
		v.Decision.Reason, v.Decision.Source = s, s
		if st := v.Decision.Statement; st != nil {
			st.ID, st.Justification, st.ImpactStatement, st.StatusNotes = s, s, s, s
			st.Author, st.Signer, st.Document, st.Vulnerability, st.Product = s, s, s, s, s
		}
	}
	for i := range r.Checks {
		c := &r.Checks[i]
		c.ID, c.Title, c.Reason, c.Location, c.Remedy, c.References = s, s, s, s, s, []string{s}
	}
	r.Score = &report.Score{Card: s, Items: []report.ScoreItem{{Number: 1, Name: s, State: s, By: []string{s}}}}
	r.Compliance = &report.Compliance{Passed: 1, Controls: []report.Control{{Document: s, ID: s, Failing: []string{s}}}}
	for i := range r.Evidence {
		e := &r.Evidence[i]
		e.Kind, e.Name, e.Digest = s, s, s
	}
	for i := range r.SBOM.Documents {
		r.SBOM.Documents[i].Path = s
	}
	r.Observations = []report.Observation{{Kind: report.Information, Stage: s, Message: s}, {Kind: report.Kind(s), Stage: s, Message: s}}
	r.Policy.Require = []string{s}
	r.Verdict.Reasons = []string{s, s}
	return r
}

// each calls test with each hostile text, in a subtest.
func each(t *testing.T, test func(t *testing.T, s string)) {
	t.Helper()
	for i, s := range hostile {
		t.Run(fmt.Sprintf("hostile_%02d", i), func(t *testing.T) { test(t, s) })
	}
}
