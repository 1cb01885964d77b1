package demo

import (
	"encoding/json"
	"time"

	"github.com/imagegate/imagegate/internal/testkit"
)

// advisories is the vendor's repository with a record (OSV 1.5) about the interpreter,
// which is newer than the fix.
func advisories(key *testkit.Key, created time.Time) (testkit.Git, error) {
	record, err := json.Marshal(map[string]any{
		"schema_version": "1.5.0", "id": "CVE-2025-8194", "modified": "2025-07-28T18:42:44Z", "published": "2025-07-28T18:42:44Z",
		"details":    "A tar archive with a negative offset makes the tarfile module read it for ever.",
		"references": []any{map[string]any{"type": "WEB", "url": "https://github.com/python/cpython/issues/130577"}},
		"affected": []any{map[string]any{
			"package": map[string]any{"ecosystem": "DHI", "name": "python", "purl": "pkg:dhi/python"},
			"ranges": []any{map[string]any{"type": "SEMVER", "events": []any{
				map[string]any{"introduced": "3.13.0"}, map[string]any{"fixed": "3.13.6"},
			}}},
		}},
	})
	if err != nil {
		return testkit.Git{}, err
	}
	const name = "osv/python/CVE-2025-8194.json"
	sig, err := key.Bundle(record)
	return testkit.Git{Made: created, Files: map[string][]byte{name: record, name + ".sig": sig}}, err
}
