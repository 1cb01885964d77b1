package trust

import (
	"fmt"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
)

// KeySpec is keys as a user writes them: where they are, and when they may sign.
type KeySpec struct {
	// Key is the name of an embedded key ("dhi-2"), PEM text, or the path of a PEM file.
	Key string
	// NotBefore and NotAfter bound the time of a signature: a day (2025-06-30, the whole
	// of it in UTC) or a moment as in RFC 3339. "" means unbounded. The validity of a
	// certificate can be narrowed and not widened.
	NotBefore, NotAfter string
	// Inactive says why the keys are refused by name; "" means that they are in use.
	Inactive string
}

// load reads the keys. Errors have code Usage.
func (s KeySpec) load(read func(path string) ([]byte, error)) ([]Key, error) {
	before, err := moment(s.NotBefore, false)
	if err != nil {
		return nil, fault.New(fault.Usage, "read not-before of key "+s.Key, "write a day such as 2025-06-30", err)
	}
	after, err := moment(s.NotAfter, true)
	if err != nil {
		return nil, fault.New(fault.Usage, "read not-after of key "+s.Key, "write a day such as 2025-06-30", err)
	}
	keys, err := LoadKeys(s.Key, read)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		k := &keys[i]
		if before.After(k.NotBefore) {
			k.NotBefore = before
		}
		if !after.IsZero() && (k.NotAfter.IsZero() || after.Before(k.NotAfter)) {
			k.NotAfter = after
		}
		if !k.NotAfter.IsZero() && k.NotAfter.Before(k.NotBefore) {
			return nil, fault.Usagef("use key "+k.Name, "", "it is valid at no time: %s", k.Validity())
		}
		k.Inactive = s.Inactive
	}
	return keys, nil
}

// moment reads a day or a moment; a day ends with its last second.
func moment(text string, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			day = day.Add(24*time.Hour - time.Second)
		}
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is no day and no moment", text)
	}
	return at.UTC(), nil
}

// LoadKeys reads the keys that a user named: an embedded key by its name, PEM text, else
// a PEM file. An embedded key that is inactive is an error that says so, whatever way it
// was given.
func LoadKeys(name string, read func(path string) ([]byte, error)) ([]Key, error) {
	if k, ok := NamedKey(name); ok {
		if k.Inactive != "" {
			return nil, fault.Usagef("use key "+name, "use dhi-2, or the file of a newer key", "the key is refused: %s", k.Inactive)
		}
		return []Key{k}, nil
	}
	text, given := []byte(name), strings.Contains(name, "-----BEGIN ")
	if given {
		name = "given as text"
	} else {
		var err error
		if text, err = read(name); err != nil {
			return nil, fault.New(fault.Usage, "read public key "+name, "give a PEM file, or the name of an embedded key (dhi-2)", err)
		}
	}
	keys, err := ParseKeys(name, text)
	if err != nil {
		return nil, err
	}
	builtin, err := BuiltinKeys()
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		if given {
			keys[i].Ref = "cosign.pub" // wherever the reader has it
		}
		// An inactive key stays refused, whatever file it is in.
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
