package attest

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// Options configure [Verify]. The zero value is ready to use: the built-in trust
// table, Sigstore's embedded public-good instance, and the limits below.
type Options struct {
	// Keys and Identities are the signers to accept. When either is set they replace
	// the signers of the table's row: who names a key means that key. Add
	// trust.NamedKey("dhi-2") to keep Docker's beside one's own.
	Keys       []trust.Key
	Identities []trust.Identity

	// Table maps repositories to signers. Nil means trust.Builtin().
	Table trust.Table

	// Roots are the Sigstore instances that may vouch for keyless signers and log
	// entries. Nil means the embedded public-good instance. Each is tried by itself.
	Roots []*trust.Root

	// Log overrides the row's transparency-log policy. "" means the row's, or auto.
	Log trust.LogPolicy

	// Now is the time of the run. It decides only whether a key that has a validity
	// period may count for a signature without a proven time; zero means it may not.
	Now time.Time

	// MaxReferrers is the most referrers of one subject that are considered in one
	// store, whatever the list calls them. 0 means 1,000. More are a failed probe.
	MaxReferrers int

	// MaxManifest is the largest manifest read, in bytes. 0 means 4 MiB.
	MaxManifest int64

	// MaxStatement is the largest statement, envelope or bundle read, in bytes. 0
	// means 64 MiB.
	MaxStatement int64

	// MaxPayload is the largest signature payload read, in bytes. 0 means 1 MiB.
	MaxPayload int64

	// MaxTotal bounds the sum of all that is read, in bytes. 0 means 1 GiB.
	MaxTotal int64

	// MaxObjects bounds the number of manifests and blobs that are read. 0 means 5,000.
	MaxObjects int

	// MaxSubjects is the most subjects of one statement. 0 means 1,024.
	MaxSubjects int

	// MaxDepth is the deepest nesting of JSON. 0 means 256.
	MaxDepth int

	// Parallel is the number of requests made at once. 0 means 8.
	Parallel int

	// Logger hears what is done. Nil means nobody.
	Logger *slog.Logger
}

// limits are the bounds of [Options] with the defaults filled in.
type limits struct {
	referrers, subjects, depth, objects, parallel int
	manifest, statement, payload, total           int64
}

func (o Options) limits() limits {
	return limits{
		referrers: cmp.Or(o.MaxReferrers, 1000),
		subjects:  cmp.Or(o.MaxSubjects, 1024),
		depth:     cmp.Or(o.MaxDepth, 256),
		objects:   cmp.Or(o.MaxObjects, 5000),
		parallel:  cmp.Or(o.Parallel, 8),
		manifest:  cmp.Or(o.MaxManifest, 4<<20),
		statement: cmp.Or(o.MaxStatement, 64<<20),
		payload:   cmp.Or(o.MaxPayload, 1<<20),
		total:     cmp.Or(o.MaxTotal, 1<<30),
	}
}
