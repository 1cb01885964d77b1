// Package report is the evidence of one run: what was looked at, what was found,
// what was verified, what was decided and why. Stages add to one [Report], the
// policy turns it into a verdict, and renderers show it. It knows no library's
// types, so that a reader of report.json needs nothing but its JSON Schema
// ([Schema]).
//
// It guarantees one order: [Report.Canonical] is the only place of the program that
// sorts, and equal evidence gives equal bytes whatever order it arrived in. Empty
// lists are [] and never null. Times are UTC, whole seconds.
//
// Start reading at [Report].
package report

import "time"

// SchemaVersion is the version of the JSON form. Additions raise the minor number;
// a rename or a removal would raise the major one.
const SchemaVersion = "1.1"

// Report is everything one run learned. The JSON names are a published contract.
type Report struct {
	SchemaVersion string    `json:"schemaVersion"`
	Tool          Tool      `json:"tool"`
	Generated     time.Time `json:"generated"`

	// Subject is the image that was gated. With several platforms it is the index,
	// Platforms has one entry for each, and every item of the lists below names its
	// platform.
	Subject   Subject    `json:"subject"`
	Platforms []Platform `json:"platforms"`

	Stages          []Stage         `json:"stages"`
	SBOM            SBOM            `json:"sbom"`
	Discovery       []Probe         `json:"discovery"`
	Attestations    []Attestation   `json:"attestations"`
	Database        Database        `json:"database"`
	Advisories      []Advisories    `json:"advisories,omitempty"`
	Vulnerabilities []Vulnerability `json:"vulnerabilities"`
	VEX             VEX             `json:"vex"`
	Counts          Counts          `json:"counts"`
	Checks          []Check         `json:"checks"`
	// Score and Compliance sum up Checks; nil when there are none.
	Score      *Score      `json:"score,omitempty"`
	Compliance *Compliance `json:"compliance,omitempty"`
	Evidence   []Evidence  `json:"evidence"`
	// Observations have the key "warnings" in JSON, whatever their kind.
	Observations []Observation `json:"warnings"`
	Policy       Policy        `json:"policy"`
	Verdict      Verdict       `json:"verdict"`
}

// Tool names the program that wrote the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Platform is one platform of a run over several.
type Platform struct {
	Platform string `json:"platform"`
	Digest   string `json:"digest"`
	Result   Result `json:"result"`
	Counts   Counts `json:"counts"`
	// Path is the platform's own report, relative to the report directory.
	Path string `json:"path,omitempty"`
}

// Subject is the image under judgement. Everything in it but Reference and Tag was
// read by digest.
type Subject struct {
	// Reference is what the user asked for, as written.
	Reference string `json:"reference"`
	// Source is where the bytes came from: registry, oci-dir, docker-archive, docker
	// or sbom.
	Source string `json:"source"`
	// Registry and Repository are empty for sources that are no registry. Repository
	// includes the registry ("dhi.io/python").
	Registry    string            `json:"registry,omitempty"`
	Repository  string            `json:"repository"`
	Tag         string            `json:"tag"`
	IndexDigest string            `json:"indexDigest"`
	Digest      string            `json:"digest"`
	MediaType   string            `json:"mediaType,omitempty"`
	Platform    string            `json:"platform"`
	Labels      map[string]string `json:"labels"`
	// Annotations are the manifest's own.
	Annotations map[string]string `json:"annotations,omitempty"`
	Created     *time.Time        `json:"created"`
	EndOfLife   *time.Time        `json:"endOfLife"`
	// Size is the sum of the compressed layers in bytes.
	Size         int64   `json:"size"`
	Layers       []Layer `json:"layers"`
	ConfigDigest string  `json:"configDigest,omitempty"`
	User         string  `json:"user"`
	Distro       *Distro `json:"distro"`
	// DHI holds what the image claims to be among Docker Hardened Images; nil when it
	// claims nothing. Labels are inherited by derived images: claims, not proof.
	DHI *DHI `json:"dhi"`
	// Base is where the image it is built on ends; nil when it names none.
	Base *Base `json:"base,omitempty"`
}

// Layer is one layer, in build order.
type Layer struct {
	Digest    string `json:"digest"`
	DiffID    string `json:"diffId"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
}

// Distro is what /etc/os-release says.
type Distro struct {
	ID         string   `json:"id"`
	Version    string   `json:"version"`
	Codename   string   `json:"codename,omitempty"`
	IDLike     []string `json:"idLike,omitempty"`
	PrettyName string   `json:"prettyName,omitempty"`
}

// DHI are the com.docker.dhi.* labels, by their last part.
type DHI struct {
	Name           string   `json:"name"`
	Version        string   `json:"version,omitempty"`
	Variant        string   `json:"variant,omitempty"`
	Flavor         string   `json:"flavor,omitempty"`
	Distro         string   `json:"distro,omitempty"`
	Compliance     []string `json:"compliance,omitempty"`
	Shell          string   `json:"shell,omitempty"`
	PackageManager string   `json:"packageManager,omitempty"`
	Released       string   `json:"released,omitempty"`
	EndOfLife      string   `json:"endOfLife,omitempty"`
	Created        string   `json:"created,omitempty"`
	Definition     string   `json:"definition,omitempty"`
	Entitlement    string   `json:"entitlement,omitempty"`
	Title          string   `json:"title,omitempty"`
	URL            string   `json:"url,omitempty"`
	ChainID        string   `json:"chainId,omitempty"`
	BuildID        string   `json:"buildId,omitempty"`
	// Index is true when the index itself carries Docker's marks (its title starts
	// with "dhi/" and each manifest has a build id), which a derived image's does not.
	Index bool `json:"index"`
}

// State is how far a stage came. The three kinds of "nothing" are three states.
type State string

// Looked (and maybe found nothing, the reason says so), nothing to look at, could
// not look, and not asked to look.
const (
	Done    State = "done"
	Missing State = "missing"
	Failed  State = "failed"
	Skipped State = "skipped"
)

// The names of the stages, in the order in which they are told.
const (
	StageResolve = "resolve"
	StagePull    = "pull"
	StageSBOM    = "sbom"
	StageAttest  = "attestations"
	StageVuln    = "vulnerabilities"
	StageVEX     = "vex"
	StageHarden  = "hardening"
	StageRun     = "run-check"
)

// Stage is the outcome of one stage. Reason says what was found or why nothing was.
type Stage struct {
	Name     string `json:"name"`
	State    State  `json:"state"`
	Reason   string `json:"reason"`
	Hint     string `json:"hint,omitempty"`
	Platform string `json:"platform,omitempty"`
}

// SBOM sums up the extracted software bill of materials.
type SBOM struct {
	// Packages is the number of packages found in all platforms.
	Packages int `json:"packages"`
	// Unjudged are packages that no source of vulnerabilities can judge.
	Unjudged  int              `json:"unjudged"`
	Types     []PackageCount   `json:"types"`
	Generator string           `json:"generator,omitempty"`
	Documents []SBOMDocument   `json:"documents"`
	Drift     *SBOMDriftReport `json:"drift,omitempty"`
}

// PackageCount is the number of packages of one type ("deb", "npm", …).
type PackageCount struct {
	Type     string `json:"type"`
	Packages int    `json:"packages"`
}

// SBOMDocument is one written SBOM file.
type SBOMDocument struct {
	Format   string `json:"format"`
	Path     string `json:"path"`
	Digest   string `json:"digest"`
	Size     int64  `json:"size"`
	Platform string `json:"platform,omitempty"`
}

// SBOMDriftReport compares the vendor's signed SBOM with what was found.
type SBOMDriftReport struct {
	Attested int     `json:"attested"`
	Found    int     `json:"found"`
	Items    []Drift `json:"items"`
}

// Drift is one difference between the attested and the extracted SBOM. Kind is
// attested-only, found-only or version.
type Drift struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	Attested string `json:"attested,omitempty"`
	Found    string `json:"found,omitempty"`
	Platform string `json:"platform,omitempty"`
}

// Database is the vulnerability database that was matched against.
type Database struct {
	// State is done, missing, failed or skipped, as of a stage.
	State    State      `json:"state"`
	Schema   string     `json:"schema,omitempty"`
	Built    *time.Time `json:"built"`
	Checksum string     `json:"checksum,omitempty"`
	// Source is where it came from: a URL, an archive or the cache.
	Source string `json:"source,omitempty"`
	// Reason says what is not as it should be: an outage, an old database.
	Reason string `json:"reason,omitempty"`
}

// Evidence is one piece of data that the verdict rests on.
type Evidence struct {
	// Kind is index, manifest, config, layer, attestation, signature, sbom, database,
	// vex, key, …
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Digest string `json:"digest"`
	Size   int64  `json:"size,omitempty"`
	Path   string `json:"path,omitempty"`
	// Platform is set in a run over several platforms.
	Platform string `json:"platform,omitempty"`
}

// Result is the verdict in one word.
type Result string

// Pass and Warn let the build go on; Fail is the policy's no; Error means that
// required evidence is unavailable.
const (
	Pass  Result = "pass"
	Warn  Result = "warn"
	Fail  Result = "fail"
	Error Result = "error"
)

// Passes reports whether the result lets the build go on.
func (r Result) Passes() bool { return r == Pass || r == Warn }

// Verdict is the decision. Reasons are whole sentences, most important first.
type Verdict struct {
	Result  Result   `json:"result"`
	Reasons []string `json:"reasons"`
	// Rules has one entry for each rule of the policy that was applied.
	Rules []Rule `json:"rules"`
}

// Rule is what one rule of the policy said.
type Rule struct {
	Name     string `json:"name"`
	Result   Result `json:"result"`
	Message  string `json:"message"`
	Platform string `json:"platform,omitempty"`
}

// RuleRun names the rule that no policy switches off: a run that was cut short, or whose
// outcome could not be written or shown, decided nothing.
const RuleRun = "run"

// Policy is the policy as it was applied, so that a report explains itself.
type Policy struct {
	FailOnSeverity string `json:"failOnSeverity"`
	OnlyFixed      bool   `json:"onlyFixed"`
	// UnknownSeverity and FailOnUnread are the options of those names, where they are not
	// the default.
	UnknownSeverity string   `json:"unknownSeverity,omitempty"`
	FailOnUnread    bool     `json:"failOnUnread,omitempty"`
	Require         []string `json:"require"`
	VEXPolicy       string   `json:"vexPolicy"`
	MaxAge          string   `json:"maxAge,omitempty"`
	FailOnEOL       bool     `json:"failOnEol"`
	// VEXUnversioned, VEXAccept, VEXMaxAge, VEXLimits and VEXUnverifiedObjection are the
	// options of those names, where they are not the default.
	VEXUnversioned string `json:"vexUnversioned,omitempty"`
	VEXAccept      string `json:"vexAccept,omitempty"`
	VEXMaxAge      string `json:"vexMaxAge,omitempty"`
	VEXLimits      string `json:"vexLimits,omitempty"`

	VEXUnverifiedObjection string `json:"vexUnverifiedObjection,omitempty"`
	// FailOnCheck is the severity from which a failed check fails the gate; "" when
	// checks only inform.
	FailOnCheck string `json:"failOnCheck,omitempty"`
}

// Check is one hardening or hygiene check.
type Check struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Severity Severity `json:"severity"`
	// State is passed, failed, undecided or not-applicable.
	State  string `json:"state"`
	Reason string `json:"reason"`
	// Location is where: a file, a label, a configuration key.
	Location   string   `json:"location,omitempty"`
	Line       int      `json:"line,omitempty"`
	Remedy     string   `json:"remedy,omitempty"`
	References []string `json:"references,omitempty"`
	// Enforced checks fail the gate when they do not pass.
	Enforced bool   `json:"enforced,omitempty"`
	Platform string `json:"platform,omitempty"`
}

// The states of a [Check].
const (
	CheckPassed        = "passed"
	CheckFailed        = "failed"
	CheckUndecided     = "undecided"
	CheckNotApplicable = "not-applicable"
)

// File is one file of the report directory. Path is relative and uses slashes.
type File struct {
	Path      string
	MediaType string
	Data      []byte
}
