package config

// Output is one output of the action.
type Output struct {
	Name string
	Help string
	// Step is the step of action.yml that sets it: "gate" is the program itself.
	Step string
	// Unset is the value of the action's output when the step did not set it; "" leaves it
	// empty.
	Unset string
	// Internal outputs are for the later steps of action.yml and are not published.
	Internal bool
}

// Outputs returns the outputs of the action, in the order of the documentation. The
// names are a published contract.
func Outputs() []Output {
	return []Output{
		{Name: "verdict", Step: "gate", Unset: "error", Help: "pass, warn, fail or error; error also when the gate did not run to its end"},
		{Name: "reason", Step: "gate", Unset: "the gate did not run", Help: "The most important reason for the verdict, one sentence"},
		{Name: "exit-code", Step: "gate", Unset: "1", Help: "Exit code of the gate, 0 with fail-build: false"},
		{Name: "image-ref", Step: "gate", Help: "The image that was gated, as name@digest: deploy this one"},
		{Name: "digest", Step: "gate", Help: "Digest of the platform's manifest, or of the index with platforms: all"},
		{Name: "critical", Step: "gate", Help: "Open findings of severity critical; empty, as the other counts, when vulnerabilities could not be looked for"},
		{Name: "high", Step: "gate", Help: "Open findings of severity high"},
		{Name: "medium", Step: "gate", Help: "Open findings of severity medium"},
		{Name: "low", Step: "gate", Help: "Open findings of severity low"},
		{Name: "negligible", Step: "gate", Help: "Open findings of severity negligible"},
		{Name: "unknown", Step: "gate", Help: "Open findings that nobody rated"},
		{Name: "suppressed", Step: "gate", Help: "Findings that VEX suppressed"},
		{Name: "unjudged", Step: "gate", Help: "Packages that no source of vulnerabilities can judge"},
		{Name: "verified", Step: "gate", Help: "Predicate types with a verified attestation (with platforms: all, on every platform), separated by commas"},
		{Name: "score", Step: "gate", Help: "Scorecard of the hardening checks, such as 11/12; empty when none ran"},
		{Name: "checks-passed", Step: "gate", Help: "Hardening checks that passed"},
		{Name: "checks-failed", Step: "gate", Help: "Hardening checks that failed"},
		{Name: "report-dir", Step: "gate", Help: "Path of the report directory"},
		{Name: "json", Step: "gate", Help: "Path of report.json"},
		{Name: "sarif", Step: "gate", Help: "Path of results.sarif"},
		{Name: "sbom", Step: "gate", Help: "Path of the first SBOM of sbom-formats; empty when none was written"},
		{Name: "vex", Step: "gate", Help: "Path of the OpenVEX document with what was applied; empty when nothing was"},
		{Name: "evidence", Step: "gate", Help: "Path of evidence.json"},
		{Name: "summary-file", Step: "gate", Help: "Path of the summary as Markdown"},
		{Name: "artifact-id", Step: "artifact", Help: "Id of the uploaded report; empty when it was not uploaded"},
		{Name: "artifact-url", Step: "artifact", Help: "URL of the uploaded report; empty when it was not uploaded"},

		{Name: "upload-sarif", Step: "gate", Internal: true, Help: "Whether to upload the SARIF report"},
		{Name: "category", Step: "gate", Internal: true, Help: "Category for the SARIF upload"},
		{Name: "upload-artifact", Step: "gate", Internal: true, Help: "Whether to upload the report directory"},
		{Name: "artifact-name", Step: "gate", Internal: true, Help: "Name for the artifact"},
		{Name: "retention-days", Step: "gate", Internal: true, Help: "Days to keep the artifact"},
	}
}
