package claims

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/imagegate/imagegate/internal/attest"
)

// Provenance is what a SLSA provenance says, v0.2 (slsa.dev/provenance/v0.2) or v1
// (slsa.dev/provenance/v1).
type Provenance struct {
	BuilderID string
	BuildType string
	// SourceURI and SourceRef are the repository and the ref that were built; "" when
	// the build type does not say.
	SourceURI string
	SourceRef string
	// SourceDigest is the commit, "sha1:…" or another algorithm.
	SourceDigest string
}

var errProvenance = errors.New("not a SLSA provenance")

// ErrNoBuilder is the error of [ReadProvenance] for one that names no builder.
var ErrNoBuilder = fmt.Errorf("%w: it names no builder", errProvenance)

type material struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

// ReadProvenance reads the provenance in a verified attestation. It is an error when it
// is none, and [ErrNoBuilder] beside what was read when it names no builder.
func ReadProvenance(v attest.Verified) (Provenance, error) {
	if !v.OK() || v.Family() != attest.FamilyProvenance {
		return Provenance{}, fmt.Errorf("%w: predicate type %q", errProvenance, v.PredicateType())
	}
	var p Provenance
	var err error
	if strings.HasPrefix(v.PredicateType(), "https://slsa.dev/provenance/v0.") {
		p, err = readV02(v.Predicate())
	} else {
		p, err = readV1(v.Predicate())
	}
	if err == nil && p.BuilderID == "" {
		err = ErrNoBuilder
	}
	return p, err
}

func readV02(data []byte) (Provenance, error) {
	var d struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
		BuildType  string `json:"buildType"`
		Invocation struct {
			ConfigSource material `json:"configSource"`
		} `json:"invocation"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return Provenance{}, fmt.Errorf("%w: %w", errProvenance, err)
	}
	p := Provenance{BuilderID: d.Builder.ID, BuildType: d.BuildType}
	p.source(d.Invocation.ConfigSource)
	return p, nil
}

func readV1(data []byte) (Provenance, error) {
	var d struct {
		BuildDefinition struct {
			BuildType  string `json:"buildType"`
			Parameters struct {
				// GitHub's workflow build types.
				Workflow struct {
					Repository string `json:"repository"`
					Ref        string `json:"ref"`
				} `json:"workflow"`
				// The generators of the SLSA project.
				Source material `json:"source"`
				// BuildKit.
				ConfigSource material `json:"configSource"`
			} `json:"externalParameters"`
			Dependencies []material `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		RunDetails struct {
			Builder struct {
				ID string `json:"id"`
			} `json:"builder"`
		} `json:"runDetails"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return Provenance{}, fmt.Errorf("%w: %w", errProvenance, err)
	}
	b := d.BuildDefinition
	p := Provenance{BuilderID: d.RunDetails.Builder.ID, BuildType: b.BuildType}
	switch {
	case b.Parameters.Workflow.Repository != "":
		p.SourceURI, p.SourceRef = b.Parameters.Workflow.Repository, b.Parameters.Workflow.Ref
		for _, m := range b.Dependencies {
			if uri, _ := splitSource(m.URI); sameSource(uri, p.SourceURI) {
				p.SourceDigest = anyDigest(m.Digest)
			}
		}
	case b.Parameters.Source.URI != "":
		p.source(b.Parameters.Source)
	default:
		p.source(b.Parameters.ConfigSource)
	}
	return p, nil
}

func (p *Provenance) source(m material) {
	p.SourceURI, p.SourceRef = splitSource(m.URI)
	p.SourceDigest = anyDigest(m.Digest)
}

// splitSource takes the ref off a source: "git+https://host/a/b@refs/heads/main", as
// the SLSA generators write it, or "https://host/a/b.git#refs/heads/main", BuildKit's.
func splitSource(text string) (uri, ref string) {
	if uri, ref, ok := strings.Cut(text, "#"); ok {
		ref, _, _ = strings.Cut(ref, ":") // "#ref:subdirectory"
		return uri, ref
	}
	if i := strings.LastIndex(text, "@"); i > strings.LastIndex(text, "://")+2 && strings.Contains(text[i:], "/") {
		return text[:i], text[i+1:]
	}
	return text, ""
}

// sameSource compares repositories whatever the spelling: with or without scheme,
// "git+" and ".git". Host names have no case; paths do.
func sameSource(a, b string) bool {
	a, b = canonicalSource(a), canonicalSource(b)
	return a != "" && a == b
}

func canonicalSource(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), "git+")
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return ""
	}
	return strings.ToLower(u.Host) + strings.TrimSuffix(strings.TrimRight(u.EscapedPath(), "/"), ".git")
}

// anyDigest is the strongest digest of a set, with its algorithm.
func anyDigest(set map[string]string) string {
	for _, algo := range []string{"sha512", "sha256", "gitCommit", "sha1"} {
		if d := set[algo]; d != "" {
			return algo + ":" + d
		}
	}
	return ""
}
