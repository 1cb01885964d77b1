package advisory

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// loader reads sources into a feed and gathers what is wrong with them.
type loader struct {
	opt   Options
	feed  *Feed
	files int
	total int64
	errs  []error
	more  int
}

func (l *loader) fail(err error) {
	if len(l.errs) >= maxErrors {
		l.more++
		return
	}
	l.errs = append(l.errs, err)
}

func (l *loader) source(s Source, info *SourceInfo) {
	info.Name, info.Commit, info.Made = s.Name, s.Commit, s.Made
	before, sum := len(l.errs)+l.more, sha256.New()
	for _, f := range s.Files {
		info.Size += int64(len(f.Data))
		digest := sha256.Sum256(f.Data)
		if len(s.Files) == 1 {
			info.Digest = "sha256:" + hex.EncodeToString(digest[:])
		}
		fmt.Fprintf(sum, "%x  %s\n", digest, f.Name)
		l.file(f, s.Signed, info)
	}
	if info.Digest == "" {
		info.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	}
	if info.Records == 0 && before == len(l.errs)+l.more {
		l.fail(fmt.Errorf("%s holds no OSV record", s.Name))
	}
}

// file reads one file, or each of an archive. A signature beside the archive is one for
// all of them.
func (l *loader) file(f File, signed bool, info *SourceInfo) {
	if isArchive(f.Data) {
		before := info.Records
		if err := l.archive(f, signed, info); err != nil {
			l.fail(fmt.Errorf("archive %s: %w", f.Name, err))
		}
		if f.Signature != nil {
			l.feed.checks = append(l.feed.checks, check{File: f, info: info, records: info.Records - before})
		}
		return
	}
	if err := l.count(int64(len(f.Data) + len(f.Signature))); err != nil {
		l.fail(fmt.Errorf("%s: %w", f.Name, err))
		return
	}
	l.document(f, signed, info)
}

// count adds a file to what was read.
func (l *loader) count(size int64) error {
	l.files++
	l.total += size
	switch {
	case l.files > l.opt.MaxFiles:
		return fmt.Errorf("more than %d files", l.opt.MaxFiles)
	case size > l.opt.MaxFile:
		return fmt.Errorf("larger than %d bytes", l.opt.MaxFile)
	case l.total > l.opt.MaxTotal:
		return fmt.Errorf("all files together are larger than %d bytes", l.opt.MaxTotal)
	}
	return nil
}

// document reads one file. Whatever is signed is verified, also what is no record: it
// may have been one.
func (l *loader) document(f File, signed bool, info *SourceInfo) {
	r, err := parse(f.Data)
	if err != nil {
		l.fail(fmt.Errorf("%s: %w", f.Name, err))
		return
	}
	c := check{File: f, info: info}
	if r == nil {
		info.Other++
	} else {
		info.Records++
		c.records = 1
		c.keys = l.feed.add(r)
	}
	if f.Signature != nil || signed && r != nil {
		l.feed.checks = append(l.feed.checks, c)
	}
}

// add takes a record, and returns how it names packages.
func (f *Feed) add(r *record) (keys []key) {
	f.records++
	if r.Withdrawn != nil {
		f.withdrawn++
	}
	for i := range r.Affected {
		a := &r.Affected[i]
		if a.Package.Ecosystem == hardened {
			if e := ecosystemOf(a.Package.PURL); e != "" {
				a.Package.Ecosystem = e
			}
		}
		if !ours(a.Package.Ecosystem) {
			if name := strings.ToLower(a.Package.Ecosystem); strings.HasPrefix(name, strings.ToLower(hardened)) && r.Withdrawn == nil && !aboutImage(a.Package.PURL) {
				f.unread[a.Package.Ecosystem] = true
			}
			continue
		}
		k := keyOf(a.Package.Ecosystem, a.Package.Name)
		f.entries[k] = append(f.entries[k], entry{r, a})
		keys = append(keys, k)
	}
	return keys
}

// supersede keeps, of the copies of one record that name a package, the newest: two
// sources may hold the feed of two days. Withdrawal is such a change too.
func (f *Feed) supersede() {
	for k, list := range f.entries {
		newest := map[string]time.Time{}
		for _, e := range list {
			if at := e.record.Modified; at.After(newest[e.record.ID]) {
				newest[e.record.ID] = at
			}
		}
		f.entries[k] = slices.DeleteFunc(list, func(e entry) bool {
			return e.record.Modified.Before(newest[e.record.ID]) || e.record.Withdrawn != nil
		})
	}
}
