package attest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
)

// shared returns a folder of real data that others made, or skips the test.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir := filepath.Join(append([]string{"..", "..", "..", "shared", "data"}, elem...)...)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the real data %s is not here: %v", filepath.Join(elem...), err)
	}
	return dir
}

func slurp(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func fileArtifact(path string) Artifact {
	return Artifact{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

func rootFile(t testing.TB, path string) []*trust.Root {
	t.Helper()
	r, err := trust.ParseRoot(path, slurp(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return []*trust.Root{r}
}

const (
	beacon       = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
	githubIssuer = "https://token.actions.githubusercontent.com"
)

// TestConformance runs the bundles of sigstore-conformance: those whose folder ends in
// _fail must be refused, all others accepted, by file and by digest.
func TestConformance(t *testing.T) {
	dir := shared(t, "bundles")
	cases, err := filepath.Glob(filepath.Join(dir, "*", "bundle.sigstore.json"))
	if err != nil || len(cases) < 40 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	optional := func(path, otherwise string) string {
		if data, err := os.ReadFile(path); err == nil {
			return strings.TrimSpace(string(data))
		}
		return otherwise
	}
	for _, c := range cases {
		at := filepath.Dir(c)
		name := filepath.Base(at)
		t.Run(name, func(t *testing.T) {
			var opt Options
			var err error
			rootPath := filepath.Join(shared(t, "trusted-roots"), "public-good.json")
			if own := filepath.Join(at, "trusted_root.json"); exists(own) {
				rootPath = own
			}
			root, rootErr := trust.ParseRoot(rootPath, slurp(t, rootPath))
			if rootErr == nil {
				opt.Roots = []*trust.Root{root}
			}
			if key := filepath.Join(at, "key.pub"); exists(key) {
				if opt.Keys, err = trust.ParseKeys(key, slurp(t, key)); err != nil {
					if !strings.HasSuffix(name, "_fail") {
						t.Error(err)
					}
					return // a key that is none refuses everything
				}
			} else {
				opt.Identities = []trust.Identity{{Subject: optional(filepath.Join(at, "identity"), beacon), Issuer: optional(filepath.Join(at, "issuer"), githubIssuer)}}
			}
			artifact := filepath.Join(dir, "a.txt")
			if own := filepath.Join(at, "artifact"); exists(own) {
				artifact = own
			}
			if rootErr != nil {
				if !strings.HasSuffix(name, "_fail") {
					t.Errorf("trusted root: %v", rootErr)
				}
				return
			}
			byDigest := Artifact{Name: "digest", Digest: digestOf(slurp(t, artifact)).String()}
			for _, a := range []Artifact{fileArtifact(artifact), byDigest} {
				res, err := VerifyBundle(t.Context(), a, slurp(t, c), opt)
				if accepted := err == nil; accepted == strings.HasSuffix(name, "_fail") {
					t.Errorf("%s: accepted %t: %+v, %v", a.Name, accepted, res, err)
				}
				if err != nil && fault.CodeOf(err) != fault.Policy {
					t.Errorf("%s: code %d for %v", a.Name, fault.CodeOf(err), err)
				}
				t.Logf("%v", err)
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestSignedFeed: real bytes that Docker's real key signed verify offline, and nothing
// that was changed does.
func TestSignedFeed(t *testing.T) {
	dir := shared(t, "dhi", "signed")
	dhi2, _ := trust.NamedKey("dhi-2")
	dhi1, _ := trust.NamedKey("dhi-1")
	opt := Options{Keys: []trust.Key{dhi2}, Roots: rootFile(t, filepath.Join(shared(t, "trusted-roots"), "public-good.json"))}
	for _, path := range []string{
		"vex/alpine-base/dhi-alpine-base.vex.json", "pkg/apk/alpine/gpm/gpm.vex.json", "osv/clickhouse-keeper/GHSA-8j36-9622-f5cj.json",
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file := filepath.Join(dir, filepath.FromSlash(path))
			text, sig := slurp(t, file), slurp(t, file+".sig")
			for _, required := range []trust.LogPolicy{trust.LogAuto, trust.LogRequire} {
				opt := opt
				opt.Log = required
				res, err := VerifyBundle(t.Context(), fileArtifact(file), sig, opt)
				if err != nil {
					t.Fatalf("log %s: %v", required, err)
				}
				if res.Signer != dhi2.String() || res.SignedAt.IsZero() || !strings.Contains(res.Log, "rekor.sigstore.dev") {
					t.Errorf("log %s: %+v", required, res)
				}
			}
			refuse := func(name string, text, sig []byte, opt Options, want string) {
				t.Helper()
				a := Artifact{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}
				if _, err := VerifyBundle(t.Context(), a, sig, opt); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q", name, err, want)
				}
			}
			old := opt
			old.Keys = []trust.Key{dhi1}
			refuse("dhi-1", text, sig, old, "no trusted key made its signature")
			stranger := opt
			stranger.Keys = []trust.Key{newSigner(t, "x").key}
			refuse("another_key", text, sig, stranger, "no trusted key made its signature")
			changed := bytes.Clone(text)
			changed[len(changed)/2] ^= 1
			refuse("changed_byte", changed, sig, opt, "the bundle signs")
			refuse("added_newline", append(bytes.Clone(text), '\n'), sig, opt, "the bundle signs")
			refuse("other_version", text, bytes.Replace(sig, []byte("bundle.v0.3+json"), []byte("bundle.v0.9+json"), 1), opt, "bundle version v0.9 is not yet supported")
			required := opt
			required.Log = trust.LogRequire
			refuse("entry_removed", text, withoutEntries(t, sig), required, "without the transparency-log entry that the policy requires")
			staging := opt
			staging.Roots = rootFile(t, filepath.Join(shared(t, "trusted-roots"), "staging.json"))
			refuse("wrong_root", text, sig, staging, "its transparency-log entry does not verify")
		})
	}
}
