package trust_test

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
)

func keysOf(names ...string) (out []trust.KeySpec) {
	for _, n := range names {
		out = append(out, trust.KeySpec{Key: n})
	}
	return out
}

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
		{Match: "dhi.io/**", Keys: keysOf("dhi-2", "team.pub"), Log: "require"},
		{Match: "ghcr.io/acme/**", Identities: []trust.Identity{{SubjectRegexp: "^https://github.com/acme/.*$", Issuer: "https://token.actions.githubusercontent.com"}}},
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
		{"inactive_by_name", trust.Spec{Match: "a/*", Keys: keysOf("dhi-1")}, "the key is refused"},
		{"inactive_in_a_file", trust.Spec{Match: "a/*", Keys: keysOf("old.pub")}, "it is dhi-1, which is refused"},
		{"inactive_as_text", trust.Spec{Match: "a/*", Keys: keysOf(files["old.pub"])}, "it is dhi-1, which is refused"},
		{"no_such_file", trust.Spec{Match: "a/*", Keys: keysOf("gone.pub")}, "file does not exist"},
		{"bad_day", trust.Spec{Match: "a/*", Keys: []trust.KeySpec{{Key: "dhi-2", NotBefore: "last year"}}}, `"last year" is no day`},
		{"valid_at_no_time", trust.Spec{Match: "a/*", Keys: []trust.KeySpec{{Key: "dhi-2", NotBefore: "2025-02-01", NotAfter: "2025-01-31"}}}, "valid at no time: from 2025-02-01 to 2025-01-31"},
		{"twice_with_another_validity", trust.Spec{Match: "a/*", Keys: []trust.KeySpec{{Key: "dhi-2"}, {Key: "dhi-2", Inactive: "rotated"}}}, "with another validity"},
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

// TestKeySpecs: a key of a row has a window and may be inactive; a certificate's own
// window can only be narrowed.
func TestKeySpecs(t *testing.T) {
	private := newPrivate(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: day(t, "2025-01-10"), NotAfter: day(t, "2025-12-31")}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text := pkix(t, private.Public())
	for _, tt := range []struct {
		name          string
		spec          trust.KeySpec
		before, after string // the second before which it is not valid, and after which
		inactive      bool
		words         string
	}{
		{"unbounded", trust.KeySpec{Key: text}, "", "", false, ""},
		{"days", trust.KeySpec{Key: text, NotBefore: "2025-02-01", NotAfter: "2025-02-28"}, "2025-02-01T00:00:00Z", "2025-02-28T23:59:59Z", false, ", valid from 2025-02-01 to 2025-02-28"},
		{"moment", trust.KeySpec{Key: text, NotAfter: "2025-02-28T12:00:00+02:00"}, "", "2025-02-28T10:00:00Z", false, ", valid to 2025-02-28"},
		{"inactive", trust.KeySpec{Key: text, Inactive: "rotated in June"}, "", "", true, ", refused: rotated in June"},
		{"embedded", trust.KeySpec{Key: "dhi-2", NotAfter: "2026-01-31"}, "", "2026-01-31T23:59:59Z", false, "key dhi-2"},
		{"certificate", trust.KeySpec{Key: block("CERTIFICATE", der), NotBefore: "2024-01-01", NotAfter: "2025-03-31"}, "2025-01-10T00:00:00Z", "2025-03-31T23:59:59Z", false, "to 2025-03-31"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, err := trust.FromSpecs([]trust.Spec{{Match: "a/**", Keys: []trust.KeySpec{tt.spec}}}, "f", nil)
			if err != nil {
				t.Fatal(err)
			}
			k := table[0].Keys[0]
			if got := stamp(k.NotBefore); got != tt.before {
				t.Errorf("not before %s, want %s", got, tt.before)
			}
			if got := stamp(k.NotAfter); got != tt.after {
				t.Errorf("not after %s, want %s", got, tt.after)
			}
			if signer := table.List()[0].Signers[0]; (k.Inactive != "") != tt.inactive || !strings.Contains(signer, tt.words) {
				t.Errorf("inactive %q, listed as %q", k.Inactive, signer)
			}
		})
	}
}

func day(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
