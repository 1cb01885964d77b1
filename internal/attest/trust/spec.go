package trust

import "fmt"

// Spec is a row as a user writes it in the configuration; the fields are those of [Row].
type Spec struct {
	Match      string
	Keys       []KeySpec
	Identities []Identity
	Log        string
	Expect     []string
	Stores     []string
	Builders   []Builder
	Hint       string
}

// FromSpecs makes rows of what a user wrote. read reads the files of keys. origin says
// where the rows come from. A row for all
// of dhi.io stands for mirrors with Docker's marks too, as the built-in one does. The rows
// are checked; errors have code Usage and name the row.
func FromSpecs(specs []Spec, origin string, read func(path string) ([]byte, error)) (Table, error) {
	var t Table
	for i, s := range specs {
		row := Row{
			Match: s.Match, DHI: s.Match == dhiMatch, Identities: s.Identities, Log: LogPolicy(s.Log), Expect: s.Expect,
			Stores: s.Stores, Builders: s.Builders, Hint: s.Hint, Origin: origin,
		}
		for _, k := range s.Keys {
			keys, err := k.load(read)
			if err != nil {
				return nil, fmt.Errorf("trust row %d (%s, from %s): %w", i+1, s.Match, origin, err)
			}
			row.Keys = append(row.Keys, keys...)
		}
		t = append(t, row)
	}
	return t, t.Check()
}

// Listed is one row of a table, in words.
type Listed struct {
	Match   string
	Signers []string
	Log     LogPolicy
	Expect  []string
	Stores  []string // empty for all
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
		l := Listed{Match: r.Match, Log: r.Log, Expect: r.Expect, Stores: r.Stores, Origin: r.Origin, Hint: r.Hint, Shadowed: seen[r.Match]}
		if l.Log == "" {
			l.Log = LogAuto
		}
		seen[r.Match] = true
		for _, k := range r.Keys {
			text := k.String()
			if v := k.Validity(); v != "" {
				text += ", valid " + v
			}
			if k.Inactive != "" {
				text += ", refused: " + k.Inactive
			}
			l.Signers = append(l.Signers, text)
		}
		for _, id := range r.Identities {
			l.Signers = append(l.Signers, id.String())
		}
		for _, b := range r.Builders {
			text := fmt.Sprintf("builder %s to SLSA Build level %d", b.ID, b.Level)
			if b.Signer != "" {
				text += ", where " + b.Signer + " signed"
			}
			l.Signers = append(l.Signers, text)
		}
		out = append(out, l)
	}
	return out
}
