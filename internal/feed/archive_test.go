package feed

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
)

// TestDownload: a repository comes as the archive of one commit, anything else as it is.
func TestDownload(t *testing.T) {
	h := newHub(t, map[string]string{"archive": "packed", "feed.zip": "zipped"})
	const repository = "https://github.com/vendor/advisories"
	for _, tt := range []struct {
		name, location, from, commit, data string
		code                               fault.Code
	}{
		{"default_branch", repository, repository, commit, "packed", fault.OK},
		{"branch", repository + "@main", repository, commit, "packed", fault.OK},
		{"commit", repository + ".git@" + commit, repository, commit, "packed", fault.OK},
		{"no_such_branch", repository + "@none", "", "", "", fault.Unavailable},
		{"no_such_commit", repository + "@" + tagged, "", "", "", fault.Unavailable},
		{"another_server", "https://user:secret@files.example/vendor/advisories/" + commit + "/feed.zip?token=secret", "", "", "zipped", fault.OK},
		{"not_there", "https://files.example/feed.zip", "", "", "", fault.Unavailable},
		{"not_https", "http://files.example/feed.zip", "", "", "", fault.Usage},
		{"not_a_repository", "https://github.com/vendor", "", "", "", fault.Usage},
		{"not_a_url", "https://%zz", "", "", "", fault.Usage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Download(t.Context(), tt.location, Options{Client: h.client()})
			if fault.CodeOf(err) != tt.code || got.Commit != tt.commit || string(got.Data) != tt.data || tt.from != "" && got.Name != tt.from {
				t.Errorf("%+v, %v", got, err)
			}
			if text := got.Name; strings.Contains(text, "secret") || err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("a secret is told: %q, %v", text, err)
			}
		})
	}
}
