package config

import "time"

// Options returns the table of all options, in the order of the documentation. The
// names are a published contract.
func Options() []Option {
	return []Option{
		{Name: "image", Kind: String, Group: "Image", set: str(func(c *Config) *string { return &c.Image }),
			Help: "Image to gate: a reference (tag or digest), oci-dir:PATH, docker-archive:PATH or docker:REF"},
		{Name: "platform", Kind: String, Group: "Image", set: str(func(c *Config) *string { return &c.Platform }),
			Help: "Platform to gate, os/arch[/variant]; empty means linux with the machine's architecture"},
		{Name: "platforms", Kind: String, Group: "Image", Values: []string{"all"}, set: func(c *Config, v string) error {
			c.AllPlatforms = v == "all"
			return nil
		}, Help: "all gates every platform of the index in one run, with one verdict"},

		{Name: "registry-username", Kind: String, Group: "Access", set: str(func(c *Config) *string { return &c.RegistryUsername }),
			Help: "User of the registry; empty means the Docker configuration and its credential helpers"},
		{Name: "registry-password", Kind: String, Group: "Access", Secret: true, set: verbatim(func(c *Config) *string { return &c.RegistryPassword }),
			Help: "Password or token for registry-username; prefer registry-password-stdin or registry-password-file to a flag"},
		{Name: "registry-password-stdin", Kind: Bool, Default: "false", Group: "Access", Use: FlagOnly, set: boolean(func(c *Config) *bool { return &c.RegistryPasswordStdin }),
			Help: "Read the password from standard input"},
		{Name: "registry-password-file", Kind: String, Group: "Access", set: str(func(c *Config) *string { return &c.RegistryPasswordFile }),
			Help: "Read the password from this file"},
		{Name: "plain-http", Kind: Bool, Default: "false", Group: "Access", set: boolean(func(c *Config) *bool { return &c.PlainHTTP }),
			Help: "Allow HTTP without TLS for a registry that is not on the loopback interface"},
		{Name: "ca-file", Kind: String, Group: "Access", set: str(func(c *Config) *string { return &c.CAFile }),
			Help: "PEM bundle of certificate authorities to trust besides the system's"},
		{Name: "timeout", Kind: Duration, Default: "15m", Group: "Access", set: duration(func(c *Config) *time.Duration { return &c.Timeout }),
			Help: "Bound on the whole run, retries included"},

		{Name: "key", Kind: List, Group: "Trust", set: list(func(c *Config) *[]string { return &c.Keys }),
			Help: "Public key or certificate that may sign attestations: a PEM file, the PEM text, or a built-in key by name (dhi-2); with one given, only those given count"},
		{Name: "trusted-root", Kind: String, Group: "Trust", set: str(func(c *Config) *string { return &c.TrustedRoot }),
			Help: "Sigstore trusted root (JSON file) for certificates and transparency logs; empty means the public-good instance"},
		{Name: "certificate-identity", Kind: String, Group: "Trust", set: str(func(c *Config) *string { return &c.CertificateIdentity }),
			Help: "Identity that a signing certificate must carry (keyless signatures)"},
		{Name: "certificate-identity-regexp", Kind: String, Group: "Trust", set: regexpString(func(c *Config) *string { return &c.CertificateIdentityRegexp }),
			Help: "Regular expression that the identity must match"},
		{Name: "certificate-oidc-issuer", Kind: String, Group: "Trust", set: str(func(c *Config) *string { return &c.CertificateOIDCIssuer }),
			Help: "OIDC issuer that a signing certificate must carry"},
		{Name: "certificate-oidc-issuer-regexp", Kind: String, Group: "Trust", set: regexpString(func(c *Config) *string { return &c.CertificateOIDCIssuerRegexp }),
			Help: "Regular expression that the issuer must match"},
		{Name: "transparency-log", Kind: String, Default: "auto", Values: []string{"auto", "require", "ignore"}, Group: "Trust", set: str(func(c *Config) *string { return &c.TransparencyLog }),
			Help: "auto verifies a log entry where one is attached, require wants one for each signature, ignore looks at none"},
		{Name: "attestation-registry", Kind: String, Group: "Trust", set: str(func(c *Config) *string { return &c.AttestationRegistry }),
			Help: "Registry that holds the attestations, if it is not the image's own (registry.scout.docker.com is found by itself for DHI mirrors); none looks in no other"},

		{Name: "vex", Kind: List, Group: "VEX", set: list(func(c *Config) *[]string { return &c.VEX }),
			Help: "OpenVEX file, folder or glob that may suppress findings on your word"},
		{Name: "vex-policy", Kind: String, Default: VEXVerified, Values: []string{VEXVerified, VEXAny, VEXOff}, Group: "VEX", set: str(func(c *Config) *string { return &c.VEXPolicy }),
			Help: "verified: only verified attestations and files that you name may suppress; any: unverified attestations too; off: nothing may"},

		{Name: "require", Kind: List, Default: RequireAuto, Group: "Policy", set: setRequire,
			Help: "Predicate families that must be there and verified, or a preset: dhi (vex, sbom, provenance), none; auto means dhi for images of dhi.io and its mirrors, none for others"},
		{Name: "fail-on-severity", Alias: "severity-cutoff", Kind: String, Default: "high", Values: []string{"critical", "high", "medium", "low", "negligible", SeverityNone}, Group: "Policy", set: str(func(c *Config) *string { return &c.FailOnSeverity }),
			Help: "Fail when an open finding is at least this severe; none switches the rule off"},
		{Name: "only-fixed", Kind: Bool, Default: "false", Group: "Policy", set: boolean(func(c *Config) *bool { return &c.OnlyFixed }),
			Help: "Let only findings with a fix fail the build; the others stay in the report"},
		{Name: "fail-build", Kind: Bool, Default: "true", Group: "Policy", set: boolean(func(c *Config) *bool { return &c.FailBuild }),
			Help: "With false the verdict is written and the exit code is 0"},
		{Name: "fail-on-eol", Kind: Bool, Default: "false", Group: "Policy", set: boolean(func(c *Config) *bool { return &c.FailOnEOL }),
			Help: "Fail when the image is past its end of life; without it that is a warning"},
		{Name: "max-age", Kind: Duration, Group: "Policy", set: duration(func(c *Config) *time.Duration { return &c.MaxAge }),
			Help: "Fail when the image is older than this, such as 30d"},
		{Name: "allow-empty-sbom", Kind: Bool, Default: "false", Group: "Policy", set: boolean(func(c *Config) *bool { return &c.AllowEmptySBOM }),
			Help: "Accept an image in which no package was found; without it such an image is not decided (exit 3)"},

		{Name: "db", Kind: String, Group: "Database", set: str(func(c *Config) *string { return &c.DB }),
			Help: "Vulnerability database archive (path or URL) to use instead of the online one, for air-gapped runs"},
		{Name: "db-max-age", Kind: Duration, Default: "5d", Group: "Database", set: duration(func(c *Config) *time.Duration { return &c.DBMaxAge }),
			Help: "Oldest database that may decide; 0 accepts any age"},
		{Name: "cache", Kind: Bool, Default: "true", Group: "Database", set: boolean(func(c *Config) *bool { return &c.Cache }),
			Help: "Keep the database between runs"},
		{Name: "cache-dir", Kind: String, Group: "Database", set: str(func(c *Config) *string { return &c.CacheDir }),
			Help: "Where the database is kept; empty means imagegate in the user's cache directory"},

		{Name: "sbom-formats", Kind: List, Default: "syft-json,spdx-json,cyclonedx-json", Group: "Reports", set: setFormats,
			Help: "SBOM formats to write: syft-json, spdx-json, cyclonedx-json"},
		{Name: "report-dir", Kind: String, Default: "imagegate-report", Group: "Reports", set: str(func(c *Config) *string { return &c.ReportDir }),
			Help: "Directory for the report, the SBOMs and the evidence"},
		{Name: "config", Kind: String, Group: "Reports", set: str(func(c *Config) *string { return &c.ConfigFile }),
			Help: "Configuration file; empty means .imagegate.yaml in the working directory, if there is one"},
		{Name: "sarif-file", Kind: String, Group: "Reports", set: str(func(c *Config) *string { return &c.SARIFFile }),
			Help: "Write the SARIF report to this path too"},
		{Name: "category", Kind: String, Group: "Reports", set: str(func(c *Config) *string { return &c.Category }),
			Help: "Category of the SARIF report; empty means one made of repository and platform, so that several images do not overwrite each other"},

		{Name: "summary", Kind: Bool, Default: "true", Group: "Action", set: boolean(func(c *Config) *bool { return &c.Summary }),
			Help: "Write the job summary"},
		{Name: "annotations", Kind: Bool, Default: "true", Group: "Action", set: boolean(func(c *Config) *bool { return &c.Annotations }),
			Help: "Write annotations for what fails or warns"},
		{Name: "upload-sarif", Kind: Bool, Default: "false", Group: "Action", set: boolean(func(c *Config) *bool { return &c.UploadSARIF }),
			Help: "Upload the SARIF report to code scanning; needs security-events: write"},
		{Name: "upload-artifact", Kind: Bool, Default: "true", Group: "Action", set: boolean(func(c *Config) *bool { return &c.UploadArtifact }),
			Help: "Upload the report directory as an artifact, also when the gate fails"},
		{Name: "artifact-name", Kind: String, Group: "Action", set: setArtifactName,
			Help: "Name of the artifact; empty means one made of the image's name and digest"},
		{Name: "retention-days", Kind: Int, Default: "90", Group: "Action", set: integer(0, 400, func(c *Config) *int { return &c.RetentionDays }),
			Help: "Days to keep the artifact; 0 means the repository's default"},

		{Name: "quiet", Kind: Bool, Default: "false", Group: "Terminal", Use: FlagOnly, set: boolean(func(c *Config) *bool { return &c.Quiet }),
			Help: "Print the verdict only"},
		{Name: "verbose", Kind: Bool, Default: "false", Group: "Terminal", Use: FlagOnly, set: boolean(func(c *Config) *bool { return &c.Verbose }),
			Help: "Print what is being done, for finding a fault"},
	}
}
