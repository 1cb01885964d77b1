package attest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// lateStamp is an instance whose clock was an hour ahead when it made one of its
// timestamps.
type lateStamp struct {
	root.TrustedMaterial
	stamp []byte
}

func (m lateStamp) TimestampingAuthorities() []root.TimestampingAuthority {
	var out []root.TimestampingAuthority
	for _, a := range m.TrustedMaterial.TimestampingAuthorities() {
		out = append(out, lateAuthority{a, m.stamp})
	}
	return out
}

type lateAuthority struct {
	root.TimestampingAuthority
	stamp []byte
}

func (a lateAuthority) Verify(stamp, sig []byte) (*root.Timestamp, error) {
	at, err := a.TimestampingAuthority.Verify(stamp, sig)
	if err == nil && bytes.Equal(stamp, a.stamp) {
		at.Time = at.Time.Add(time.Hour)
	}
	return at, err
}

// TestEveryTimestampCounts: a timestamp that proves another time than the signer's is
// not hidden by one that stands before it, whatever their order.
func TestEveryTimestampCounts(t *testing.T) {
	v := newInstance(t, "test instance")
	const who = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
	raw, err := parseBundle(keylessBundle(t, v, who, githubIssuer, statementBytes(t, vexType, imageDigest("a"))), Options{}.limits())
	if err != nil {
		t.Fatal(err)
	}
	b, err := openBundle(raw, Options{}.limits())
	if err != nil || len(b.stamps) != 1 {
		t.Fatalf("%d timestamps, %v", len(b.stamps), err)
	}
	second, err := v.TimestampResponse(b.sig)
	if err != nil {
		t.Fatal(err)
	}
	both := append(slices.Clone(b.stamps), second)
	reversed := slices.Clone(both)
	slices.Reverse(reversed)
	for _, tt := range []struct {
		name   string
		stamps [][]byte
		late   []byte
		good   bool
	}{
		{"both_in_time", both, nil, true},
		{"second_late", both, second, false},
		{"first_late", reversed, second, false},
		{"too_many", slices.Repeat(both, maxStamps), nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row := trust.Row{Identities: []trust.Identity{{Subject: who, Issuer: githubIssuer}}}
			late := trust.NewRoot("late", lateStamp{withoutCT{v}, tt.late})
			c, err := newChecker(row, []*trust.Root{late}, trust.LogAuto, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			e := b.entity
			e.stamps = tt.stamps
			if out := c.check(&e); (out.grade == good) != tt.good || tt.late != nil && !strings.Contains(out.reason, "when its signer was not valid") {
				t.Errorf("grade %d, want good: %t: %s", out.grade, tt.good, out.reason)
			}
		})
	}
}

// TestTimestampOutsideOfTheKeysWindow: where a known authority proves when a key signed,
// the clock of the run does not stand in for it.
func TestTimestampOutsideOfTheKeysWindow(t *testing.T) {
	v, s := newInstance(t, "test instance"), newSigner(t, "test")
	now := time.Now().UTC().Truncate(time.Second)
	payload := []byte("payload")
	stamp, err := v.TimestampResponse(s.sign(t, payload))
	if err != nil {
		t.Fatal(err)
	}
	sig := s.sign(t, payload)
	own, err := v.TimestampResponse(sig)
	if err != nil {
		t.Fatal(err)
	}
	s.key.NotBefore, s.key.NotAfter = now.Add(time.Hour), now.Add(3*time.Hour)
	c, err := newChecker(trust.Row{Keys: []trust.Key{s.key}}, []*trust.Root{v.root}, trust.LogAuto, now.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		stamp []byte
		good  bool
	}{
		{"of_this_signature", own, false},
		{"of_another_signature", stamp, true}, // says nothing of this one
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := c.check(&entity{payload: payload, sig: sig, stamps: [][]byte{tt.stamp}, version: "v0.3"})
			if (out.grade == good) != tt.good {
				t.Errorf("grade %d, want good: %t: %s", out.grade, tt.good, out.reason)
			}
		})
	}
}
