package demo

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/testkit"
)

// attestations are what DHI attaches to a runtime image, in the shapes that its own
// policies read.
func attestations(list []debian, created time.Time) ([]testkit.Attestation, error) {
	cs := components(list)
	return []testkit.Attestation{
		{PredicateType: testkit.PredicateCycloneDX, Predicate: cycloneDX(Repository, cs, created)},
		{PredicateType: testkit.PredicateSPDX, Predicate: spdx(Repository, cs, created)},
		{PredicateType: testkit.PredicateOpenVEX, Predicate: openVEX(created)},
		{PredicateType: testkit.PredicateProvenance, Predicate: provenance(created)},
		{PredicateType: testkit.PredicateVulns, Predicate: vulns(created)},
		{PredicateType: testkit.PredicateSecrets, Predicate: []any{}}, // none found
		{PredicateType: testkit.PredicateVirus, Predicate: virus()},
		{PredicateType: testkit.PredicateTests, Predicate: tests(created)},
		{PredicateType: testkit.PredicateSource, Predicate: map[string]any{
			"source": map[string]any{"name": Repository, "digest": "sha256:" + digest("definition")},
		}},
	}, nil
}

// digest is a hex number that stands for the digest of something outside the demo.
func digest(of string) string {
	d := strings.ReplaceAll(uuid(of)+uuid(of+" "), "-", "")
	return d
}

// provenance is SLSA v1.0 provenance.
func provenance(created time.Time) any {
	return map[string]any{
		"buildDefinition": map[string]any{
			"buildType":            "https://mobyproject.org/buildkit@v1",
			"externalParameters":   map[string]any{"definition": "image/python/debian-12/3.13.yaml"},
			"internalParameters":   map[string]any{},
			"resolvedDependencies": []any{dependency("pkg:docker/dhi.io/build@2-debian12", "frontend"), dependency("https://www.python.org/ftp/python/"+pythonVersion+"/Python-"+pythonVersion+".tar.xz", "python")},
		},
		"runDetails": map[string]any{
			"builder": map[string]any{"id": "https://imagegate.invalid/demo/builder"},
			"metadata": map[string]any{
				"invocationId": uuid("invocation " + created.String()),
				"startedOn":    created.Add(-7 * time.Minute).Format(time.RFC3339),
				"finishedOn":   created.Format(time.RFC3339),
			},
		},
	}
}

func dependency(uri, seed string) any {
	return map[string]any{"uri": uri, "digest": map[string]any{"sha256": digest(seed)}}
}

// vulns is the in-toto vulnerability scan of the moment of the build.
func vulns(created time.Time) any {
	results := []any{}
	seen := map[string]bool{}
	for _, r := range records() {
		if seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		results = append(results, map[string]any{
			"id": r.ID, "severity": []any{map[string]any{"method": "debian", "score": string(r.Severity)}},
		})
	}
	return map[string]any{
		"scanner": map[string]any{
			"uri": "https://imagegate.invalid/demo/scanner", "version": "1",
			"db":     map[string]any{"uri": "https://imagegate.invalid/demo/db", "version": "1", "lastUpdate": created.Format(time.RFC3339)},
			"result": results,
		},
		"metadata": map[string]any{
			"scanStartedOn": created.Add(-time.Minute).Format(time.RFC3339), "scanFinishedOn": created.Format(time.RFC3339),
		},
	}
}

// virus is the report of the virus scanner.
func virus() any {
	report := "----------- SCAN SUMMARY -----------\nScanned directories: 41\nScanned files: 96\nInfected files: 0\n"
	return map[string]any{"scanner": map[string]any{
		"uri": "clamav/clamav:stable", "report": base64.StdEncoding.EncodeToString([]byte(report)),
	}}
}

// tests is the test report in CTRF.
func tests(created time.Time) any {
	start, stop := created.Add(-3*time.Minute).UnixMilli(), created.Add(-2*time.Minute).UnixMilli()
	cases := []any{}
	for _, name := range []string{"runs as 65532", "starts the interpreter", "holds no shell"} {
		cases = append(cases, map[string]any{"name": name, "status": "passed", "duration": 20_000})
	}
	return map[string]any{"reportFormat": "CTRF", "specVersion": "0.0.0", "results": map[string]any{
		"tool": map[string]any{"name": "imagegate demo"},
		"summary": map[string]any{
			"tests": len(cases), "passed": len(cases), "failed": 0, "pending": 0, "skipped": 0, "other": 0, "start": start, "stop": stop,
		},
		"tests": cases,
	}}
}
