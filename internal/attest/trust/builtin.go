package trust

// OriginBuiltin is the origin of the rows of [Builtin].
const OriginBuiltin = "built-in"

// dhiMatch is the row of Docker's own registry for hardened images.
const dhiMatch = "dhi.io/**"

const githubIssuer = "https://token.actions.githubusercontent.com"

// BuiltinBuilders are builders whose isolation their publishers document as SLSA Build
// level 3 and whose identity is in the certificate: GitHub's reusable generator
// workflows of the SLSA project.
func BuiltinBuilders() []Builder {
	const generator = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/*_slsa3.yml@refs/tags/v**"
	return []Builder{{ID: generator, Signer: generator, Level: 3}}
}

// Builtin returns the rows that come with the program. A row names keys or identities
// only where they were seen to verify real images; where a publisher's signer could
// not be pinned, the row says what to give instead and trusts nobody.
func Builtin() (Table, error) {
	keys, err := BuiltinKeys()
	if err != nil {
		return nil, err
	}
	dhiHint := "Docker Hardened Images are signed with the embedded key dhi-2; if Docker has rotated it, give the new one with key"
	dhiExpect := []string{"vex", "sbom", "provenance"}
	ironBank := "Iron Bank signs with a key in a certificate: save https://repo1.dso.mil/ironbank-tools/ironbank-pipeline/-/raw/master/scripts/cosign/cosign-certificate.pem and give it with key"
	chainguard := "Chainguard signs an organization's images with identities of its own: list them with `chainctl iam account-associations describe ORG -o json` and give certificate-identity-regexp ^https://issuer.enforce.dev/(CATALOG_SYNCER|APKO_BUILDER)$ and certificate-oidc-issuer https://issuer.enforce.dev"
	return Table{
		{Match: dhiMatch, DHI: true, Keys: keys, Log: LogAuto, Expect: dhiExpect, Hint: dhiHint, Origin: OriginBuiltin},
		{Match: "docker.io/dhi/**", Keys: keys, Log: LogAuto, Expect: dhiExpect, Hint: dhiHint, Origin: OriginBuiltin},
		{Match: "registry.scout.docker.com/**", Keys: keys, Log: LogAuto, Expect: dhiExpect, Hint: dhiHint, Origin: OriginBuiltin},
		{Match: "docker.io/*/dhi-*", Keys: keys, Log: LogAuto, Expect: dhiExpect, Hint: dhiHint, Origin: OriginBuiltin},
		{
			Match: "cgr.dev/chainguard/**",
			Identities: []Identity{{
				Issuer:  githubIssuer,
				Subject: "https://github.com/chainguard-images/images/.github/workflows/release.yaml@refs/heads/main",
			}},
			Log: LogAuto, Expect: []string{"sbom", "provenance"}, Origin: OriginBuiltin,
			Hint: "Chainguard's free images are signed keyless by their release workflow",
		},
		{Match: "cgr.dev/**", Log: LogAuto, Expect: []string{"sbom", "provenance"}, Hint: chainguard, Origin: OriginBuiltin},
		{
			Match: "gcr.io/distroless/**",
			Identities: []Identity{{
				Issuer:  "https://accounts.google.com",
				Subject: "keyless@distroless.iam.gserviceaccount.com",
			}},
			Log: LogAuto, Origin: OriginBuiltin,
			Hint: "distroless images are signed keyless by Google's build account",
		},
		{Match: "registry1.dso.mil/ironbank/**", Log: LogAuto, Expect: []string{"sbom"}, Hint: ironBank, Origin: OriginBuiltin},
		{
			Match: "dp.apps.rancher.io/**", Log: LogAuto, Origin: OriginBuiltin,
			Hint: "SUSE Application Collection signs with a key: save https://apps.rancher.io/ap-pubkey.pem and give it with key",
		},
	}, nil
}
