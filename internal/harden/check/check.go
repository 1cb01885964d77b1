// Package check is what every hardening check has in common: its description, the
// way it tells what it found, and the rules that a description must keep.
//
// A check is a value, not a type: [Check] holds the words, and the package that
// knows the subject (an image, a Dockerfile, a Compose file, a container) pairs it
// with a function. A function says what it saw through a [Pass]. One that says
// nothing is undecided: a pass has to be spoken.
//
// Start reading at [Check], then [Pass].
package check

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// Kind is what a check looks at.
type Kind string

// The kinds of subject, in the order in which they are documented.
const (
	Image      Kind = "image"
	Dockerfile Kind = "dockerfile"
	Compose    Kind = "compose"
	Container  Kind = "container"
)

// Kinds lists the kinds in documentation order.
func Kinds() []Kind { return []Kind{Image, Dockerfile, Compose, Container} }

// letter is the part of an id that names the kind.
func (k Kind) letter() string {
	switch k {
	case Image:
		return "I"
	case Dockerfile:
		return "D"
	case Compose:
		return "C"
	case Container:
		return "R"
	default:
		return ""
	}
}

// Check describes one check. It is plain data and safe to share: nothing changes a
// Check after it was written down.
type Check struct {
	// ID is HIG-, a letter for the kind (I, D, C, R) and three digits. It is a
	// published name: never reused, never renumbered.
	ID string
	// Title is the wish, in the words of someone for whom it holds ("The image runs
	// as a non-root user").
	Title    string
	Kind     Kind
	Severity report.Severity

	// Preview marks a check that is new: it is reported with severity low whatever
	// Severity says, so that a new release of this program breaks nobody's build.
	Preview bool

	// Why says what an attacker, or a bad day, gains from the fault.
	Why string
	// Remedy is what to do about it in general; a finding may carry a better one.
	Remedy string

	References References

	// Bad and Good are complete examples, as described by the package that runs the
	// check. Bad must make the check fail, Good must make it pass; the documentation
	// prints both and its test runs them.
	Bad, Good string
}

// References name the same wish in documents that people know.
type References struct {
	// CIS are recommendations of the CIS Docker Benchmark v1.6.0 ("4.1").
	CIS []string
	// NIST are sections of NIST SP 800-190 ("4.1.2").
	NIST []string
	// OWASP are rules of the OWASP Docker Security Cheat Sheet ("2").
	OWASP []string
	// Aliases are ids of other tools for the same thing: CIS-DI-0001, DL3002,
	// CKV_DOCKER_8.
	Aliases []string
}

// List returns the references as a reader wants them, each with its document.
func (r References) List() []string {
	out := []string{}
	for _, v := range r.CIS {
		out = append(out, "CIS Docker "+v)
	}
	for _, v := range r.NIST {
		out = append(out, "NIST SP 800-190 "+v)
	}
	for _, v := range r.OWASP {
		out = append(out, "OWASP Docker Rule #"+v)
	}
	return append(out, r.Aliases...)
}

// Effective is the severity that findings are reported with: see [Check.Preview].
func (c *Check) Effective() report.Severity {
	if c.Preview && c.Severity.AtLeast(report.Low) {
		return report.Low
	}
	return c.Severity
}

var idForm = regexp.MustCompile(`^HIG-([IDCR])[0-9]{3}$`)

// Validate reports everything that is wrong with the description, joined.
func (c *Check) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("check %q: "+format, append([]any{c.ID}, args...)...))
	}
	if m := idForm.FindStringSubmatch(c.ID); m == nil {
		bad("the id is not HIG-, a kind's letter and three digits")
	} else if m[1] != c.Kind.letter() {
		bad("the id's letter is %s, its kind is %q", m[1], c.Kind)
	}
	for _, f := range []struct{ name, text string }{
		{"title", c.Title}, {"why", c.Why}, {"remedy", c.Remedy}, {"bad example", c.Bad}, {"good example", c.Good},
	} {
		if strings.TrimSpace(f.text) == "" {
			bad("no %s", f.name)
		}
	}
	if strings.HasSuffix(c.Title, ".") {
		bad("the title ends with a full stop")
	}
	for _, f := range []struct{ name, text string }{{"why", c.Why}, {"remedy", c.Remedy}} {
		if f.text != "" && !strings.HasSuffix(f.text, ".") {
			bad("the %s is not a sentence", f.name)
		}
	}
	if c.Severity == report.Unknown || !slices.Contains(report.Severities(), c.Severity) {
		bad("severity %q", c.Severity)
	}
	if len(c.References.List()) == 0 {
		bad("no reference")
	}
	return errors.Join(errs...)
}

// ValidateAll validates every check and that no id or title is used twice.
func ValidateAll(checks []*Check) error {
	var errs []error
	ids, titles := map[string]bool{}, map[string]bool{}
	for _, c := range checks {
		errs = append(errs, c.Validate())
		if ids[c.ID] {
			errs = append(errs, fmt.Errorf("check %q: the id is used twice", c.ID))
		}
		if titles[string(c.Kind)+c.Title] {
			errs = append(errs, fmt.Errorf("check %q: the title is used twice", c.ID))
		}
		ids[c.ID], titles[string(c.Kind)+c.Title] = true, true
	}
	return errors.Join(errs...)
}
