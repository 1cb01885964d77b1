package vuln

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/vulnerability"
	"github.com/spf13/afero"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
	"github.com/imagegate/imagegate/internal/report"
)

// store is the part of the cache directory that holds databases:
//
//	grype-v6/HEX/            an imported database; HEX is the SHA-256 of what it was
//	    vulnerability.db     imported from
//	    import.json          Grype's own record of the import, with its checksum
//	grype-v6/source-HEX.json which database a URL gave last, and when
//	grype-v6/tmp-*           an import or a download that goes on
//
// A database gets its name by one rename when it is complete, so runs that share the
// directory see all of it or nothing. What lies there is checked on each use: against
// damage, that is, and not against somebody who may write to the cache.
type store struct {
	opt DBOptions
	// client downloads archives, and small the listing.
	client, small *fetch.Client
	root          string
	// temporary is true when the root goes away with the database.
	temporary bool
}

const (
	kept     = 3              // databases that stay in the cache
	staleTmp = 24 * time.Hour // no import takes that long
)

func newStore(opt DBOptions) (*store, error) {
	const op = "open cache of vulnerability databases"
	web := fetch.Options{Transport: opt.Transport, RootCAs: opt.RootCAs, UserAgent: opt.UserAgent,
		RetryWait: opt.RetryWait, IdleTimeout: opt.IdleTimeout, Logger: opt.Logger}
	s := &store{opt: opt, client: fetch.New(web)}
	web.IdleTimeout = min(opt.IdleTimeout, 10*time.Second)
	s.small = fetch.New(web)
	dir := opt.CacheDir
	var err error
	if dir == "" {
		s.temporary = true
		dir, err = os.MkdirTemp("", "imagegate-db-")
	} else {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return nil, fault.New(fault.Internal, op, "", err)
	}
	s.root = filepath.Join(dir, "grype-v6")
	// Grype hands SQLite the path as a URI without escaping it.
	if strings.ContainsAny(s.root, "?#%") {
		return nil, fault.Usagef(op, "choose a cache-dir without ?, # and %", "SQLite cannot open a database in %q", dir)
	}
	if err := os.MkdirAll(s.root, 0o700); err != nil {
		return nil, fault.New(fault.Internal, op, "choose a cache-dir that can be written to, or switch the cache off", err)
	}
	if s.temporary {
		s.root = filepath.Clean(s.root)
	}
	return s, nil
}

// discard removes a store that was only for this run.
func (s *store) discard() {
	if s.temporary {
		s.remove(filepath.Dir(s.root))
	}
}

func (s *store) remove(path string) {
	if err := os.RemoveAll(path); err != nil {
		s.opt.Logger.Debug("cannot remove", "path", path, "error", err)
	}
}

func (s *store) dir(checksum string) string {
	return filepath.Join(s.root, strings.TrimPrefix(checksum, "sha256:"))
}

// DB is an open database. It may be used by several goroutines; Close it once.
type DB struct {
	reader   v6.Reader
	provider vulnerability.Provider
	status   report.Database
	built    time.Time
	now      time.Time
	store    *store
}

// Close releases the database, and removes it when there is no cache directory.
func (d *DB) Close() error {
	err := d.reader.Close()
	if d.store != nil {
		d.store.discard()
	}
	return err
}

func (d *DB) closeReader() {
	_ = d.reader.Close() // opened for reading only: nothing to lose
}

func (d *DB) addReason(text string) {
	if d.status.Reason != "" {
		text = d.status.Reason + "; " + text
	}
	d.status.Reason = text
}

// open verifies the imported database with the given checksum and opens it. An error
// satisfies errors.Is(err, fs.ErrNotExist) when there is none.
func (s *store) open(checksum string) (*DB, error) {
	dir := s.dir(checksum)
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	source, err := verify(dir)
	if err != nil {
		return nil, err
	}
	r, err := v6.NewReader(v6.Config{DBDirPath: dir})
	if err != nil {
		return nil, fmt.Errorf("read database: %w", err)
	}
	d := &DB{reader: r, now: s.opt.Now}
	m, err := r.GetDBMetadata()
	if err == nil && m.BuildTimestamp == nil {
		err = errors.New("it does not say when it was built")
	}
	if err != nil {
		d.closeReader()
		return nil, fmt.Errorf("read database: %w", err)
	}
	d.provider = v6.NewVulnerabilityProvider(r)
	d.built = m.BuildTimestamp.UTC().Truncate(time.Second)
	d.status = report.Database{
		State: report.Done, Built: &d.built, Checksum: checksum, Source: source,
		Schema: fmt.Sprintf("v%d.%d.%d", m.Model, m.Revision, m.Addition),
	}
	s.touch(dir)
	return d, nil
}

// verify compares the database in dir with the checksum of its import record and
// returns where it came from.
func verify(dir string) (source string, err error) {
	files := afero.NewOsFs()
	m, err := v6.ReadImportMetadata(files, dir)
	if err != nil {
		return "", fmt.Errorf("read import record: %w", err)
	}
	got, err := v6.CalculateDBDigest(files, filepath.Join(dir, v6.VulnerabilityDBFileName))
	if err != nil {
		return "", err
	}
	if got != m.Digest {
		return "", fmt.Errorf("checksum of the imported database is %s, want %s", got, m.Digest)
	}
	return m.Source, nil
}

// adopt turns the directory tmp, which holds an unpacked vulnerability.db, into the
// imported database with the given checksum. It creates the indexes, which no archive
// carries, and that is most of the work.
func (s *store) adopt(tmp, checksum, source string) error {
	if err := checkHeader(filepath.Join(tmp, v6.VulnerabilityDBFileName)); err != nil {
		return err
	}
	if err := v6.Hydrater()(tmp); err != nil {
		return fmt.Errorf("index database: %w", err)
	}
	if _, err := v6.WriteImportMetadata(afero.NewOsFs(), tmp, source); err != nil {
		return err
	}
	final := s.dir(checksum)
	err := os.Rename(tmp, final)
	if err == nil {
		return nil
	}
	if _, bad := verify(final); bad == nil {
		s.remove(tmp) // another run was faster
		return nil
	}
	damaged, mkErr := os.MkdirTemp(s.root, "tmp-damaged-")
	if mkErr != nil {
		return errors.Join(err, mkErr)
	}
	defer s.remove(damaged)
	if mvErr := os.Rename(final, filepath.Join(damaged, "db")); mvErr != nil && !errors.Is(mvErr, fs.ErrNotExist) {
		return errors.Join(err, mvErr)
	}
	return os.Rename(tmp, final)
}

func checkHeader(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	const magic = "SQLite format 3\x00"
	head := make([]byte, len(magic))
	if n, _ := f.Read(head); string(head[:n]) != magic {
		return errors.New("vulnerability.db is no SQLite database")
	}
	return nil
}

// scratch is a new directory in the store for an import.
func (s *store) scratch() (string, error) { return os.MkdirTemp(s.root, "tmp-") }

// touch marks a database as used, for prune. The time is that of the run.
func (s *store) touch(dir string) {
	if !s.opt.Now.IsZero() {
		if err := os.Chtimes(dir, s.opt.Now, s.opt.Now); err != nil {
			s.opt.Logger.Debug("cannot mark database as used", "error", err)
		}
	}
}

// prune removes the databases that were not used lately, but never keep, and the
// leftovers of runs that were killed.
func (s *store) prune(keep string) {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return
	}
	type used struct {
		path string
		at   time.Time
	}
	var dbs []used
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue
		}
		path := filepath.Join(s.root, e.Name())
		switch _, err := hex.DecodeString(e.Name()); {
		case strings.HasPrefix(e.Name(), "tmp-"):
			if !s.opt.Now.IsZero() && s.opt.Now.Sub(info.ModTime()) > staleTmp {
				s.remove(path)
			}
		case err == nil && e.IsDir() && len(e.Name()) == 64 && path != s.dir(keep):
			dbs = append(dbs, used{path, info.ModTime()})
		}
	}
	slices.SortFunc(dbs, func(a, b used) int { return b.at.Compare(a.at) })
	for _, d := range dbs[min(len(dbs), kept-1):] {
		s.remove(d.path)
	}
}
