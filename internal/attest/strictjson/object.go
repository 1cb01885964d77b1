package strictjson

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Object splits a JSON object that passed [Check] into its members, by exact name.
// The values are slices of their own bytes as written.
func Object(data []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: want an object: %v", ErrSyntax, err)
	}
	if m == nil {
		return nil, fmt.Errorf("%w: want an object, have null", ErrSyntax)
	}
	return m, nil
}

// Fields is [Object] for a structure whose field names are known: a member that is
// one of the names in another case ("Subject" for "subject") is refused, because
// encoding/json would read it as that field and other parsers would not. Other
// members are allowed.
func Fields(data []byte, names ...string) (map[string]json.RawMessage, error) {
	m, err := Object(data)
	if err != nil {
		return nil, err
	}
	for key := range m {
		for _, name := range names {
			if key != name && strings.EqualFold(key, name) {
				return nil, fmt.Errorf("%w: %q for %q", ErrCase, clip(key), name)
			}
		}
	}
	return m, nil
}

// Text reads a member that must be a string; a missing member is "".
func Text(m map[string]json.RawMessage, name string) (string, error) {
	raw, ok := m[name]
	if !ok {
		return "", nil
	}
	if len(raw) == 0 || raw[0] != '"' {
		return "", fmt.Errorf("%w: %s is not a string", ErrSyntax, name)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("%w: %s: %v", ErrSyntax, name, err)
	}
	return s, nil
}
