package config

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// trustKey is the one key of the configuration file that is no option: the user's rows
// of the trust table.
const trustKey = "trust"

// TrustRow says whose signatures count for repositories that match. A row of the user
// wins over a built-in one.
type TrustRow struct {
	// Match is a glob over registry/repository: "*" stands for one path element, a last
	// "**" for any number.
	Match      string          `yaml:"match"`
	Keys       []TrustKey      `yaml:"keys"`
	Identities []TrustIdentity `yaml:"identities"`
	// Log is auto, require or ignore.
	Log string `yaml:"log"`
	// Expect are the predicate families that the publisher attaches.
	Expect []string `yaml:"expect"`
	// Stores are the kinds of places to look at: referrers, tags, index; empty means all.
	Stores   []string       `yaml:"stores"`
	Builders []TrustBuilder `yaml:"builders"`
	Hint     string         `yaml:"hint"`
}

// TrustKey is a key that may sign, or must not: a PEM file, PEM text or the name of a
// built-in key. In the file it is that alone, or a mapping with the other fields beside
// it under "key".
type TrustKey struct {
	Key string `yaml:"key"`
	// NotBefore and NotAfter bound when it may sign: a day or a moment, "" for no bound.
	NotBefore string `yaml:"not-before"`
	NotAfter  string `yaml:"not-after"`
	// Inactive says why it is refused; "" when it is in use.
	Inactive string `yaml:"inactive"`
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (k *TrustKey) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&k.Key)
	}
	type plain TrustKey
	if err := decodeKnown(node, (*plain)(k)); err != nil {
		return err
	}
	if k.Key == "" {
		return fmt.Errorf("line %d: a key has no %q", node.Line, "key")
	}
	return nil
}

// TrustIdentity is a keyless signer, under cosign's names.
type TrustIdentity struct {
	Identity       string `yaml:"certificate-identity"`
	IdentityRegexp string `yaml:"certificate-identity-regexp"`
	Issuer         string `yaml:"certificate-oidc-issuer"`
	IssuerRegexp   string `yaml:"certificate-oidc-issuer-regexp"`
}

// TrustBuilder is a builder that is trusted up to a SLSA Build level.
type TrustBuilder struct {
	ID     string `yaml:"id"`
	Signer string `yaml:"signer"`
	Level  int    `yaml:"level"`
}

// maxTrustRows bounds the user's trust table.
const maxTrustRows = 1000

// parseTrust reads the trust table of a configuration file; an unknown key in it is an
// error.
func parseTrust(node yaml.Node) ([]TrustRow, error) {
	var rows []TrustRow
	if err := decodeKnown(&node, &rows); err != nil {
		return nil, err
	}
	if len(rows) > maxTrustRows {
		return nil, fmt.Errorf("more than %d rows", maxTrustRows)
	}
	for i, r := range rows {
		if r.Match == "" {
			return nil, fmt.Errorf("row %d has no match", i+1)
		}
		if len(r.Keys) == 0 && len(r.Identities) == 0 && r.Hint == "" {
			return nil, errors.New("the row for " + r.Match + " names neither keys nor identities")
		}
	}
	return rows, nil
}

// decodeKnown decodes a node; a key that into has no field for is an error.
func decodeKnown(node *yaml.Node, into any) error {
	text, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	return dec.Decode(into)
}

// trustSchema is the JSON Schema of the trust table.
func trustSchema() map[string]any {
	text := func(help string) map[string]any { return map[string]any{"type": "string", "description": help} }
	texts := func(help string) map[string]any {
		return map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "description": help}
	}
	object := func(properties map[string]any, required ...string) map[string]any {
		o := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
		if len(required) > 0 {
			o["required"] = required
		}
		return o
	}
	const keyHelp = "PEM file, PEM text or name of a built-in key"
	return map[string]any{
		"type":        "array",
		"description": "Rows of the trust table: whose signatures count for which repositories; they win over the built-in rows",
		"items": object(map[string]any{
			"match": text("Glob over registry/repository, such as registry.example/team/**"),
			"keys": map[string]any{"type": "array", "description": "Keys that may sign; several may be valid at a time", "items": map[string]any{"oneOf": []any{
				text(keyHelp),
				object(map[string]any{
					"key": text(keyHelp), "not-before": text("First day, or moment, of a signature that counts"), "not-after": text("Last day, or moment, of one"),
					"inactive": text("Why the key is refused; a signature of it is refused by its name"),
				}, "key"),
			}}},
			"identities": map[string]any{"type": "array", "items": object(map[string]any{
				"certificate-identity": text("Identity of the certificate"), "certificate-identity-regexp": text("Regular expression for the identity"),
				"certificate-oidc-issuer": text("OIDC issuer"), "certificate-oidc-issuer-regexp": text("Regular expression for the issuer"),
			})},
			"log":    map[string]any{"enum": []string{"auto", "require", "ignore"}, "description": "Transparency-log policy"},
			"expect": texts("Predicate families that the publisher attaches"),
			"stores": map[string]any{"type": "array", "items": map[string]any{"enum": []string{"referrers", "tags", "index"}}, "description": "Kinds of places to look at; empty means all"},
			"builders": map[string]any{"type": "array", "items": object(map[string]any{
				"id": text("Glob over the builder id"), "signer": text("Glob over the identity that must have signed"),
				"level": map[string]any{"type": "integer", "minimum": 0, "maximum": 3, "description": "SLSA Build level it is trusted for"},
			}, "id", "level")},
			"hint": text("Next step to print when nothing verifies"),
		}, "match"),
	}
}
