package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/moby/policy-helpers/roots"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/imagegate/imagegate/internal/fault"
)

// maxRoot is the largest trusted root that is read, in bytes. Sigstore's is 7 KiB.
const maxRoot = 4 << 20

// maxRoots is the most trusted roots of one file.
const maxRoots = 16

const rootHint = "give a trusted_root.json, as `cosign trusted-root create` or `gh attestation trusted-root` writes it"

// Root is one Sigstore instance: its certificate authorities, transparency logs and
// timestamp authorities. Instances are kept apart: a certificate of one never goes
// with a log entry of another.
type Root struct {
	// Source says where the root comes from.
	Source string
	// Expires is the time until which its publisher promised to refresh it; zero when
	// it came without such a promise, as a file does.
	Expires time.Time

	material root.TrustedMaterial
}

// ParseRoot reads a trusted_root.json (Sigstore protobuf-specs, trustroot v1). Passing
// 4 MiB or text that is no trusted root is an error with code Usage.
func ParseRoot(source string, text []byte) (*Root, error) {
	op := "read trusted root " + source
	if len(text) > maxRoot {
		return nil, fault.Usagef(op, rootHint, "%d bytes, more than %d", len(text), maxRoot)
	}
	m, err := root.NewTrustedRootFromJSON(text)
	if err != nil {
		return nil, fault.New(fault.Usage, op, rootHint, err)
	}
	return &Root{Source: source, material: m}, nil
}

// ParseRoots reads a file of one trusted root, or of several as JSON lines: what `gh
// attestation trusted-root` prints, GitHub's private instance beside the public-good one.
// Errors are those of [ParseRoot]; more than 16 roots are one too.
func ParseRoots(source string, text []byte) ([]*Root, error) {
	var texts []json.RawMessage
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var one json.RawMessage
		err := dec.Decode(&one)
		if errors.Is(err, io.EOF) && len(texts) > 0 {
			break
		}
		if err != nil {
			return nil, fault.New(fault.Usage, "read trusted root "+source, rootHint, err)
		}
		if texts = append(texts, one); len(texts) > maxRoots {
			return nil, fault.Usagef("read trusted root "+source, rootHint, "more than %d roots", maxRoots)
		}
	}
	var out []*Root
	for i, one := range texts {
		name := source
		if i > 0 {
			name = fmt.Sprintf("%s#%d", source, i+1)
		}
		r, err := ParseRoot(name, one)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// NewRoot makes a root of material that is already in memory.
func NewRoot(source string, material root.TrustedMaterial) *Root {
	return &Root{Source: source, material: material}
}

// Embedded returns Sigstore's public-good instance as it was when the program was
// built, for runs without a network. It comes from github.com/moby/policy-helpers,
// which refreshes it from Sigstore's TUF repository.
func Embedded() (*Root, error) {
	text, err := fs.ReadFile(roots.EmbeddedTUF, "tuf-root/targets/trusted_root.json")
	if err != nil {
		return nil, fmt.Errorf("read the embedded trusted root: %w", err)
	}
	r, err := ParseRoot("embedded public-good instance", text)
	if err != nil {
		return nil, err
	}
	stamp, err := fs.ReadFile(roots.EmbeddedTUF, "tuf-root/timestamp.json")
	if err != nil {
		return nil, fmt.Errorf("read the embedded TUF timestamp: %w", err)
	}
	var t struct {
		Signed struct {
			Expires time.Time `json:"expires"`
		} `json:"signed"`
	}
	if err := json.Unmarshal(stamp, &t); err != nil {
		return nil, fmt.Errorf("read the embedded TUF timestamp: %w", err)
	}
	r.Expires = t.Signed.Expires
	return r, nil
}

// Material is the root in sigstore-go's terms.
func (r *Root) Material() root.TrustedMaterial { return r.material }

// HasLog says whether the instance runs a transparency log.
func (r *Root) HasLog() bool { return len(r.material.RekorLogs()) > 0 }

// HasCT says whether the instance runs a certificate transparency log.
func (r *Root) HasCT() bool { return len(r.material.CTLogs()) > 0 }

// HasTSA says whether the instance runs a timestamp authority.
func (r *Root) HasTSA() bool { return len(r.material.TimestampingAuthorities()) > 0 }
