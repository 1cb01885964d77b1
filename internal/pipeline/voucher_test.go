package pipeline

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/trust"
)

// TestDockerKeys: who may sign for a mirror does not speak for Docker by that alone.
func TestDockerKeys(t *testing.T) {
	key := func(name string) trust.Key {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k, err := trust.FromPublic(name, private.Public())
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	own := key("own")
	docker, _ := trust.NamedKey("dhi-2")
	builtin, err := trust.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	row := func(match string, keys ...trust.Key) trust.Table {
		return append(trust.Table{{Match: match, DHI: match == "dhi.io/**", Keys: keys, Origin: "gate.yaml"}}, builtin...)
	}
	someone := []trust.Identity{{Subject: "someone", Issuer: "https://issuer.example"}}
	for _, tt := range []struct {
		name         string
		opt          attest.Options
		docker, mine bool // whether Docker's key, and whether the other one, stands for Docker
	}{
		{"built_in_rows", attest.Options{Table: builtin}, true, false},
		{"key_named_for_the_run", attest.Options{Table: builtin, Keys: []trust.Key{own}}, true, true},
		{"key_named_for_the_run_beside_Dockers", attest.Options{Table: builtin, Keys: []trust.Key{docker, own}}, true, true},
		{"identity_named_for_the_run", attest.Options{Table: row("mirror.example/**", own), Identities: someone}, true, false},
		{"key_of_the_mirrors_row", attest.Options{Table: row("mirror.example/**", own)}, true, true},
		{"key_of_the_mirrors_row_beside_Dockers", attest.Options{Table: row("mirror.example/**", docker, own)}, true, false},
		{"key_of_another_row", attest.Options{Table: row("elsewhere.example/**", own)}, true, false},
		{"row_for_Dockers_registry", attest.Options{Table: row("dhi.io/**", own)}, false, true},
		{"row_for_Dockers_registry_and_identity_of_the_run", attest.Options{Table: row("dhi.io/**", own), Identities: someone}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys := dockerKeys(tt.opt, "mirror.example/python", "dhi.io/python")
			for _, k := range []struct {
				key  trust.Key
				want bool
			}{{docker, tt.docker}, {own, tt.mine}} {
				if got := slices.ContainsFunc(keys, k.key.Equal); got != k.want {
					t.Errorf("%s stands for Docker: %t, want %t", k.key.Name, got, k.want)
				}
			}
		})
	}
}
