package attest

import (
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// maxStamps is the most RFC 3161 timestamps of one signature.
const maxStamps = 32

// stampsWithin holds every RFC 3161 timestamp that an authority of the instance made to
// the time in which the signer may sign. sigstore-go takes the first of each authority
// and leaves the others unseen, so that their order would decide. A timestamp that no
// authority of the instance made says nothing. The earliest proven time is returned; zero
// when there is none.
func stampsWithin(e *entity, r *trust.Root, valid func(time.Time) bool) (first time.Time, err error) {
	if len(e.stamps) > maxStamps {
		return first, fmt.Errorf("%d timestamps, more than %d", len(e.stamps), maxStamps)
	}
	for _, stamp := range e.stamps {
		one := *e
		one.stamps = [][]byte{stamp}
		proven, _, err := verify.VerifySignedTimestamp(&one, r.Material())
		if err != nil {
			return first, fmt.Errorf("timestamp: %w", err)
		}
		for _, at := range proven {
			if !valid(at.Time) {
				return first, fmt.Errorf("a timestamp proves that it was signed at %s, when its signer was not valid", at.Time.UTC().Format(time.RFC3339))
			}
			first = earlier(first, at.Time.UTC())
		}
	}
	return first, nil
}
