package runcheck

import (
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// rule is a check and the function that decides it.
type rule struct {
	check.Check
	run func(*check.Pass, *Observation)
}

// rules lists every check of a running container in the order of their ids.
func rules() []*rule {
	return []*rule{starts, writesNothing, nonRoot, noCapabilities, noNewPrivs, stops, reaps, seccomp}
}

// Checks describes every check of a running container.
func Checks() []*check.Check {
	var out []*check.Check
	for _, r := range rules() {
		out = append(out, &r.Check)
	}
	return out
}

// Judge says what every check makes of what was seen.
func Judge(o *Observation) []report.Check {
	var out []report.Check
	for _, r := range rules() {
		p := &check.Pass{Check: &r.Check, Location: o.Image}
		r.run(p, o)
		out = append(out, p.Results()...)
	}
	return out
}

// NotRun is the outcome of every check when there was nothing to look at, and why.
func NotRun(image, reason string) []report.Check {
	var out []report.Check
	for _, r := range rules() {
		p := &check.Pass{Check: &r.Check, Location: image}
		p.Undecidedf(check.At{}, "could not look: %s", reason)
		out = append(out, p.Results()...)
	}
	return out
}

const goodStatus = `"status": {"uid": 65532, "gid": 65532, "capEff": "0000000000000000", "capPrm": "0000000000000000", "capBnd": "0000000000000000", "noNewPrivs": 1, "seccomp": 2}`

const goodExample = `{"image": "example", "user": "65532:65532", "started": true, "running": true, "zombies": 0, "probed": true,
 ` + goodStatus + `,
 "stop": {"signal": "SIGTERM", "grace": 10, "exitCode": 0}}`

var starts = &rule{
	Check: check.Check{
		ID: "HIG-R001", Title: "The container starts under hardened options", Kind: check.Container, Severity: report.High,
		Why:        "An image that only starts with a writable root, as root or with capabilities is run that way.",
		Remedy:     "Read its output: give it tmpfs for what it writes, or change what needs the privilege. A tmpfs over a directory of the image may keep the mode of that directory (it does in some versions of runc): give it to the user in the image.",
		References: check.References{CIS: []string{"5.4", "5.13", "5.26"}, NIST: []string{"4.4.3"}, OWASP: []string{"2", "3", "4", "8"}},
		Bad:        `{"image": "example", "user": "65532:65532", "started": true, "running": false, "exitCode": 1, "log": ["Error: EROFS: read-only file system, mkdir 'profiles'"], "zombies": -1}`,
		Good:       goodExample,
	},
	run: func(p *check.Pass, o *Observation) {
		switch {
		case !o.Started:
			p.Failf(check.At{}, "the engine could not start it: %s", check.Quote(o.StartError))
		case o.OOM:
			p.Failf(check.At{}, "it was killed: it needs more than %d MiB of memory", o.Memory>>20)
		case !o.Running && o.ExitCode == 137 && o.Memory > 0:
			p.Failf(check.At{}, "it was killed (status 137), as happens to a program that needs more than %d MiB of memory", o.Memory>>20)
		case !o.Running && o.ExitCode != 0:
			last := ""
			if n := len(o.Log); n > 0 {
				last = "; its last words: " + check.Quote(o.Log[n-1])
			}
			p.Failf(check.At{}, "it ended with status %d%s", o.ExitCode, last)
		case !o.Running:
			p.Passf("it ran and ended with status 0")
		default:
			p.Passf("it was running at the end of the observation")
		}
	},
}

var writesNothing = &rule{
	Check: check.Check{
		ID: "HIG-R002", Title: "The container writes only to its tmpfs and volumes", Kind: check.Container, Severity: report.Medium,
		Why:        "A program that writes elsewhere fails with a read-only root, at once or on the day it first needs to.",
		Remedy:     "Mount a tmpfs there, or tell the program to write elsewhere.",
		References: check.References{CIS: []string{"5.13"}, NIST: []string{"4.4.3"}, OWASP: []string{"8"}},
		Bad:        `{"image": "example", "user": "65532:65532", "started": true, "running": true, "zombies": 0, "denied": ["/app/profiles"]}`,
		Good:       goodExample,
	},
	run: func(p *check.Pass, o *Observation) {
		for _, d := range o.Denied {
			p.Failf(check.At{Location: d, Remedy: tmpfsLine(o, d)}, "it could not write %s: the root file system is read-only", check.Quote(d))
		}
		for _, c := range o.Changed {
			p.Failf(check.At{Location: c, Remedy: tmpfsLine(o, c)}, "it writes %s where it can", check.Quote(c))
		}
		switch {
		case !o.Started:
			p.Undecidedf(check.At{}, "it did not start")
		case !o.Probed && !o.Running && o.ExitCode != 0:
			p.Undecidedf(check.At{}, "it ended before it could be observed")
		}
		p.Passf("no write outside of its tmpfs was seen")
	},
}

var nonRoot = &rule{
	Check: check.Check{
		ID: "HIG-R003", Title: "The process is not root", Kind: check.Container, Severity: report.High,
		Why:        "Whatever the image says, the effective id of the process is what counts.",
		Remedy:     "Start it with --user 65532:65532 and without setuid programs.",
		References: check.References{CIS: []string{"4.1"}, NIST: []string{"4.4.3"}, OWASP: []string{"2"}},
		Bad:        `{"image": "example", "user": "0", "started": true, "running": true, "zombies": 0, "status": {"uid": 0, "gid": 0, "capEff": "0", "capPrm": "0", "capBnd": "0", "noNewPrivs": 1, "seccomp": 2}}`,
		Good:       goodExample,
	},
	run: func(p *check.Pass, o *Observation) {
		if unseen(p, o) {
			return
		}
		if o.Status.UID == 0 {
			p.Failf(check.At{}, "the effective user id is 0")
			return
		}
		p.Passf("uid %d, gid %d", o.Status.UID, o.Status.GID)
	},
}

var noCapabilities = &rule{
	Check: check.Check{
		ID: "HIG-R004", Title: "The process has no capabilities", Kind: check.Container, Severity: report.Medium,
		Why:        "A capability in the permitted, effective or bounding set can be used by the process or by what it starts.",
		Remedy:     "Start it with --cap-drop=ALL and add back only what its log proves to be needed.",
		References: check.References{CIS: []string{"5.4"}, NIST: []string{"4.4.3"}, OWASP: []string{"3"}},
		Bad:        `{"image": "example", "user": "65532", "started": true, "running": true, "zombies": 0, "status": {"uid": 65532, "gid": 65532, "capEff": "0000000000000000", "capPrm": "0000000000000000", "capBnd": "00000000a80425fb", "noNewPrivs": 1, "seccomp": 2}}`,
		Good:       goodExample,
	},
	run: func(p *check.Pass, o *Observation) {
		if unseen(p, o) {
			return
		}
		for _, s := range []struct{ name, mask string }{{"effective", o.Status.CapEff}, {"permitted", o.Status.CapPrm}, {"bounding", o.Status.CapBnd}} {
			switch {
			case s.mask == "":
				p.Undecidedf(check.At{}, "the %s set is not known", s.name)
			case strings.Trim(s.mask, "0") != "":
				p.Failf(check.At{}, "the %s set is %s", s.name, check.Cut(s.mask))
			}
		}
		p.Passf("all three sets are empty")
	},
}

var noNewPrivs = &rule{
	Check: check.Check{
		ID: "HIG-R005", Title: "The process cannot gain privileges", Kind: check.Container, Severity: report.Medium,
		Why:        "Without NoNewPrivs a setuid program in the image gives what the options took.",
		Remedy:     "Start it with --security-opt no-new-privileges.",
		References: check.References{CIS: []string{"5.26"}, NIST: []string{"4.4.3"}, OWASP: []string{"4"}},
		Bad:        `{"image": "example", "user": "65532", "started": true, "running": true, "zombies": 0, "status": {"uid": 65532, "gid": 65532, "capEff": "0", "capPrm": "0", "capBnd": "0", "noNewPrivs": 0, "seccomp": 2}}`,
		Good:       goodExample,
	},
	run: func(p *check.Pass, o *Observation) {
		if unseen(p, o) {
			return
		}
		if o.Status.NoNewPrivs != 1 {
			p.Failf(check.At{}, "NoNewPrivs is %d", o.Status.NoNewPrivs)
			return
		}
		p.Passf("NoNewPrivs is 1")
	},
}

var stops = &rule{
	Check: check.Check{
		ID: "HIG-R006", Title: "The container stops when asked", Kind: check.Container, Severity: report.Medium,
		Why:        "A program that ignores its stop signal is killed after the grace time, on every deployment: connections break and data is lost.",
		Remedy:     "Handle SIGTERM in the program, start it in exec form, or put an init such as tini in front.",
		References: check.References{NIST: []string{"4.4.3"}},
		Bad:        `{"image": "example", "user": "65532", "started": true, "running": true, "zombies": 0, "stop": {"signal": "SIGTERM", "grace": 10, "killed": true, "exitCode": 137}}`,
		Good:       goodExample,
	},
	run: func(p *check.Pass, o *Observation) {
		s := o.Stop
		switch {
		case s == nil && o.Started && !o.Running && o.ExitCode == 0:
			p.NotApplicablef("it ended by itself")
		case s == nil:
			p.Undecidedf(check.At{}, "it was not running and could not be asked to stop")
		case s.Killed:
			p.Failf(check.At{}, "it did not stop within %d s of %s and was killed", s.Grace, check.Cut(s.Signal))
		case s.ExitCode == 0 || s.ExitCode == 143 || s.ExitCode == 130 || s.ExitCode == bySignal[s.Signal]:
			p.Passf("it stopped with status %d after %s", s.ExitCode, check.Cut(s.Signal))
		default:
			p.Failf(check.At{}, "it stopped with status %d after %s", s.ExitCode, check.Cut(s.Signal))
		}
	},
}

// bySignal is the status of a program that a stop signal ended: 128 and its number
// (signal(7)).
var bySignal = map[string]int{"SIGHUP": 129, "SIGINT": 130, "SIGQUIT": 131, "SIGUSR1": 138, "SIGUSR2": 140, "SIGTERM": 143}

var reaps = &rule{
	Check: check.Check{
		ID: "HIG-R007", Title: "Dead children are reaped", Kind: check.Container, Severity: report.Low,
		Why:        "PID 1 inherits every orphan; when it never waits for them, zombies fill the table of processes up to the limit.",
		Remedy:     "Put an init such as tini in front (docker run --init), or wait for children.",
		References: check.References{CIS: []string{"5.29"}, NIST: []string{"4.4.3"}},
		Bad:        `{"image": "example", "user": "65532", "started": true, "running": true, "zombies": 3}`,
		Good:       goodExample,
	},
	run: func(p *check.Pass, o *Observation) {
		switch {
		case o.Zombies < 0:
			p.Undecidedf(check.At{}, "its processes could not be seen")
		case o.Zombies > 0:
			p.Failf(check.At{}, "%d dead children were not reaped", o.Zombies)
		default:
			p.Passf("no zombie was seen")
		}
	},
}

var seccomp = &rule{
	Check: check.Check{
		ID: "HIG-R008", Title: "System calls are filtered", Kind: check.Container, Severity: report.Medium,
		Why:        "The default seccomp profile keeps 44 system calls away that containers never need and exploits do.",
		Remedy:     "Run it on an engine with seccomp, and never with seccomp=unconfined.",
		References: check.References{CIS: []string{"5.22"}, NIST: []string{"4.4.3"}, OWASP: []string{"6"}},
		Bad:        `{"image": "example", "user": "65532", "started": true, "running": true, "zombies": 0, "status": {"uid": 65532, "gid": 65532, "capEff": "0", "capPrm": "0", "capBnd": "0", "noNewPrivs": 1, "seccomp": 0}}`,
		Good:       goodExample,
	},
	run: func(p *check.Pass, o *Observation) {
		if unseen(p, o) {
			return
		}
		if o.Status.Seccomp != 2 {
			p.Failf(check.At{}, "seccomp is in mode %d, without a filter", o.Status.Seccomp)
			return
		}
		p.Passf("seccomp filters")
	},
}

// unseen says that the process could not be looked at.
func unseen(p *check.Pass, o *Observation) bool {
	if o.Status == nil {
		p.Undecidedf(check.At{}, "the status of its process could not be read")
		return true
	}
	return false
}

// tmpfsLine is what to add for a path.
func tmpfsLine(o *Observation, path string) string {
	return "--tmpfs " + check.Cut(directory(path)) + ":" + o.tmpfsOptions()
}
