package vuln

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/db/v6/distribution"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
)

const (
	updateOp   = "update vulnerability database"
	updateHint = "use db with the archive of a database when there is no network, or run once with one to fill the cache"
)

// published opens the newest published database: the cached one when it is that or when
// nothing newer can be had.
func (s *store) published(ctx context.Context) (*DB, error) {
	listing, err := listingURL(s.opt.ListingURL)
	if err != nil {
		return nil, err
	}
	last := s.last(fetch.Redact(listing))
	have := s.cached(last)
	if s.opt.NoUpdate {
		if have == nil {
			return nil, fault.Unavailablef(updateOp, updateHint, "updates are off and the cache holds no database")
		}
		return have, nil
	}
	if have != nil && s.recent(last) && !s.tooOld(have) {
		return have, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	newer, checksum, note, err := s.newest(ctx, listing, have)
	if err != nil {
		return s.fallBack(have, err)
	}
	if newer != nil {
		if have != nil {
			have.closeReader()
		}
		have = newer
	}
	if note != "" {
		have.addReason(note)
	}
	s.remember(pointer{Source: fetch.Redact(listing), Checksum: checksum, Checked: s.opt.Now})
	return have, nil
}

// newest asks for the newest database and imports it when it is newer than have; newer
// is nil when have is it.
func (s *store) newest(ctx context.Context, listing *url.URL, have *DB) (newer *DB, checksum, note string, err error) {
	doc, err := s.latest(ctx, listing)
	if err != nil {
		return nil, "", "", fmt.Errorf("read listing %s: %w", fetch.Redact(listing), err)
	}
	switch doc.Status {
	case distribution.StatusDeprecated:
		note = "databases of this schema will end soon: update imagegate"
	case distribution.StatusEndOfLife:
		note = "no more databases of this schema are published: update imagegate"
	}
	// A listing that goes back in time is a stale mirror or a replay.
	if have != nil && (doc.Checksum == have.status.Checksum || !doc.Built.After(have.built)) {
		return nil, have.status.Checksum, note, nil
	}
	archive := *listing
	archive.Path = path.Join(path.Dir(listing.Path), path.Base(doc.Path))
	archive.RawPath = ""
	d, _, err := s.fetch(ctx, &archive, doc.Checksum, "")
	if err != nil {
		return nil, "", "", err
	}
	return d, doc.Checksum, note, nil
}

// latest reads the listing. What it names is checked later by its checksum.
func (s *store) latest(ctx context.Context, u *url.URL) (*distribution.LatestDocument, error) {
	ctx, cancel := context.WithTimeout(ctx, min(s.opt.Timeout, 45*time.Second)) // enough for all attempts
	defer cancel()
	body, err := s.small.Bytes(ctx, u, maxSmall)
	if err != nil {
		return nil, err
	}
	return parseListing(bytes.NewReader(body))
}

func parseListing(r io.Reader) (*distribution.LatestDocument, error) {
	doc, err := distribution.NewLatestFromReader(r)
	switch {
	case err != nil:
		return nil, err
	case doc == nil:
		return nil, errors.New("it is empty")
	case doc.SchemaVersion.Model != v6.ModelVersion:
		return nil, fmt.Errorf("it offers schema %s, want v%d", doc.SchemaVersion, v6.ModelVersion)
	case !isChecksum(doc.Checksum):
		return nil, fmt.Errorf("its checksum %.80q is not sha256: and 64 digits", doc.Checksum)
	case path.Base(doc.Path) != doc.Path || doc.Path == "." || doc.Path == "..":
		return nil, fmt.Errorf("its path %.80q is not the name of a file beside it", doc.Path)
	}
	return doc, nil
}

// fetch downloads the archive at u, imports it and opens it. want is its checksum, ""
// when nobody knows it. Given the tag of an earlier download it returns nothing when
// that is still the newest.
func (s *store) fetch(ctx context.Context, u *url.URL, want, known string) (d *DB, tag string, err error) {
	tmp, err := s.scratch()
	if err != nil {
		return nil, "", err
	}
	defer s.remove(tmp)
	name := filepath.Join(tmp, "archive")
	got, tag, fresh, err := s.download(ctx, u, known, name)
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("download %s: %w", fetch.Redact(u), err)
	case !fresh:
		return nil, tag, nil
	case want != "" && got != want:
		return nil, "", fmt.Errorf("download %s: its checksum is %s, want %s", fetch.Redact(u), got, want)
	}
	d, err = s.imported(ctx, name, got, fetch.Redact(u))
	return d, tag, err
}

// fromURL opens the database in the archive at a URL. With ?checksum=sha256:… an
// archive that was imported before is not downloaded again; without, the server is
// asked whether it changed.
func (s *store) fromURL(ctx context.Context, raw string) (*DB, error) {
	const op = "download vulnerability database"
	u, err := parseURL(op, raw)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	want := q.Get("checksum")
	q.Del("checksum") // for us, not for the server
	u.RawQuery = q.Encode()
	switch {
	case want != "" && !isChecksum(want):
		return nil, fault.Usagef(op, "write ?checksum=sha256: and 64 lower-case digits", "checksum %.80q cannot be used", want)
	case want == "" && u.Scheme == "http" && !fetch.Loopback(u.Hostname()):
		return nil, fault.Usagef(op, "use https, or add ?checksum=sha256:…", "nothing protects the database at %s on its way", fetch.Redact(u))
	}
	last := s.last(fetch.Redact(u))
	if want != "" && last.Checksum != want {
		last = pointer{Source: fetch.Redact(u), Checksum: want}
	}
	have := s.cached(last)
	if have != nil && (want != "" || s.opt.NoUpdate) {
		return have, nil
	}
	if s.opt.NoUpdate {
		return nil, fault.Unavailablef(op, updateHint, "updates are off and the cache does not hold %s", fetch.Redact(u))
	}
	if have == nil {
		last.ETag = ""
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	d, tag, err := s.fetch(ctx, u, want, last.ETag)
	if err != nil {
		return s.fallBack(have, err)
	}
	if d == nil {
		d = have
	} else if have != nil {
		have.closeReader()
	}
	s.remember(pointer{Source: fetch.Redact(u), Checksum: d.status.Checksum, ETag: tag, Checked: s.opt.Now})
	return d, nil
}

// fallBack uses the database at hand when a newer one cannot be had, and says so.
func (s *store) fallBack(have *DB, cause error) (*DB, error) {
	if have == nil {
		return nil, fault.New(fault.Unavailable, updateOp, updateHint, cause)
	}
	s.opt.Logger.Warn("no newer vulnerability database could be had; the last good one is used", "error", cause)
	have.addReason(fmt.Sprintf("not updated (%v): the last good database is used", cause))
	return have, nil
}

// cached opens what a pointer points to, nil when it is not there or damaged.
func (s *store) cached(p pointer) *DB {
	if p.Checksum == "" {
		return nil
	}
	d, err := s.open(p.Checksum)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			s.opt.Logger.Warn("the cached vulnerability database is damaged", "error", err)
		}
		return nil
	}
	return d
}

// recent reports whether the source was asked a short while ago.
func (s *store) recent(p pointer) bool {
	if s.opt.Now.IsZero() || s.opt.UpdateInterval < 0 {
		return false
	}
	since := s.opt.Now.Sub(p.Checked)
	return since >= 0 && since < s.opt.UpdateInterval
}

func (s *store) tooOld(d *DB) bool {
	return s.opt.MaxAge > 0 && s.opt.Now.Sub(d.built) > s.opt.MaxAge
}

// listingURL completes the address of a mirror.
func listingURL(raw string) (*url.URL, error) {
	u, err := parseURL(updateOp, raw)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(u.Path, ".json") {
		u.Path = path.Join("/", u.Path, fmt.Sprintf("v%d", v6.ModelVersion), distribution.LatestFileName)
	}
	if u.Scheme == "http" && !fetch.Loopback(u.Hostname()) {
		return nil, fault.Usagef(updateOp, "use https", "nothing protects the listing at %s on its way", fetch.Redact(u))
	}
	return u, nil
}

func parseURL(op, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fault.New(fault.Usage, op, "check the URL", fetch.WithoutURL(err))
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, fault.Usagef(op, "give a path, or a URL that starts with https://", "%q is not the URL of a database", fetch.Redact(u))
	}
	return u, nil
}
