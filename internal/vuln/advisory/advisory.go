// Package advisory matches packages against a vendor's own OSV advisories: those of
// Docker Hardened Images, in both forms that Docker publishes.
//
//   - Components built by Docker, pkg:dhi/NAME, in the ecosystem "DHI". Their versions
//     are SemVer whose build metadata carries order ("23.7.6+110" < "23.7.6+111").
//   - Packages of the distribution that Docker rebuilt, pkg:apk/dhi/NAME and
//     pkg:deb/dhi/NAME of an image with ID=dhi, in the ecosystems "Docker Hardened
//     Images:Alpine:RELEASE" and "Docker Hardened Images:Debian:RELEASE". Their
//     versions are ordered as apk and dpkg order them, never as SemVer.
//
// It guarantees that the ecosystem, the name and the version decide exactly: no other
// feed, no CPE and no neighbouring release is asked, and a package that no advisory
// names has no known vulnerability. Withdrawn advisories are passed over. What cannot
// be compared is told and never passed off as clean.
//
// It does not know whether a package really is the vendor's: a name space is not
// membership. The caller says which packages to look up. It knows no VEX either.
//
// Start reading at [Read], then [Feed.Verify] and [Feed.Match].
package advisory

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
)

// Options bound what is read. The zero value has the defaults.
type Options struct {
	// MaxFiles bounds the files of all sources together, those in archives included. 0
	// means 200,000.
	MaxFiles int
	// MaxFile bounds one advisory, in bytes. 0 means 8 MiB.
	MaxFile int64
	// MaxTotal bounds the sum of all files, unpacked, in bytes. 0 means 1 GiB.
	MaxTotal int64
}

func (o Options) withDefaults() Options {
	o.MaxFiles = cmp.Or(o.MaxFiles, 200_000)
	o.MaxFile = cmp.Or(o.MaxFile, 8<<20)
	o.MaxTotal = cmp.Or(o.MaxTotal, 1<<30)
	return o
}

// File is one file as read: an advisory, or an archive of advisories (.zip, .tar,
// .tar.gz, .tar.zst; known by its content).
type File struct {
	Name string
	Data []byte
	// Signature is the detached signature that lies beside the file; nil when none does.
	Signature []byte
}

// Source is what the user named: a file, an archive, or the files of a folder.
type Source struct {
	Name  string
	Files []File
	// Commit is that of the vendor's repository, "" when the source is not known to be a
	// checkout of it. An archive that git made may say it itself.
	Commit string
	// Made is when the commit was made; zero when that is not known. An archive that git
	// made says it itself.
	Made time.Time
	// Signed says that every record has to have a signature: it is so of the vendor's
	// repository, in an archive too.
	Signed bool
}

// SourceInfo says what a source held. Digest is the SHA-256 of the only file, or of the
// lines "digest  name" of all files in the order given.
type SourceInfo struct {
	Name    string
	Digest  string
	Size    int64
	Records int
	// Other files were JSON, and no advisories: a feed's VEX documents and its index.
	Other  int
	Commit string
	// Made is when the commit was made, as it says; zero when nothing says it.
	Made time.Time
	// Signed is the number of records whose signature verified, and Signers who made
	// them. Both are set by [Feed.Verify].
	Signed  int
	Signers []string
}

// Feed are the advisories of all sources, ready for look-up.
type Feed struct {
	sources   []SourceInfo
	entries   map[key][]entry
	records   int
	withdrawn int
	// unread are the ecosystems of Docker's that no order of versions is known for.
	unread map[string]bool
	checks []check // what [Feed.Verify] has to do
}

// key is how an advisory names a package: exactly, in letter case too.
type key struct{ ecosystem, name string }

// keyOf folds the name: one package is written in any case.
func keyOf(ecosystem, name string) key { return key{ecosystem, strings.ToLower(name)} }

// entry is what one record says of one package.
type entry struct {
	record   *record
	affected *affected
}

// maxErrors is how many unreadable files an error names.
const maxErrors = 10

// Read reads advisories. Every file has to be readable JSON: a feed with holes could
// hide a vulnerability. JSON that is no OSV record (the VEX documents of the same feed,
// its index) is counted and left alone.
//
// The error is a *[fault.Error] with code Usage: a file that is not JSON (a Git LFS
// pointer, an error page), a record that lacks what OSV requires, a source without any
// record, a limit that was passed.
//
// Signatures are not looked at yet: call [Feed.Verify] before anything else.
func Read(sources []Source, opt Options) (*Feed, error) {
	l := &loader{opt: opt.withDefaults(), feed: &Feed{entries: map[key][]entry{}, unread: map[string]bool{}, sources: make([]SourceInfo, len(sources))}}
	for i, s := range sources {
		l.source(s, &l.feed.sources[i])
	}
	if len(l.errs) > 0 {
		if l.more > 0 {
			l.errs = append(l.errs, fmt.Errorf("and %d more", l.more))
		}
		return nil, fault.New(fault.Usage, "read the advisories",
			"give a folder or an archive of OSV records as JSON, such as the folder osv of the advisories repository", errors.Join(l.errs...))
	}
	l.feed.supersede()
	return l.feed, nil
}

// Sources says what each source held, in the order given.
func (f *Feed) Sources() []SourceInfo { return slices.Clone(f.sources) }

// Records is the number of records, Withdrawn of which were taken back.
func (f *Feed) Records() int { return f.records }

// Withdrawn is the number of records that were taken back and decide nothing.
func (f *Feed) Withdrawn() int { return f.withdrawn }

// Unread are the ecosystems of Docker's of which records were found and not understood,
// sorted: what they say of packages is not known.
func (f *Feed) Unread() []string { return slices.Sorted(maps.Keys(f.unread)) }
