package compose

import (
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/ignore"
	"github.com/imagegate/imagegate/internal/report"
)

// rule is a check and the function that decides it for one service.
type rule struct {
	check.Check
	// keys are those of a service that each reads and variables may leave open. A pass
	// is not decided when everything under one of them is open or, with any, when
	// something is: one more entry could be the wrong one.
	keys []string
	any  bool
	// could says whether a text, with "$" for each variable, could be a wrong value
	// when it is open. Nil means that any could.
	could func(value string) bool
	// each decides for one service: it says only what is wrong or undecided, and
	// returns whether the wish applies to the service at all.
	each func(*pass, *Service) bool
	// project decides for the project as a whole, in the place of each.
	project func(*pass)
}

// pass is one rule on one project.
type pass struct {
	check.Pass
	p     *Project
	notes []note
}

// Failf and Undecidedf keep what a rule says of a service for [pass.settle].
func (p *pass) Failf(at check.At, format string, args ...any) {
	p.notes = append(p.notes, note{report.CheckFailed, fmt.Sprintf(format, args...), at})
}

func (p *pass) Undecidedf(at check.At, format string, args ...any) {
	p.notes = append(p.notes, note{report.CheckUndecided, fmt.Sprintf(format, args...), at})
}

// rules lists every check of a Compose project in the order of their ids.
func rules() []*rule {
	return []*rule{
		valid, noNewPrivileges, capDrop, capAdd, readOnly, tmpfsOptions, user, notPrivileged, hostNamespaces, dockerSocket,
		hostPaths, loopback, unneededPorts, memoryLimit, pidsLimit, healthcheck, restart, imagePinned, imageVersion,
		noSecrets, isolated, logging, profiles, devices, ignoreComments, graceful, propagation, cgroupParent,
	}
}

// Checks describes every check of a Compose project.
func Checks() []*check.Check {
	var out []*check.Check
	for _, r := range rules() {
		out = append(out, &r.Check)
	}
	return out
}

// Run checks every service of p. Silenced findings stay in the result as not
// applicable.
func Run(p *Project) []report.Check {
	comments := map[string]*ignore.Comments{}
	for _, d := range p.docs {
		comments[d.path] = ignore.Scan(d.lines, nil)
	}
	var out []report.Check
	for _, r := range rules() {
		if r == ignoreComments {
			continue
		}
		out = append(out, p.one(r, nil)...)
	}
	for i := range out {
		comments[out[i].Location].Apply(out[i : i+1])
	}
	return append(out, p.one(ignoreComments, comments)...)
}

func (p *Project) one(r *rule, comments map[string]*ignore.Comments) []report.Check {
	s := &pass{Pass: check.Pass{Check: &r.Check, Location: p.Path}, p: p}
	switch {
	case r == ignoreComments:
		reportComments(s, comments)
		s.say(s.notes)
	case r.project != nil:
		r.project(s)
		s.say(s.notes)
	default:
		n := 0
		for _, svc := range p.Services {
			if svc.Provider != nil {
				continue // no container: a plugin of Compose provides it
			}
			s.notes = nil
			applies := r.each(s, svc)
			if applies {
				n++
			}
			s.settle(r, svc, applies)
		}
		if n == 0 {
			s.NotApplicablef("no service has what this is about")
			break
		}
		s.Passf("%s", services(n))
	}
	return s.Results()
}

// Refused is the one result of a project that cannot be loaded.
func Refused(err *LoadError) []report.Check {
	p := &check.Pass{Check: &valid.Check, Location: err.Path}
	p.Failf(check.At{Line: err.Line}, "%s", err.refusal())
	return p.Results()
}

func (e *LoadError) refusal() string {
	return "Compose would refuse it: " + strings.ReplaceAll(check.Cut(e.Err.Error()), "\n", "; ")
}

func services(n int) string {
	if n == 1 {
		return "the one service"
	}
	return fmt.Sprintf("all %d services", n)
}

// quoted names a service in a reason.
func quoted(s *Service) string { return "the service " + check.Quote(s.Name) }

// valid says what was not read although the project could be loaded.
var valid = &rule{
	Check: check.Check{
		ID: "HIG-C001", Title: "The Compose file is valid", Kind: check.Compose, Severity: report.High,
		Why:        "A file that Compose refuses is checked by nobody: what runs in its place was not looked at.",
		Remedy:     "Correct what is named; docker compose config shows the same.",
		References: check.References{NIST: []string{"4.4.3"}},
		Bad:        "services:\n  web:\n    imagge: dhi.io/nginx:1.29\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n",
	},
	project: func(p *pass) {
		if e := p.p.refusal; e != nil {
			p.Failf(check.At{Location: e.Path, Line: e.Line}, "%s", e.refusal())
		}
		for _, s := range p.p.Services {
			for _, u := range s.Unread {
				p.Undecidedf(s.at("env_file"), "%s: an env file is not read: %s", quoted(s), u)
			}
		}
		p.Passf("%s", services(len(p.p.Services)))
	},
}

// ignoreComments reports comments that silence nothing. It is run last.
var ignoreComments = &rule{
	Check: check.Check{
		ID: "HIG-C025", Title: "Ignore comments give a reason and silence something", Kind: check.Compose, Severity: report.Low,
		Why:        "A comment without a reason tells the next reader nothing; one that silences nothing hides the next real finding.",
		Remedy:     "Write # imagegate: ignore HIG-C016 and the reason, on the line or above it; remove comments that are no longer needed.",
		References: check.References{NIST: []string{"4.4.3"}},
		Bad:        "services:\n  # imagegate: ignore HIG-C016\n  web:\n    image: dhi.io/nginx:1.29\n",
		Good:       "services:\n  # imagegate: ignore HIG-C016 the proxy checks it\n  web:\n    image: dhi.io/nginx:1.29\n",
	},
}

func reportComments(p *pass, comments map[string]*ignore.Comments) {
	n := 0
	for _, d := range p.p.docs {
		cs := comments[d.path]
		n += len(cs.List)
		for _, c := range cs.List {
			if c.Problem != "" {
				p.Failf(check.At{Location: d.path, Line: c.Line}, "the comment is not understood: %s", check.Cut(c.Problem))
			}
		}
		for _, c := range cs.Unused() {
			p.Failf(check.At{Location: d.path, Line: c.Line}, "the comment silences nothing: no finding of %s on line %d", check.List(c.IDs, 3), c.First)
		}
	}
	if n == 0 {
		p.NotApplicablef("there are no ignore comments")
		return
	}
	p.Passf("all %d have a reason and silence a finding", n)
}

// list joins short names for a reason.
func list(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = check.Quote(n)
	}
	return check.List(q, 5)
}
