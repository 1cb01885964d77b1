// Package config holds every option of the program once: its name, help, default
// and setter. Flags, action inputs, the configuration file, action.yml and the
// tables of the README all come from the one table, [Options].
//
// It guarantees one precedence: a flag or an action input, then the configuration
// file, then the default. An empty value is an unset one, because an action input
// that was not given arrives as an empty string. Values are checked here, so that
// later stages meet only legal ones; all mistakes are told at once.
//
// It knows nothing of the process: the environment is passed in as a function and
// files are read through [Sources].
//
// Start reading at [Load].
package config

import (
	"time"
)

// Config is the whole configuration of a run. Its zero value is not usable: make
// one with [Load], which applies the defaults of the table.
type Config struct {
	// Image is the reference to gate.
	Image string
	// Platform is one platform, "os/arch[/variant]"; "" means the default of the
	// machine (see [DefaultPlatform]). AllPlatforms gates every platform of an index.
	Platform     string
	AllPlatforms bool

	RegistryUsername      string
	RegistryPassword      string
	RegistryPasswordStdin bool
	RegistryPasswordFile  string
	PlainHTTP             bool
	CAFile                string
	Timeout               time.Duration

	Keys                        []string
	TrustedRoot                 string
	CertificateIdentity         string
	CertificateIdentityRegexp   string
	CertificateOIDCIssuer       string
	CertificateOIDCIssuerRegexp string
	TransparencyLog             string
	AttestationRegistry         string
	// Attestations are local files, folders and layouts that hold attestations.
	Attestations []string
	// Trust are the user's rows of the trust table, from the configuration file.
	Trust []TrustRow

	BuilderID, BuildType, SourceURI, SourceRef string
	SLSALevel                                  int
	VSAVerifier, VSAResource                   string
	VSAMaxAge                                  time.Duration
	VSALevels                                  []string

	// SBOMSource is attested, extracted or both; MaxDrift is how many differences between
	// the two are accepted, less than 0 any number.
	SBOMSource string
	MaxDrift   int

	// Base and BaseSBOM name the image that this one is built on.
	Base     string
	BaseSBOM string

	VEX []string
	// VEXFolder is read like a file that VEX names, if it is there; [None] reads none.
	VEXFolder      string
	VEXPolicy      string
	VEXUnversioned string
	// VEXAccept are rules, in their order. The pipeline reads them: their language is
	// that of the stage.
	VEXAccept []string
	VEXMaxAge time.Duration
	VEXLimits []Limit
	// VEXObjection is what a newer unverified statement against a suppression comes to.
	VEXObjection string
	// VEXFeeds and Advisories are sources, or [Auto] alone; empty means none.
	VEXFeeds   []string
	Advisories []string
	// AdvisoriesMaxAge is how old the commit of advisories may be; 0 means any age.
	AdvisoriesMaxAge time.Duration

	Require        []string
	FailOnSeverity string
	OnlyFixed      bool
	// UnknownSeverity and FailOnUnread say what is made of what nobody rated, or read.
	UnknownSeverity string
	FailOnUnread    bool
	FailBuild       bool
	FailOnEOL       bool
	MaxAge          time.Duration
	AllowEmptySBOM  bool

	// Lint are the paths whose Dockerfiles and Compose files are checked.
	Lint          []string
	LintExclude   []string
	HardenedBases []string
	// MaxImageSize is in bytes.
	MaxImageSize int64
	MaxLayers    int
	// FailOnCheck is a severity, or [SeverityNone].
	FailOnCheck string
	RunCheck    bool

	DB       string
	DBMaxAge time.Duration
	Cache    bool
	CacheDir string

	SBOMFormats    []string
	ReportDir      string
	ConfigFile     string
	Summary        bool
	Annotations    bool
	SARIFFile      string
	UploadSARIF    bool
	Category       string
	UploadArtifact bool
	ArtifactName   string
	RetentionDays  int

	Quiet   bool
	Verbose bool

	// Warnings are remarks about how options were given, such as a password on the
	// command line. They change nothing.
	Warnings []string
}

// The values of vex-policy.
const (
	VEXVerified = "verified"
	VEXAny      = "any"
	VEXOff      = "off"
)

// The values of vex-unversioned.
const (
	VEXStrict     = "strict"
	VEXOwnImage   = "own-image"
	VEXAnyProduct = "any"
)

// The values of vex-unverified-objection.
const (
	ObjectionWarn   = "warn"
	ObjectionFail   = "fail"
	ObjectionIgnore = "ignore"
)

// None, as a value of config and vex-folder, is the word for no file and no folder.
const None = "none"

// SeverityNone switches the severity gate off.
const SeverityNone = "none"

// RequireAuto is the default of require: the preset of the vendor for images that
// come from its own registry, and nothing for all others.
const RequireAuto = "auto"

// Auto, as the value of advisories and vex-feed, leaves the source to the program:
// Docker's own repository for images and packages of Docker's, and nothing for others.
const Auto = "auto"

// presets are the named lists of require.
var presets = map[string][]string{
	"dhi":  {"vex", "sbom", "provenance"},
	"none": {},
}

// Families are the predicate families that require accepts.
func Families() []string {
	return []string{
		"vex", "sbom", "provenance", "vulnerabilities", "secrets", "virus", "tests", "stig", "fips",
		"source", "vsa", "health", "signature",
	}
}
