package attest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// e2eForm is one way in which the real cosign signs or attests.
type e2eForm struct {
	name string
	// attested says that the form carries a statement, which has a predicate type.
	attested bool
	// sign runs cosign over the image (or over the attestation manifest of the image).
	sign func(w *world, image v1.Hash, key string)
	// verify is cosign's own question.
	verify func(w *world, image v1.Hash, key string) []string
	// at finds the signature's manifest: a tag, or the referrers of a digest.
	tag func(image v1.Hash) string
}

var legacy = []string{"--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"}

func e2eForms() []e2eForm {
	sign := func(w *world, target v1.Hash, key string, more ...string) {
		w.cosign(append(append([]string{"sign", "-y", "--key", key + ".key"}, more...), w.ref(target))...)
	}
	attest := func(w *world, target v1.Hash, key string, more ...string) {
		w.cosign(append(append([]string{"attest", "-y", "--key", key + ".key", "--type", "openvex", "--predicate", w.predicate()}, more...), w.ref(target))...)
	}
	oci11 := append([]string{"--registry-referrers-mode", "oci-1-1"}, legacy...)
	ask := func(verb string, more ...string) func(*world, v1.Hash, string) []string {
		return func(w *world, target v1.Hash, key string) []string {
			return append(append([]string{verb, "--key", key + ".pub", "--insecure-ignore-tlog=true"}, more...), w.ref(target))
		}
	}
	return []e2eForm{
		{
			name: "dhi", attested: true,
			sign: func(w *world, image v1.Hash, key string) { sign(w, w.attestation(image), key, oci11...) },
			verify: func(w *world, image v1.Hash, key string) []string {
				target := w.spoiled // what the case made of the attestation manifest
				if target == (v1.Hash{}) {
					target = w.attestation(image)
				}
				return ask("verify", "--experimental-oci11", "--new-bundle-format=false")(w, target, key)
			},
		},
		{
			name:   "sign_referrer",
			sign:   func(w *world, image v1.Hash, key string) { sign(w, image, key, oci11...) },
			verify: ask("verify", "--experimental-oci11", "--new-bundle-format=false"),
		},
		{
			name:   "sign_tag",
			sign:   func(w *world, image v1.Hash, key string) { sign(w, image, key, legacy...) },
			verify: ask("verify", "--new-bundle-format=false"),
			tag:    func(image v1.Hash) string { return tagOf(image, ".sig") },
		},
		{
			name:   "sign_bundle",
			sign:   func(w *world, image v1.Hash, key string) { sign(w, image, key, "--signing-config", w.config) },
			verify: ask("verify"),
		},
		{
			name: "attest_tag", attested: true,
			sign:   func(w *world, image v1.Hash, key string) { attest(w, image, key, legacy...) },
			verify: ask("verify-attestation", "--type", "openvex", "--new-bundle-format=false"),
			tag:    func(image v1.Hash) string { return tagOf(image, ".att") },
		},
		{
			name: "attest_bundle", attested: true,
			sign:   func(w *world, image v1.Hash, key string) { attest(w, image, key, "--signing-config", w.config) },
			verify: ask("verify-attestation", "--type", "openvex"),
		},
	}
}

// e2eCase is what becomes of the signature, and whether it should still count.
type e2eCase struct {
	name string
	good bool
	// signers are the keys that sign, the one that is trusted is "a".
	signers []string
	// other signs another image and moves the signature over.
	other bool
	// change edits the signed bytes.
	change func(text string) string
	// unsign removes the signature and leaves the rest.
	unsign bool
	// attestedOnly leaves out forms without a statement.
	attestedOnly bool
}

func e2eCases() []e2eCase {
	return []e2eCase{
		{name: "good", good: true, signers: []string{"a"}},
		{name: "wrong_key", signers: []string{"b"}},
		{name: "two_signers_one_good", good: true, signers: []string{"b", "a"}},
		{name: "of_another_image", signers: []string{"a"}, other: true},
		{name: "payload_changed", signers: []string{"a"}, change: func(s string) string {
			return strings.Replace(s, `{`, `{ `, 1)
		}},
		{name: "signature_removed", signers: []string{"a"}, unsign: true},
		{name: "subject_digest_changed", signers: []string{"a"}, change: func(s string) string {
			return hex64.ReplaceAllStringFunc(s, func(d string) string { return strings.Repeat("0", 8) + d[8:] })
		}},
		{name: "predicate_type_changed", signers: []string{"a"}, attestedOnly: true, change: func(s string) string {
			return strings.Replace(s, "openvex.dev/ns", "openvex.dev/nt", 1)
		}},
	}
}

// TestCosignMatrix: for each form and each way to spoil it, our verdict and the real
// cosign's are the same, and the command that we print is one that cosign accepts.
func TestCosignMatrix(t *testing.T) {
	w := newWorld(t)
	agreed, explained := 0, 0
	for _, f := range e2eForms() {
		for _, c := range e2eCases() {
			if c.attestedOnly && !f.attested {
				continue
			}
			t.Run(f.name+"/"+c.name, func(t *testing.T) {
				w := w.in(t, strings.ReplaceAll(f.name+"-"+c.name, "_", "-"))
				image := w.play(f, c)
				ours := w.verdict(image, f)
				out, err := w.run(f.verify(w, image, "a"))
				theirs := err == nil
				switch {
				case ours.good != c.good:
					t.Errorf("ours: verified %t, want %t: %s", ours.good, c.good, ours.reasons)
				case ours.good == theirs:
					agreed++
				case theirs && f.name == "dhi" && c.other:
					// cosign is asked about the attestation manifest alone and cannot know
					// that it speaks of another image.
					explained++
				case !theirs && strings.Contains(out, "there were a total of 2 references"):
					explained++ // cosign looks at one signature referrer only, and says so
					return
				default:
					t.Errorf("ours: verified %t (%s), cosign: %t\n%s", ours.good, ours.reasons, theirs, out)
				}
				if ours.good {
					if out, err := w.shell(ours.command); err != nil {
						t.Errorf("the printed command fails: %s\n%s", ours.command, out)
					}
				}
			})
		}
	}
	t.Logf("matrix: %d forms, %d cases: %d verdicts agree with cosign, %d differ for a known reason", len(e2eForms()), agreed+explained, agreed, explained)
	if !t.Failed() && agreed < 40 {
		t.Errorf("only %d cases agree", agreed)
	}
}

// verdict of ours over one image.
type verdict struct {
	good             bool
	reasons, command string
}

func (w *world) verdict(image v1.Hash, f e2eForm) verdict {
	w.t.Helper()
	keys, err := trust.ParseKeys(filepath.Join(w.dir, "a.pub"), slurp(w.t, filepath.Join(w.dir, "a.pub")))
	if err != nil {
		w.t.Fatal(err)
	}
	res := mustVerify(w.t, Subject{Repository: w.repo(), Digest: image}, Options{Keys: keys}, w)
	var v verdict
	for _, a := range res.Attestations {
		v.reasons += fmt.Sprintf("[%s %s: %s] ", a.Family, a.State, a.Reason)
		if a.State == report.Verified && (a.Family == FamilySignature) == !f.attested {
			v.good, v.command = true, a.Command
		}
	}
	return v
}

// play signs as the case says and spoils it; it returns the image to verify.
func (w *world) play(f e2eForm, c e2eCase) v1.Hash {
	w.t.Helper()
	image := w.image("one")
	signed := image
	if c.other {
		signed = w.image("two")
	}
	for _, key := range c.signers {
		f.sign(w, signed, key)
	}
	if c.other {
		w.move(f, signed, image)
	}
	if c.change != nil || c.unsign {
		w.spoil(f, image, c)
	}
	return image
}

// spoil rewrites what holds the signature: its layer or, for the layout of Docker
// Hardened Images, the statement of the attestation manifest.
func (w *world) spoil(f e2eForm, image v1.Hash, c e2eCase) {
	w.t.Helper()
	if f.name == "dhi" {
		w.spoilDHI(image, c)
		return
	}
	edit := func(m *v1.Manifest) {
		layer := &m.Layers[0]
		data := w.blobBytes(*layer)
		switch {
		case c.change == nil && strings.Contains(string(layer.MediaType), "simplesigning"):
			delete(layer.Annotations, annoSignature)
		case strings.Contains(string(layer.MediaType), "simplesigning"):
			data = []byte(c.change(string(data)))
		default:
			data = spoilEnvelope(w.t, data, c)
		}
		w.replaceBlob(layer, data)
	}
	if f.tag != nil {
		w.editTag(f.tag(image), edit)
		return
	}
	w.editReferrers(image, edit)
}

// spoilEnvelope edits the payload or removes the signatures of a DSSE envelope, bare
// or in a bundle.
func spoilEnvelope(t testing.TB, data []byte, c e2eCase) []byte {
	t.Helper()
	var top map[string]any
	if err := json.Unmarshal(data, &top); err != nil {
		t.Fatal(err)
	}
	env := top
	if inner, ok := top["dsseEnvelope"].(map[string]any); ok {
		env = inner
	}
	if c.change == nil {
		env["signatures"] = []any{}
		return marshal(t, top)
	}
	payload, err := base64.StdEncoding.DecodeString(env["payload"].(string))
	if err != nil {
		t.Fatal(err)
	}
	changed := c.change(string(payload))
	if changed == string(payload) {
		t.Fatalf("nothing was changed in %s", payload)
	}
	env["payload"] = base64.StdEncoding.EncodeToString([]byte(changed))
	return marshal(t, top)
}

// run runs cosign and returns what it printed.
func (w *world) run(args []string) (string, error) {
	cmd := exec.CommandContext(w.t.Context(), w.bin, args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=", "COSIGN_EXPERIMENTAL=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// cosign runs a command that must succeed.
func (w *world) cosign(args ...string) {
	w.t.Helper()
	if out, err := w.run(args); err != nil {
		w.t.Fatalf("cosign %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// shell runs a printed command as a person would.
func (w *world) shell(line string) (string, error) {
	cmd := exec.CommandContext(w.t.Context(), "sh", "-c", line)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(w.bin)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
