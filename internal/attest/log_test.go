package attest

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// TestTransparencyLog: an entry that is there must verify and speak of this payload,
// this signature and this key; the policy says whether it must be there.
func TestTransparencyLog(t *testing.T) {
	v, foreign := newInstance(t, "test instance"), newInstance(t, "another instance")
	at := time.Now().Add(-time.Minute).Truncate(time.Second).UTC()
	for _, tt := range []struct {
		name     string
		log      trust.LogPolicy
		annotate func(t *testing.T, s *signer, payload, sig []byte) string
		state    report.AttestationState
		reason   string
		timed    bool
	}{
		{"entry", "", func(t *testing.T, s *signer, payload, sig []byte) string {
			return v.promise(t, hashedRekord(t, payload, sig, s.pem(t)), at)
		}, report.Verified, "entry 1000", true},
		{"entry_required", trust.LogRequire, func(t *testing.T, s *signer, payload, sig []byte) string {
			return v.promise(t, hashedRekord(t, payload, sig, s.pem(t)), at)
		}, report.Verified, "entry 1000", true},
		{"none_auto", trust.LogAuto, nil, report.Verified, "signed by key test", false},
		{"none_required", trust.LogRequire, nil, report.Invalid, "without the transparency-log entry that the policy requires", false},
		{"of_another_payload", "", func(t *testing.T, s *signer, payload, sig []byte) string {
			return v.promise(t, hashedRekord(t, append(payload, ' '), s.sign(t, append(payload, ' ')), s.pem(t)), at)
		}, report.Invalid, "signature does not match", false},
		{"of_another_signature", "", func(t *testing.T, s *signer, payload, _ []byte) string {
			return v.promise(t, hashedRekord(t, payload, s.sign(t, payload), s.pem(t)), at)
		}, report.Invalid, "signature does not match", false},
		{"of_another_hash", "", func(t *testing.T, s *signer, payload, sig []byte) string {
			return v.promise(t, hashedRekord(t, append(payload, ' '), sig, s.pem(t)), at)
		}, report.Invalid, "verifying signature", false},
		{"of_another_key", "", func(t *testing.T, _ *signer, payload, sig []byte) string {
			return v.promise(t, hashedRekord(t, payload, sig, newSigner(t, "x").pem(t)), at)
		}, report.Invalid, "verifying signature", false},
		{"of_another_log", "", func(t *testing.T, s *signer, payload, sig []byte) string {
			return foreign.promise(t, hashedRekord(t, payload, sig, s.pem(t)), at)
		}, report.Invalid, "not enough verified log entries", false},
		{"changed_time", "", func(t *testing.T, s *signer, payload, sig []byte) string {
			return strings.Replace(v.promise(t, hashedRekord(t, payload, sig, s.pem(t)), at), `"integratedTime":`, `"integratedTime":1`, 1)
		}, report.Invalid, "not enough verified log entries", false},
		{"repeated_key", "", func(t *testing.T, s *signer, payload, sig []byte) string {
			return strings.Replace(v.promise(t, hashedRekord(t, payload, sig, s.pem(t)), at), `{"`, `{"Payload":{},"`, 1)
		}, report.Invalid, "repeated key", false},
		{"garbage_but_ignored", trust.LogIgnore, func(*testing.T, *signer, []byte, []byte) string { return "garbage" }, report.Verified, "signed by key test", false},
		{"broken_but_ignored", trust.LogIgnore, func(t *testing.T, s *signer, payload, sig []byte) string {
			return foreign.promise(t, hashedRekord(t, payload, sig, s.pem(t)), at)
		}, report.Verified, "signed by key test", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, store := newSigner(t, "test"), newStore(repoName)
			c := newChain(store, s, imageDigest("a"), vexType, map[string]any{})
			if tt.annotate != nil {
				c.onSigLay = func(l map[string]any) {
					a := l["annotations"].(map[string]string)
					sig, _ := base64.StdEncoding.DecodeString(a[annoSignature])
					a[annoRekorBundle] = tt.annotate(t, s, append([]byte{}, store.blobs[l["digest"].(string)]...), sig)
				}
			}
			c.push(t)
			a := only(t, mustVerify(t, Subject{Digest: c.image}, Options{
				Keys: []trust.Key{s.key}, Roots: []*trust.Root{v.root}, Log: tt.log,
			}, store))
			if a.State != tt.state || !strings.Contains(a.Reason, tt.reason) {
				t.Errorf("state %s, reason %q; want %s, %q", a.State, a.Reason, tt.state, tt.reason)
			}
			if timed := a.SignedAt != nil && a.SignedAt.Equal(at) && a.Log != ""; timed != tt.timed {
				t.Errorf("signed at %v, log %q; want a proven time: %t", a.SignedAt, a.Log, tt.timed)
			}
			if ignored := strings.Contains(a.Command, "--insecure-ignore-tlog"); ignored == tt.timed {
				t.Errorf("Command = %s", a.Command)
			}
		})
	}
}

func TestKeyValidity(t *testing.T) {
	v := newInstance(t, "test instance")
	now := time.Now().UTC().Truncate(time.Second)
	for _, tt := range []struct {
		name          string
		before, after time.Time
		signed        time.Time
		now           time.Time
		state         report.AttestationState
	}{
		{"unbounded", time.Time{}, time.Time{}, time.Time{}, time.Time{}, report.Verified},
		{"in_window_proven", now.Add(-time.Hour), now, now.Add(-time.Minute), time.Time{}, report.Verified},
		{"before_window_proven", now.Add(-time.Hour), now, now.Add(-2 * time.Hour), now, report.Invalid},
		{"after_window_proven", now.Add(-3 * time.Hour), now.Add(-time.Hour), now.Add(-time.Minute), now.Add(-2 * time.Hour), report.Invalid},
		{"unproven_while_valid", now.Add(-time.Hour), now.Add(time.Hour), time.Time{}, now, report.Verified},
		{"unproven_after_expiry", now.Add(-3 * time.Hour), now.Add(-time.Hour), time.Time{}, now, report.Invalid},
		{"unproven_and_no_clock", now.Add(-time.Hour), now.Add(time.Hour), time.Time{}, time.Time{}, report.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, store := newSigner(t, "test"), newStore(repoName)
			s.key.NotBefore, s.key.NotAfter = tt.before, tt.after
			c := newChain(store, s, imageDigest("a"), vexType, map[string]any{})
			if !tt.signed.IsZero() {
				c.onSigLay = func(l map[string]any) {
					a := l["annotations"].(map[string]string)
					sig, _ := base64.StdEncoding.DecodeString(a[annoSignature])
					a[annoRekorBundle] = v.promise(t, hashedRekord(t, store.blobs[l["digest"].(string)], sig, s.pem(t)), tt.signed)
				}
			}
			c.push(t)
			a := only(t, mustVerify(t, Subject{Digest: c.image}, Options{Keys: []trust.Key{s.key}, Roots: []*trust.Root{v.root}, Now: tt.now}, store))
			if a.State != tt.state {
				t.Errorf("state %s, want %s: %s", a.State, tt.state, a.Reason)
			}
		})
	}
}

// TestKeyring: several keys may be valid, an inactive one is refused by name, an
// unknown one fails closed with the row's hint.
func TestKeyring(t *testing.T) {
	oldKey, newKey, retired := newSigner(t, "old"), newSigner(t, "new"), newSigner(t, "retired")
	retired.key.Inactive = "rotated in June"
	ring := []trust.Key{oldKey.key, newKey.key, retired.key}
	table := trust.Table{{Match: "dhi.io/**", Keys: ring, Hint: "ask the publisher", Origin: "test"}}
	for _, tt := range []struct {
		name   string
		signer *signer
		state  report.AttestationState
		reason string
	}{
		{"old", oldKey, report.Verified, "key old"},
		{"new", newKey, report.Verified, "key new"},
		{"retired", retired, report.Invalid, "signed by key retired (" + retired.key.Fingerprint() + "), which is refused: rotated in June"},
		{"stranger", newSigner(t, "stranger"), report.Unverified, "no trusted key made its signature; ask the publisher"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore(repoName)
			c := newChain(store, tt.signer, imageDigest("a"), vexType, map[string]any{})
			c.push(t)
			a := only(t, mustVerify(t, Subject{Repository: repoName, Digest: c.image}, Options{Table: table}, store))
			if a.State != tt.state || !strings.Contains(a.Reason, tt.reason) {
				t.Errorf("state %s, reason %q; want %s, %q", a.State, a.Reason, tt.state, tt.reason)
			}
		})
	}
	t.Run("nobody_is_trusted_elsewhere", func(t *testing.T) {
		store := newStore("example.org/app")
		c := newChain(store, newKey, imageDigest("a"), vexType, map[string]any{})
		c.push(t)
		a := only(t, mustVerify(t, Subject{Repository: "example.org/app", Digest: c.image}, Options{}, store))
		if a.State != report.Unverified || !strings.Contains(a.Reason, "no signer is trusted for this repository") {
			t.Errorf("state %s, reason %q", a.State, a.Reason)
		}
	})
}
