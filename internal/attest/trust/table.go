package trust

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
)

// Row maps repositories to the signers that count for them.
type Row struct {
	// Match is a glob over registry/repository: "*" stands for one path element or a
	// part of it, a last "**" for any number of elements. "dhi.io/**" matches
	// dhi.io/python.
	Match string
	// DHI makes the row also match any repository whose index carries Docker's marks.
	DHI bool
	// Keys and Identities are the signers. A row with neither trusts nobody; Hint then
	// says what to give.
	Keys       []Key
	Identities []Identity
	// Log is the transparency-log policy; "" means auto.
	Log LogPolicy
	// Expect lists the predicate families that the publisher attaches.
	Expect []string
	// Stores are the kinds of places that are looked at: [StoreReferrers], [StoreTags],
	// [StoreIndex]. Empty means all. Files that the user names are always looked at.
	Stores []string
	// Builders name the builders whose provenance may claim a SLSA level.
	Builders []Builder
	// Hint is the next step when nothing verifies.
	Hint string
	// Origin says where the row comes from: "built-in", "option" or a file.
	Origin string
}

// The kinds of places in a registry or layout where attestations are kept: manifests
// that name the image as their subject, cosign's tags, and entries of the image index.
const (
	StoreReferrers = "referrers"
	StoreTags      = "tags"
	StoreIndex     = "index"
)

// Looks reports whether the row looks at a kind of place.
func (r Row) Looks(kind string) bool { return len(r.Stores) == 0 || slices.Contains(r.Stores, kind) }

// Builder is a builder that is trusted up to a SLSA level. The level comes from here
// and never from the provenance itself.
type Builder struct {
	// ID is a glob over the builder id of the provenance, as Match of [Row].
	ID string
	// Signer is a glob over the identity that signed the provenance; "" allows every
	// trusted signer. It keeps one builder from speaking for another.
	Signer string
	// Level is the SLSA Build level, 0 to 3.
	Level int
}

// Table is an ordered list of rows: the first that matches decides. Put a user's rows
// before the built-in ones.
type Table []Row

// For returns the row for a repository ("dhi.io/python"). dhi says whether the image's
// index carries Docker's marks. A row whose glob matches wins over one that matches by
// the marks alone. Without a match the zero row is returned, which trusts nobody.
func (t Table) For(repository string, dhi bool) (Row, bool) {
	for _, r := range t {
		if Glob(r.Match, repository) {
			return r, true
		}
	}
	for _, r := range t {
		if dhi && r.DHI {
			return r, true
		}
	}
	return Row{}, false
}

// Check reports the first row that says something impossible. The error has code Usage.
func (t Table) Check() error {
	for i, r := range t {
		op := fmt.Sprintf("read trust row %d (%s, from %s)", i+1, r.Match, cmp.Or(r.Origin, "unknown"))
		if _, err := path.Match(strings.TrimSuffix(r.Match, "**"), ""); err != nil || r.Match == "" {
			return fault.Usagef(op, `write a glob such as "registry.example/team/**"`, "bad match %q", r.Match)
		}
		if r.Log != "" && !r.Log.Valid() {
			return fault.Usagef(op, "log is auto, require or ignore", "unknown log policy %q", r.Log)
		}
		for _, s := range r.Stores {
			if s != StoreReferrers && s != StoreTags && s != StoreIndex {
				return fault.Usagef(op, "stores are referrers, tags and index", "unknown store %q", s)
			}
		}
		for j, k := range r.Keys {
			for _, other := range r.Keys[:j] {
				if k.Equal(other) && (k.Inactive != other.Inactive || !k.NotBefore.Equal(other.NotBefore) || !k.NotAfter.Equal(other.NotAfter)) {
					return fault.Usagef(op, "list the key once", "%s is the same key as %s, with another validity", k, other)
				}
			}
		}
		for _, id := range r.Identities {
			if err := id.Check(); err != nil {
				return fault.New(fault.Usage, op, "", err)
			}
		}
		for _, b := range r.Builders {
			if b.Level < 0 || b.Level > 3 {
				return fault.Usagef(op, "SLSA v1 knows Build levels 0 to 3", "builder %q has level %d", b.ID, b.Level)
			}
		}
	}
	return nil
}

// Glob reports whether text matches the pattern of a [Row]. A pattern that does not
// parse matches nothing.
func Glob(pattern, text string) bool {
	prefix, deep := strings.CutSuffix(pattern, "**")
	if !deep {
		ok, err := path.Match(pattern, text)
		return err == nil && ok
	}
	if prefix == "" {
		return true
	}
	// The prefix covers as many elements as it has; the rest is free.
	want, have := strings.Split(prefix, "/"), strings.Split(text, "/")
	if len(have) < len(want) {
		return false
	}
	last := len(want) - 1
	for i, w := range want[:last] {
		if ok, err := path.Match(w, have[i]); err != nil || !ok {
			return false
		}
	}
	ok, err := path.Match(want[last]+"*", have[last])
	return err == nil && ok
}
