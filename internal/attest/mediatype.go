package attest

import "strings"

// Media types, artifact types and annotations, with the specification or the program
// that defines them.
const (
	mediaStatement     = "application/vnd.in-toto+json"                        // in-toto attestation framework
	mediaEnvelope      = "application/vnd.dsse.envelope.v1+json"               // DSSE, as cosign stores it
	mediaSimpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json"    // cosign SIGNATURE_SPEC.md
	artifactSignature  = "application/vnd.dev.cosign.artifact.sig.v1+json"     // cosign, OCI 1.1 referrers mode
	artifactBuildKit   = "application/vnd.docker.attestation.manifest.v1+json" // BuildKit, attestation-storage.md
	mediaBundlePrefix  = "application/vnd.dev.sigstore.bundle"                 // Sigstore bundle, all versions
	annoPredicateType  = "in-toto.io/predicate-type"                           // BuildKit, attestation-storage.md
	annoSignature      = "dev.cosignproject.cosign/signature"                  // cosign SIGNATURE_SPEC.md
	annoCertificate    = "dev.sigstore.cosign/certificate"                     // the same
	annoChain          = "dev.sigstore.cosign/chain"                           // the same
	annoRekorBundle    = "dev.sigstore.cosign/bundle"                          // the same
	annoTimestamp      = "dev.sigstore.cosign/rfc3161timestamp"                // the same
	annoReferenceType  = "vnd.docker.reference.type"                           // BuildKit, attestation-storage.md
	annoReferenceOf    = "vnd.docker.reference.digest"                         // the same
	referenceAttest    = "attestation-manifest"                                // value of annoReferenceType
	simpleSigningType  = "cosign container image signature"                    // critical.type of the payload
	predicateCosign    = "https://sigstore.dev/cosign/sign/v1"                 // cosign 3: a signature as a statement
	statementV01       = "https://in-toto.io/Statement/v0.1"                   // in-toto statement v0.1
	statementV1        = "https://in-toto.io/Statement/v1"                     // in-toto statement v1
)

func isBundle(mediaType string) bool { return strings.HasPrefix(mediaType, mediaBundlePrefix) }

// relevant reports whether a referrer of this artifact type may be an attestation or a
// signature. An empty type, an image's and the empty config's may be anything: some
// registries put the config's media type there.
func relevant(artifactType string) bool {
	switch artifactType {
	case "", mediaStatement, mediaEnvelope, mediaSimpleSigning, artifactSignature, artifactBuildKit,
		"application/vnd.oci.empty.v1+json", "application/vnd.oci.image.config.v1+json",
		"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.container.image.v1+json":
		return true
	}
	return isBundle(artifactType)
}
