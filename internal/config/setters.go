package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// regexpString wants a regular expression that compiles. As in cosign, it may match
// anywhere in the identity: anchors are the user's.
func regexpString(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if _, err := regexp.Compile(v); err != nil {
			return fmt.Errorf("want a regular expression: %w", err)
		}
		*field(c) = v
		return nil
	}
}

// setRequire resolves presets and checks family names. [RequireAuto] stays as it is:
// only the pipeline knows where the image comes from.
func setRequire(c *Config, v string) error {
	var out []string
	items := splitList(v)
	for _, item := range items {
		family := strings.ToLower(item)
		if family == RequireAuto || family == "none" {
			if len(items) > 1 {
				return fmt.Errorf("%s goes with no other value", family)
			}
			if family == RequireAuto {
				out = []string{RequireAuto}
			}
			continue
		}
		add, ok := presets[family]
		if !ok {
			if !slices.Contains(Families(), family) {
				return fmt.Errorf("unknown predicate family %q; want some of %s, or dhi, none, auto", item, strings.Join(Families(), ", "))
			}
			add = []string{family}
		}
		for _, f := range add {
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	c.Require = out
	return nil
}

// setSources takes a list of sources, [Auto] or [None]; neither goes with another value.
func setSources(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		items := splitList(v)
		for _, item := range items {
			if word := strings.ToLower(item); word == Auto || word == None {
				if len(items) > 1 {
					return fmt.Errorf("%s goes with no other value", word)
				}
				items = []string{word}
			}
		}
		if slices.Equal(items, []string{None}) {
			items = nil
		}
		*field(c) = items
		return nil
	}
}

// RequirePreset returns the families of a preset; nil when there is none of that name.
func RequirePreset(name string) []string { return slices.Clone(presets[name]) }

// SBOMFormats are the formats that sbom-formats accepts.
func SBOMFormats() []string { return []string{"syft-json", "spdx-json", "cyclonedx-json"} }

func setFormats(c *Config, v string) error {
	c.SBOMFormats = splitList(v)
	for _, f := range c.SBOMFormats {
		if !slices.Contains(SBOMFormats(), f) {
			return fmt.Errorf("unknown format %q; want some of %s", f, strings.Join(SBOMFormats(), ", "))
		}
	}
	return nil
}

// setArtifactName refuses the characters that artifact storage refuses, before the
// upload does.
func setArtifactName(c *Config, v string) error {
	const refused = "\":<>|*?\r\n\\/"
	if strings.ContainsAny(v, refused) {
		return fmt.Errorf("an artifact's name has none of the characters %q", refused)
	}
	c.ArtifactName = strings.TrimSpace(v)
	return nil
}
