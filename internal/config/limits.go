package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limit is the most findings of a kind that the gate lets pass; of days, for
// [LimitInvestigatingDays].
type Limit struct {
	Name string
	Max  int
}

// The names that vex-limits knows.
const (
	LimitOverBroad         = "over-broad"
	LimitUnsigned          = "unsigned"
	LimitStale             = "stale"
	LimitContradictory     = "contradictory"
	LimitRefused           = "refused"
	LimitInvestigating     = "investigating"
	LimitInvestigatingDays = "investigating-days"
	LimitCritical          = "critical-without-statement"
)

// Limits lists them in the order of the documentation.
func Limits() []string {
	return []string{
		LimitOverBroad, LimitUnsigned, LimitStale, LimitContradictory, LimitRefused,
		LimitInvestigating, LimitInvestigatingDays, LimitCritical,
	}
}

func setLimits(c *Config, v string) error {
	c.VEXLimits = nil
	for _, item := range splitList(v) {
		name, number, _ := strings.Cut(item, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(Limits(), name) {
			return fmt.Errorf("unknown limit %q; want some of %s", name, strings.Join(Limits(), ", "))
		}
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 0 {
			return fmt.Errorf("%s wants a whole number, such as %s=0", name, name)
		}
		if slices.ContainsFunc(c.VEXLimits, func(l Limit) bool { return l.Name == name }) {
			return fmt.Errorf("%s is given twice", name)
		}
		c.VEXLimits = append(c.VEXLimits, Limit{name, n})
	}
	return nil
}

// setRules splits at line breaks only: a rule may hold commas.
func setRules(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		var out []string
		for line := range strings.Lines(v) {
			if line = strings.TrimSpace(line); line != "" {
				out = append(out, line)
			}
		}
		*field(c) = out
		return nil
	}
}
