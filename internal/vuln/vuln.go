// Package vuln finds the known vulnerabilities of the packages in an SBOM, with
// Grype's matchers and Grype's database of schema v6.
//
// It guarantees that a database is used only when its checksum, its schema and its age
// are as wanted, that nothing is written outside the cache directory, and that what
// could not be matched is told ([Matches.Observations]) and never passed off as clean. It
// does not know VEX and decides nothing: every finding leaves as open.
//
// A run does not need the database before the SBOM is there, so [Open] shares no state
// with the other stages and is meant to run while layers come down.
//
// Start reading at [Open], then [DB.Match].
package vuln

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// DefaultListingURL is where Anchore tells of the newest database.
const DefaultListingURL = "https://grype.anchore.io/databases"

// DBOptions say which database is used and where it is kept. The zero value, with a
// clock, is the newest published database in a directory that lasts until [DB.Close].
type DBOptions struct {
	// CacheDir keeps databases between runs; several runs may share it. Empty means a
	// temporary directory that Close removes.
	CacheDir string

	// DB is a database to use instead of the published one: an archive (.tar.zst,
	// .tar.gz), a vulnerability.db file, a directory that holds one, or the URL of an
	// archive, with ?checksum=sha256:… when its checksum is known.
	DB string

	// MaxAge is the age, counted from its build time, at which a database is refused.
	// 0 means 120 h as in Grype, less than 0 any age.
	MaxAge time.Duration

	// NoUpdate uses what the cache holds and asks nobody.
	NoUpdate bool

	// UpdateInterval is how long a database is used before the next question for a
	// newer one. 0 means 2 h as in Grype, less than 0 asks every time.
	UpdateInterval time.Duration

	// Now is the time of the run: ages are judged by it. It may be zero only when
	// MaxAge is less than 0.
	Now time.Time

	// Timeout bounds all downloads together. 0 means 5 min.
	Timeout time.Duration

	// ListingURL is a mirror's listing, with or without "/v6/latest.json". Empty means
	// [DefaultListingURL].
	ListingURL string

	// RootCAs replaces the system's certificates. Nil means the system's.
	RootCAs *x509.CertPool

	// Transport replaces the HTTP transport, and RootCAs with it. Nil means the
	// default one, which honours HTTPS_PROXY.
	Transport http.RoundTripper

	// UserAgent is sent with each request. Empty means "imagegate".
	UserAgent string

	// RetryWait is the pause before the first retry of a request; it doubles. 0 means
	// 1 s.
	RetryWait time.Duration

	// IdleTimeout is how long a server may send nothing until an attempt is given up. 0
	// means 60 s; for the listing, which is small, it is at most 10 s.
	IdleTimeout time.Duration

	// MaxArchive is the largest archive read, in bytes. 0 means 2 GiB.
	MaxArchive int64

	// MaxUnpacked is the largest database that an archive may hold, in bytes. 0 means
	// 8 GiB.
	MaxUnpacked int64

	// Logger is told of what goes on. Nil means nobody.
	Logger *slog.Logger
}

const (
	defaultMaxAge   = 120 * time.Hour
	defaultInterval = 2 * time.Hour
)

func (o DBOptions) withDefaults() DBOptions {
	set(&o.MaxAge, defaultMaxAge)
	set(&o.UpdateInterval, defaultInterval)
	set(&o.Timeout, 5*time.Minute)
	set(&o.ListingURL, DefaultListingURL)
	set(&o.UserAgent, "imagegate")
	set(&o.RetryWait, time.Second)
	set(&o.IdleTimeout, time.Minute)
	set(&o.MaxArchive, 2<<30)
	set(&o.MaxUnpacked, 8<<30)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Open makes a database ready: downloads or imports it when the cache does not hold it
// yet, verifies it, and opens it for reading.
//
// A published database that cannot be updated is used as the cache has it, and Status
// gives the reason. The error is a *[fault.Error]: Usage for an option that cannot be
// followed, Unavailable for a database that cannot be had, is damaged, has another
// schema or is too old.
func Open(ctx context.Context, opt DBOptions) (*DB, error) {
	const op = "open vulnerability database"
	opt = opt.withDefaults()
	if opt.Now.IsZero() && opt.MaxAge > 0 {
		return nil, fault.New(fault.Internal, op, "", fmt.Errorf("no clock to judge the database's age by"))
	}
	logs.install()
	s, err := newStore(opt)
	if err != nil {
		return nil, err
	}
	var d *DB
	switch {
	case opt.DB == "":
		d, err = s.published(ctx)
	case strings.Contains(opt.DB, "://"):
		d, err = s.fromURL(ctx, opt.DB)
	default:
		d, err = s.fromPath(ctx, opt.DB)
	}
	if err == nil {
		err = d.judgeAge(opt)
	}
	if ctx.Err() != nil { // and not the last good database, that is for outages
		err = ended(op, ctx.Err())
	}
	if err != nil {
		if d != nil {
			d.closeReader()
		}
		s.discard()
		return nil, err
	}
	d.store = s
	return d, nil
}

// judgeAge refuses a database that is older than wanted. An age that the user accepts
// is no flaw of it: the report shows when it was built.
func (d *DB) judgeAge(opt DBOptions) error {
	if opt.Now.IsZero() {
		return nil
	}
	age := opt.Now.Sub(d.built)
	switch {
	case opt.MaxAge > 0 && age > opt.MaxAge:
		err := fmt.Errorf("it was built %s ago, on %s; at most %s is accepted", days(age), d.built.Format(time.DateOnly), days(opt.MaxAge))
		if d.status.Reason != "" {
			err = fmt.Errorf("%w (%s)", err, d.status.Reason)
		}
		return fault.New(fault.Unavailable, "check age of vulnerability database",
			"give a newer database with db, or raise db-max-age", err)
	case age < -time.Hour:
		d.addReason("built in the future: the clock here may be wrong")
	}
	return nil
}

func days(age time.Duration) string {
	if age < 48*time.Hour {
		return fmt.Sprintf("%.0f hours", age.Hours())
	}
	return fmt.Sprintf("%.0f days", age.Hours()/24)
}

// Status describes the database for the report.
func (d *DB) Status() report.Database { return d.status }
