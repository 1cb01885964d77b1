package vuln

import (
	"slices"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"gorm.io/gorm"
)

// aliases are the other names of vulnerabilities, by lower-case name.
type aliases map[string][]string

// sameVulnerability reports whether a name is of a kind that stands for one
// vulnerability. Advisories of distributions (DSA, RHSA, ALAS) gather several: a
// statement about the advisory says nothing about each.
func sameVulnerability(id string) bool {
	return slices.ContainsFunc([]string{"CVE-", "GHSA-", "GO-", "PYSEC-", "RUSTSEC-", "MAL-", "CGA-"}, func(prefix string) bool {
		return len(id) > len(prefix) && strings.EqualFold(id[:len(prefix)], prefix)
	})
}

func (a aliases) add(id, other string) {
	if strings.EqualFold(id, other) || !sameVulnerability(other) {
		return
	}
	k := strings.ToLower(id)
	if !slices.ContainsFunc(a[k], func(s string) bool { return strings.EqualFold(s, other) }) {
		a[k] = append(a[k], other)
	}
}

// of returns the other names of id in order.
func (a aliases) of(id string) []string {
	out := slices.Clone(a[strings.ToLower(id)])
	slices.Sort(out)
	if out == nil {
		out = []string{}
	}
	return out
}

// lookUp adds the names that the database's records give to each of ids, in both
// directions: a GHSA says which CVE it is, a CVE does not say which GHSA. It takes one
// step only, so two CVEs that share an advisory do not become one.
func (a aliases) lookUp(r v6.Reader, ids []string) error {
	store, ok := r.(interface{ GetDB() *gorm.DB })
	if !ok {
		return nil
	}
	for part := range slices.Chunk(ids, 300) { // far below SQLite's limit of parameters
		for _, column := range []string{"name", "alias"} {
			var rows []v6.VulnerabilityAlias
			if err := store.GetDB().Where(column+" COLLATE NOCASE IN ?", part).Find(&rows).Error; err != nil {
				return err
			}
			for _, row := range rows {
				if column == "name" {
					a.add(row.Name, row.Alias)
				} else {
					a.add(row.Alias, row.Name)
				}
			}
		}
	}
	return nil
}
