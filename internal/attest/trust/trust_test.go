package trust_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
)

// The fingerprints are published facts: they pin what is embedded.
func TestBuiltinKeys(t *testing.T) {
	for _, tt := range []struct {
		name, fingerprint, hint string
		inactive                bool
	}{
		{"dhi-2", "sha256:118ba556dd52f4aec67018efd316c285c783cd3e54cc0f4527605715c643887c", "EYulVt1S9K7GcBjv0xbChceDzT5UzA9FJ2BXFcZDiHw=", false},
		{"dhi-1", "sha256:1b431f0d467ecc9e3d97e5b446980599a99c3a386e42ea628b172db1051c737b", "", true},
	} {
		k, ok := trust.NamedKey(tt.name)
		if !ok || k.Fingerprint() != tt.fingerprint || (k.Inactive != "") != tt.inactive {
			t.Errorf("NamedKey(%s) = %s, inactive %q", tt.name, k, k.Inactive)
		}
		if tt.hint != "" && k.Hint() != tt.hint {
			t.Errorf("%s: Hint() = %s, want %s", tt.name, k.Hint(), tt.hint)
		}
	}
	if _, ok := trust.NamedKey("dhi-3"); ok {
		t.Error("dhi-3 is known")
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkix(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return block("PUBLIC KEY", der)
}

func TestParseKeys(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	rsa2048, _ := rsa.GenerateKey(rand.Reader, 2048)
	edPub, _, _ := ed25519.GenerateKey(rand.Reader)
	tmpl := &x509.Certificate{NotBefore: time.Unix(1000, 0), NotAfter: time.Unix(2000, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, p256.Public(), p256)
	if err != nil {
		t.Fatal(err)
	}
	private, _ := x509.MarshalPKCS8PrivateKey(p256)
	for _, tt := range []struct {
		name, text string
		keys       int
		refused    string
	}{
		{"p256", pkix(t, p256.Public()), 1, ""},
		{"p384", pkix(t, p384.Public()), 1, ""},
		{"rsa", pkix(t, rsa2048.Public()), 1, ""},
		{"rsa_pkcs1", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa2048.PublicKey)), 1, ""},
		{"ed25519", pkix(t, edPub), 1, ""},
		{"certificate", block("CERTIFICATE", cert), 1, ""},
		{"keyring", pkix(t, p256.Public()) + "\n" + pkix(t, p384.Public()), 2, ""},
		{"empty", "", 0, "no PEM block"},
		{"not_pem", "hello", 0, "no PEM block"},
		{"text_after", pkix(t, p256.Public()) + "hello", 0, "text after"},
		{"private_key", block("PRIVATE KEY", private), 0, "this is a private key"},
		{"weak_curve", pkix(t, p224.Public()), 0, "weak key"},
		{"unknown_block", block("PGP PUBLIC KEY", []byte("x")), 0, "holds no public key"},
		{"truncated", block("PUBLIC KEY", []byte{0x30, 1}), 0, "public key"},
		{"too_many", strings.Repeat(pkix(t, p256.Public()), 40), 0, "more than 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := trust.ParseKeys("f.pub", []byte(tt.text))
			if tt.refused != "" {
				if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), tt.refused) || fault.HintOf(err) == "" {
					t.Errorf("ParseKeys = %v, want a usage error with %q and a hint", err, tt.refused)
				}
				return
			}
			if err != nil || len(keys) != tt.keys || keys[0].Name != "f.pub" {
				t.Fatalf("ParseKeys = %v, %v, want %d keys", keys, err, tt.keys)
			}
			if tt.keys == 2 && keys[1].Name != "f.pub#2" {
				t.Errorf("second key is called %q", keys[1].Name)
			}
			if tt.name == "certificate" && (!keys[0].NotAfter.Equal(time.Unix(2000, 0)) || keys[0].ValidAt(time.Unix(2001, 0))) {
				t.Errorf("a certificate's key is valid until %v", keys[0].NotAfter)
			}
		})
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"dhi.io/**", "dhi.io/python", true},
		{"dhi.io/**", "dhi.io/a/b/c", true},
		{"dhi.io/**", "dhi.io", false},
		{"dhi.io/**", "dhi.io.evil.example/python", false},
		{"dhi.io/*", "dhi.io/a/b", false},
		{"docker.io/*/dhi-*", "docker.io/acme/dhi-python", true},
		{"docker.io/*/dhi-*", "docker.io/acme/other", false},
		{"docker.io/*/dhi-*", "docker.io/a/b/dhi-x", false},
		{"docker.io/acme/dhi-**", "docker.io/acme/dhi-python", true},
		{"docker.io/acme/dhi-**", "docker.io/acme/python", false},
		{"**", "anything/at/all", true},
		{"[", "[", false},
		{"", "", true},
		{"", "x", false},
	} {
		if got := trust.Glob(tt.pattern, tt.text); got != tt.want {
			t.Errorf("Glob(%q, %q) = %t, want %t", tt.pattern, tt.text, got, tt.want)
		}
	}
}

func TestTable(t *testing.T) {
	builtin, err := trust.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if err := builtin.Check(); err != nil {
		t.Fatalf("the built-in table: %v", err)
	}
	for _, tt := range []struct {
		repository   string
		dhi          bool
		match        string
		keys, idents int
	}{
		{"dhi.io/python", false, "dhi.io/**", 2, 0},
		{"docker.io/acme/dhi-node", false, "docker.io/*/dhi-*", 2, 0},
		{"ghcr.io/acme/base", true, "dhi.io/**", 2, 0},
		{"ghcr.io/acme/base", false, "", 0, 0},
		{"cgr.dev/chainguard/static", false, "cgr.dev/chainguard/**", 0, 1},
		{"cgr.dev/acme/static", false, "cgr.dev/**", 0, 0},
		{"gcr.io/distroless/static", false, "gcr.io/distroless/**", 0, 1},
		{"registry1.dso.mil/ironbank/redhat/ubi", false, "registry1.dso.mil/ironbank/**", 0, 0},
	} {
		row, ok := builtin.For(tt.repository, tt.dhi)
		if row.Match != tt.match || ok != (tt.match != "") || len(row.Keys) != tt.keys || len(row.Identities) != tt.idents {
			t.Errorf("For(%s, %t) = %q with %d keys and %d identities, want %q, %d, %d", tt.repository, tt.dhi, row.Match, len(row.Keys), len(row.Identities), tt.match, tt.keys, tt.idents)
		}
		if ok && (row.Origin != trust.OriginBuiltin || row.Hint == "") {
			t.Errorf("row %s: origin %q, hint %q", row.Match, row.Origin, row.Hint)
		}
	}
	mine := append(trust.Table{{Match: "dhi.io/**", Origin: "trust.yaml"}}, builtin...)
	if row, _ := mine.For("dhi.io/python", true); row.Origin != "trust.yaml" {
		t.Errorf("a user's row does not win over the built-in one: %s", row.Origin)
	}
}

func TestTableCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		row  trust.Row
		want string
	}{
		{"no_match", trust.Row{}, "bad match"},
		{"bad_glob", trust.Row{Match: "a/["}, "bad match"},
		{"log", trust.Row{Match: "a/*", Log: "maybe"}, "unknown log policy"},
		{"identity_without_issuer", trust.Row{Match: "a/*", Identities: []trust.Identity{{Subject: "x"}}}, "no issuer"},
		{"identity_without_subject", trust.Row{Match: "a/*", Identities: []trust.Identity{{Issuer: "x"}}}, "no subject"},
		{"bad_regexp", trust.Row{Match: "a/*", Identities: []trust.Identity{{SubjectRegexp: "(", Issuer: "x"}}}, "missing closing"},
		{"store", trust.Row{Match: "a/*", Stores: []string{"tags", "drawer"}}, `unknown store "drawer"`},
		{"level", trust.Row{Match: "a/*", Builders: []trust.Builder{{ID: "x", Level: 4}}}, "level 4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := trust.Table{tt.row}.Check()
			if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check = %v, want a usage error with %q", err, tt.want)
			}
		})
	}
}

func TestLoose(t *testing.T) {
	for _, tt := range []struct {
		id   trust.Identity
		want bool
	}{
		{trust.Identity{SubjectRegexp: "^https://x/.*$", Issuer: "i"}, false},
		{trust.Identity{SubjectRegexp: "https://x/", Issuer: "i"}, true},
		{trust.Identity{Subject: "x", IssuerRegexp: "^i"}, true},
		{trust.Identity{Subject: "x", Issuer: "i"}, false},
	} {
		if got := tt.id.Loose() != ""; got != tt.want {
			t.Errorf("%s: Loose = %t, want %t", tt.id, got, tt.want)
		}
	}
}

func TestEmbeddedRoot(t *testing.T) {
	r, err := trust.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if !r.HasLog() || !r.HasCT() || !r.HasTSA() || r.Expires.IsZero() {
		t.Errorf("log %t, CT %t, TSA %t, expires %v", r.HasLog(), r.HasCT(), r.HasTSA(), r.Expires)
	}
	if _, err := trust.ParseRoot("x.json", []byte(`{}`)); fault.CodeOf(err) != fault.Usage {
		t.Errorf("ParseRoot({}) = %v, want a usage error", err)
	}
}

// TestParseRoots: a file may hold several instances, one on each line.
func TestParseRoots(t *testing.T) {
	const one = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`
	for _, tt := range []struct {
		name, text string
		roots      int
		refused    string
	}{
		{"one", one, 1, ""},
		{"written_over_several_lines", strings.ReplaceAll(one, ":", ":\n"), 1, ""},
		{"lines", one + "\n" + one + "\n\n", 2, ""},
		{"empty", " \n", 0, "EOF"},
		{"text_after", one + "\nhello", 0, "invalid character"},
		{"second_is_none", one + "\n{}", 0, "f#2"},
		{"too_many", strings.Repeat(one+"\n", 17), 0, "more than 16"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			roots, err := trust.ParseRoots("f", []byte(tt.text))
			if tt.refused != "" {
				if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("ParseRoots = %v, want a usage error with %q", err, tt.refused)
				}
				return
			}
			if err != nil || len(roots) != tt.roots || roots[0].Source != "f" {
				t.Errorf("ParseRoots = %v, %v, want %d", roots, err, tt.roots)
			}
		})
	}
}

func newPublic(t *testing.T) *ecdsa.PublicKey { return &newPrivate(t).PublicKey }

func newPrivate(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
