package attest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// run asks sigstore-go.
func run(e *entity, material root.TrustedMaterial, id verify.PolicyOption, opts ...verify.VerifierOption) (*verify.VerificationResult, error) {
	v, err := verify.NewVerifier(material, append(opts, verify.WithoutStatementPredicate())...)
	if err != nil {
		return nil, fmt.Errorf("set up the verifier: %w", err)
	}
	artifact := verify.WithoutArtifactUnsafe() // DSSE: the callers compare the statement's subjects
	if e.payloadType == "" {
		if e.payload != nil {
			artifact = verify.WithArtifact(bytes.NewReader(e.payload))
		} else {
			artifact = verify.WithArtifactDigest(algorithmName(e.digestAlgo), e.digest)
		}
	}
	return v.Verify(e, verify.NewPolicy(artifact, id))
}

// runWithKey is run for a signature that a trusted key made. A time is not needed with
// a key, so a timestamp of an unknown authority does no harm: then nothing is proven of
// the time, and the log entry must verify all the same.
func runWithKey(e *entity, material root.TrustedMaterial, logged bool) (*verify.VerificationResult, error) {
	var opts []verify.VerifierOption
	if logged {
		opts = append(opts, verify.WithTransparencyLog(1))
	}
	promised := logged && e.HasInclusionPromise()
	if promised || len(e.stamps) > 0 {
		res, err := run(e, material, verify.WithoutIdentitiesUnsafe(), append(opts[:len(opts):len(opts)], verify.WithObserverTimestamps(1))...)
		if err == nil || promised || !logged {
			return res, err
		}
	}
	return run(e, material, verify.WithoutIdentitiesUnsafe(), append(opts, verify.WithNoObserverTimestamps())...)
}

// describeLog names the entry that was verified: the first of a log that the root knows.
func describeLog(e *entity, r *trust.Root) string {
	logs := r.Material().RekorLogs()
	for _, entry := range e.entries {
		if l, ok := logs[hex.EncodeToString([]byte(entry.LogKeyID()))]; ok {
			return fmt.Sprintf("log %s entry %d", strings.TrimPrefix(l.BaseURL, "https://"), entry.LogIndex())
		}
	}
	return ""
}

// earliest is the first proven time; zero when there is none.
func earliest(res *verify.VerificationResult) time.Time {
	var t time.Time
	for _, s := range res.VerifiedTimestamps {
		if s.Type != "CurrentTime" && (t.IsZero() || s.Timestamp.Before(t)) {
			t = s.Timestamp
		}
	}
	return t.UTC()
}
