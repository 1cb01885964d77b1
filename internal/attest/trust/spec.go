package trust

import (
	"fmt"

	"github.com/imagegate/imagegate/internal/fault"
)

// Spec is a row as a user writes it in the configuration.
type Spec struct {
	Match      string         `json:"match" yaml:"match"`
	Keys       []string       `json:"keys,omitempty" yaml:"keys,omitempty"`
	Identities []IdentitySpec `json:"identities,omitempty" yaml:"identities,omitempty"`
	Log        string         `json:"log,omitempty" yaml:"log,omitempty"`
	Expect     []string       `json:"expect,omitempty" yaml:"expect,omitempty"`
	Stores     []string       `json:"stores,omitempty" yaml:"stores,omitempty"`
	Builders   []BuilderSpec  `json:"builders,omitempty" yaml:"builders,omitempty"`
	Hint       string         `json:"hint,omitempty" yaml:"hint,omitempty"`
}

// IdentitySpec is an [Identity] under cosign's names.
type IdentitySpec struct {
	Subject       string `json:"certificate-identity,omitempty" yaml:"certificate-identity,omitempty"`
	SubjectRegexp string `json:"certificate-identity-regexp,omitempty" yaml:"certificate-identity-regexp,omitempty"`
	Issuer        string `json:"certificate-oidc-issuer,omitempty" yaml:"certificate-oidc-issuer,omitempty"`
	IssuerRegexp  string `json:"certificate-oidc-issuer-regexp,omitempty" yaml:"certificate-oidc-issuer-regexp,omitempty"`
}

// BuilderSpec is a [Builder].
type BuilderSpec struct {
	ID     string `json:"id" yaml:"id"`
	Signer string `json:"signer,omitempty" yaml:"signer,omitempty"`
	Level  int    `json:"level" yaml:"level"`
}

// FromSpecs makes rows of what a user wrote. A key is the name of an embedded one
// ("dhi-2") or a path that read reads. origin says where the rows come from. A row for all
// of dhi.io stands for mirrors with Docker's marks too, as the built-in one does. The rows
// are checked; errors have code Usage and name the row.
func FromSpecs(specs []Spec, origin string, read func(path string) ([]byte, error)) (Table, error) {
	var t Table
	for i, s := range specs {
		row := Row{Match: s.Match, DHI: s.Match == dhiMatch, Log: LogPolicy(s.Log), Expect: s.Expect, Stores: s.Stores, Hint: s.Hint, Origin: origin}
		for _, name := range s.Keys {
			keys, err := LoadKeys(name, read)
			if err != nil {
				return nil, fmt.Errorf("trust row %d (%s, from %s): %w", i+1, s.Match, origin, err)
			}
			row.Keys = append(row.Keys, keys...)
		}
		for _, id := range s.Identities {
			row.Identities = append(row.Identities, Identity(id))
		}
		for _, b := range s.Builders {
			row.Builders = append(row.Builders, Builder(b))
		}
		t = append(t, row)
	}
	return t, t.Check()
}

// LoadKeys reads the keys that a user named: an embedded key by its name, else a PEM
// file. An embedded key that is inactive is an error that says so.
func LoadKeys(name string, read func(path string) ([]byte, error)) ([]Key, error) {
	if k, ok := NamedKey(name); ok {
		if k.Inactive != "" {
			return nil, fault.Usagef("use key "+name, "use dhi-2, or the file of a newer key", "the key is refused: %s", k.Inactive)
		}
		return []Key{k}, nil
	}
	text, err := read(name)
	if err != nil {
		return nil, fault.New(fault.Usage, "read public key "+name, "give a PEM file, or the name of an embedded key (dhi-2)", err)
	}
	keys, err := ParseKeys(name, text)
	if err != nil {
		return nil, err
	}
	builtin, err := BuiltinKeys()
	if err != nil {
		return nil, err
	}
	for i, k := range keys { // an inactive key stays refused, whatever file it is in
		for _, b := range builtin {
			if k.Equal(b) {
				if b.Inactive != "" {
					return nil, fault.Usagef("use key "+name, "use dhi-2, or the file of a newer key", "it is %s, which is refused: %s", b.Name, b.Inactive)
				}
				keys[i].Name = b.Name
			}
		}
	}
	return keys, nil
}

// Listed is one row of a table, in words.
type Listed struct {
	Match   string
	Signers []string
	Log     LogPolicy
	Expect  []string
	Origin  string
	Hint    string
	// Shadowed says that an earlier row with the same match wins over this one.
	Shadowed bool
}

// List returns the rows in the order in which they are asked, for people to read.
func (t Table) List() []Listed {
	seen := map[string]bool{}
	out := make([]Listed, 0, len(t))
	for _, r := range t {
		l := Listed{Match: r.Match, Log: r.Log, Expect: r.Expect, Origin: r.Origin, Hint: r.Hint, Shadowed: seen[r.Match]}
		if l.Log == "" {
			l.Log = LogAuto
		}
		seen[r.Match] = true
		for _, k := range r.Keys {
			text := k.String()
			if k.Inactive != "" {
				text += ", refused: " + k.Inactive
			}
			l.Signers = append(l.Signers, text)
		}
		for _, id := range r.Identities {
			l.Signers = append(l.Signers, id.String())
		}
		out = append(out, l)
	}
	return out
}
