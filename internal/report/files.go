package report

// The names of the files that every report directory has, relative to it. A file is
// missing when there was nothing to put into it (VEX) or when writing it did not
// succeed.
const (
	FileReport   = "report.json"
	FileSchema   = "report.schema.json"
	FileSummary  = "summary.md"
	FileSARIF    = "results.sarif"
	FileEvidence = "evidence.json"
	FileVEX      = "vex.openvex.json"
	FileLedger   = "vex-ledger.json"
	// FileTimings has the durations, which are kept out of the report so that reports
	// of equal evidence are equal.
	FileTimings = "timings.json"
)

// FolderBase holds the evidence for the base image of a derived one, in the form of a
// report directory of its own.
const FolderBase = "base-image"

// FolderFeed holds the documents of a vendor's feed that counted, each with its detached
// signature; they are named by their digests.
const FolderFeed = "feed"
