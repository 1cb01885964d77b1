package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is the type of an option's value, as the help and the schema name it.
type Kind string

// The kinds of values. A List takes several values, separated by commas or line
// breaks, or the flag several times.
const (
	String   Kind = "string"
	Bool     Kind = "bool"
	List     Kind = "list"
	Duration Kind = "duration"
	Int      Kind = "int"
)

// Use says where an option may be given.
type Use int

// Everywhere means flag, action input and configuration file; FlagOnly is for what
// has a meaning at a terminal alone.
const (
	Everywhere Use = iota
	FlagOnly
)

// Option is one row of the table.
type Option struct {
	Name string
	// Alias is a second accepted name, "" for none.
	Alias string
	Kind  Kind
	// Default is the value of an option that was not given.
	Default string
	// Values are the legal values; empty means any.
	Values []string
	// Help is one sentence without the final stop, in plain words.
	Help string
	// Group is the heading under which the option is documented.
	Group string
	// Secret values are masked and never printed.
	Secret bool
	Use    Use

	set func(c *Config, value string) error
}

// Groups are the headings of the option table, in the order of the documentation.
func Groups() []string {
	return []string{"Image", "Access", "Trust", "VEX", "Policy", "Hardening", "Database", "Reports", "Action", "Terminal"}
}

func str(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = strings.TrimSpace(v)
		return nil
	}
}

// verbatim keeps white space: a password may begin or end with it.
func verbatim(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = v
		return nil
	}
}

func boolean(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, v string) error {
		b, err := parseBool(v)
		*field(c) = b
		return err
	}
}

func duration(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, v string) error {
		d, err := ParseDuration(v)
		*field(c) = d
		return err
	}
}

func list(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = splitList(v)
		return nil
	}
}

func integer(low, high int, field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil || n < low || n > high {
			return fmt.Errorf("want a whole number from %d to %d", low, high)
		}
		*field(c) = n
		return nil
	}
}

func size(field func(*Config) *int64) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := ParseBytes(v)
		*field(c) = n
		return err
	}
}

// ParseBytes reads a size as docker run does: a whole number of bytes above zero, or of
// KiB, MiB or GiB with the unit k, m or g.
func ParseBytes(v string) (int64, error) {
	wrong := fmt.Errorf("%q is no size; want one such as 256m", v)
	number, factor := strings.ToLower(strings.TrimSpace(v)), int64(1)
	for suffix, unit := range map[string]int64{"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, factor = n, unit
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > 1<<40/factor {
		return 0, wrong
	}
	return n * factor, nil
}

// parseBool accepts the spellings of YAML 1.2 and of the runner's toolkit.
func parseBool(v string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, errors.New("want true or false")
}

// ParseDuration reads a Go duration ("90s", "36h") and also whole or fractional days
// and weeks ("5d", "2w"). A negative one is an error.
func ParseDuration(v string) (time.Duration, error) {
	v = strings.TrimSpace(v)
	wrong := errors.New("want a duration such as 90s, 36h, 5d or 2w")
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		number, ok := strings.CutSuffix(v, suffix)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || !(f >= 0 && f <= 36500) { // the negation refuses NaN too
			return 0, wrong
		}
		return time.Duration(f * float64(unit)), nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, wrong
	}
	return d, nil
}

// splitList splits at commas and line breaks, and drops empty items and duplicates.
// A PEM block is one item: its lines belong together.
func splitList(v string) []string {
	var out []string
	add := func(item string) {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	const begin, end = "-----BEGIN ", "-----END "
	for {
		start := strings.Index(v, begin)
		if start < 0 {
			break
		}
		for _, item := range strings.FieldsFunc(v[:start], isSeparator) {
			add(item)
		}
		v = v[start:]
		stop := strings.Index(v, end)
		if stop < 0 {
			break
		}
		line := strings.IndexByte(v[stop:], '\n')
		if line < 0 {
			add(v)
			return out
		}
		add(v[:stop+line] + "\n")
		v = v[stop+line:]
	}
	for _, item := range strings.FieldsFunc(v, isSeparator) {
		add(item)
	}
	return out
}

func isSeparator(r rune) bool { return r == ',' || r == '\n' || r == '\r' }
