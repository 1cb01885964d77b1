package trust_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
)

func TestFromSpecs(t *testing.T) {
	key, _ := trust.NamedKey("dhi-1")
	files := map[string]string{"team.pub": pkix(t, newPublic(t)), "old.pub": pkix(t, key.Public())}
	read := func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}
	good := []trust.Spec{
		{Match: "dhi.io/**", Keys: []string{"dhi-2", "team.pub"}, Log: "require"},
		{Match: "ghcr.io/acme/**", Identities: []trust.IdentitySpec{{SubjectRegexp: "^https://github.com/acme/.*$", Issuer: "https://token.actions.githubusercontent.com"}}},
	}
	table, err := trust.FromSpecs(good, "imagegate.yaml", read)
	if err != nil || len(table) != 2 || len(table[0].Keys) != 2 || table[0].Origin != "imagegate.yaml" {
		t.Fatalf("FromSpecs = %+v, %v", table, err)
	}
	builtin, _ := trust.Builtin()
	if row, _ := append(table, builtin...).For("mirror.example/python", true); row.Origin != "imagegate.yaml" {
		t.Errorf("a mirror with Docker's marks goes by the row of %s, not by the user's for dhi.io", row.Origin)
	}
	list := append(table, builtin...).List()
	if list[0].Shadowed || !list[2].Shadowed || list[2].Origin != trust.OriginBuiltin {
		t.Errorf("the user's row does not shadow the built-in one: %+v", list[:3])
	}
	if !strings.Contains(list[0].Signers[0], "dhi-2") || !strings.Contains(list[2].Signers[1], "refused") {
		t.Errorf("signers %q and %q", list[0].Signers, list[2].Signers)
	}
	for _, tt := range []struct {
		name string
		spec trust.Spec
		want string
	}{
		{"inactive_by_name", trust.Spec{Match: "a/*", Keys: []string{"dhi-1"}}, "the key is refused"},
		{"inactive_in_a_file", trust.Spec{Match: "a/*", Keys: []string{"old.pub"}}, "it is dhi-1, which is refused"},
		{"no_such_file", trust.Spec{Match: "a/*", Keys: []string{"gone.pub"}}, "file does not exist"},
		{"bad_log", trust.Spec{Match: "a/*", Log: "x"}, "unknown log policy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := trust.FromSpecs([]trust.Spec{tt.spec}, "f", read)
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != fault.Usage || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("FromSpecs = %v, want a usage error with %q", err, tt.want)
			}
		})
	}
}
