package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// parseFile reads a configuration file: one YAML mapping from option names to a
// value or a list of values. An unknown key is an error that names the nearest one; a
// misspelt key must not silently leave a gate open.
func parseFile(data []byte) (values map[string]string, rows []TrustRow, err error) {
	if len(data) > maxFile {
		return nil, nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	var doc map[string]yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil, nil
		}
		return nil, nil, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("want one YAML document")
	}
	known := map[string]Option{}
	for _, o := range Options() {
		if o.Use == FlagOnly || o.Name == "config" {
			continue
		}
		known[o.Name] = o
		if o.Alias != "" {
			known[o.Alias] = o
		}
	}
	out := make(map[string]string, len(doc))
	var errs []error
	for _, key := range sortedKeys(doc) {
		node := doc[key]
		switch key {
		case "$schema":
			continue
		case trustKey:
			if rows, err = parseTrust(node); err != nil {
				errs = append(errs, fmt.Errorf("line %d: %s: %w", node.Line, key, err))
			}
			continue
		}
		option, ok := known[key]
		if !ok {
			errs = append(errs, unknownKey(key, sortedKeys(known), node.Line))
			continue
		}
		value, err := nodeValue(node, option.Kind)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %s: %w", node.Line, key, err))
			continue
		}
		out[key] = value
	}
	return out, rows, errors.Join(errs...)
}

// nodeValue flattens a scalar or a list of scalars to the form of a flag.
func nodeValue(n yaml.Node, kind Kind) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "", nil
		}
		return n.Value, nil
	case yaml.SequenceNode:
		if kind != List {
			return "", errors.New("want one value, not a list")
		}
		items := make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", errors.New("want a list of plain values")
			}
			items = append(items, item.Value)
		}
		return strings.Join(items, "\n"), nil
	case yaml.DocumentNode, yaml.MappingNode, yaml.AliasNode:
	}
	return "", errors.New("want a plain value")
}

func unknownKey(key string, known []string, line int) error {
	best, bestDistance := "", min(4, len(key)/2+1) // a short name is near to any other short name
	for _, k := range known {
		if d := distance(key, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best != "" {
		return fmt.Errorf("line %d: unknown key %q; do you mean %s?", line, key, best)
	}
	return fmt.Errorf("line %d: unknown key %q", line, key)
}

// distance is the Levenshtein distance of two short names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
