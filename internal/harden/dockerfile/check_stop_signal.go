package dockerfile

import (
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// stopSignal refuses signals that no program can handle.
var stopSignal = &rule{
	Check: check.Check{
		ID: "HIG-D018", Title: "STOPSIGNAL can be handled by the program", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "SIGKILL and SIGSTOP cannot be caught, so every stop of the container is a crash.",
		Remedy:     "Leave STOPSIGNAL out (it is SIGTERM then) or name the signal for which the program shuts down in order.",
		References: check.References{NIST: []string{"4.4.3"}},
		Bad:        "FROM dhi.io/nginx:1.29\nSTOPSIGNAL SIGKILL\n",
		Good:       "FROM dhi.io/nginx:1.29\nSTOPSIGNAL SIGQUIT\n",
	},
	run: func(p *pass) {
		pr := p.f.Final().process()
		if pr.stopLine == 0 {
			p.Passf("STOPSIGNAL is not set: SIGTERM")
			return
		}
		switch ok, why := StopSignal(pr.stopSignal); {
		case strings.Contains(pr.stopSignal, "$"):
			p.Undecidedf(at(pr.stopLine), "STOPSIGNAL %s depends on a value that is not in the file", check.Quote(pr.stopSignal))
		case !ok:
			p.Failf(at(pr.stopLine), "STOPSIGNAL %s %s", check.Quote(pr.stopSignal), why)
		default:
			p.Passf("STOPSIGNAL %s", check.Cut(pr.stopSignal))
		}
	},
}

// StopSignal reports whether a container can be asked to stop with signal s, and why
// not. Names may lack SIG; numbers are 1 to 64.
func StopSignal(s string) (ok bool, why string) {
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "SIG")
	switch name {
	case "KILL", "9":
		return false, "cannot be handled: the program is killed"
	case "STOP", "19", "TSTP", "20":
		return false, "stops the process instead of ending it"
	case "":
		return true, ""
	}
	if strings.Trim(name, "0123456789") == "" {
		if len(name) > 2 || name > "64" && len(name) == 2 || strings.Trim(name, "0") == "" {
			return false, "is no signal number"
		}
		return true, ""
	}
	for _, known := range []string{"HUP", "INT", "QUIT", "ABRT", "USR1", "USR2", "TERM", "PIPE", "ALRM", "WINCH", "CONT", "PWR", "IO", "POLL", "URG", "TRAP", "BUS", "FPE", "SEGV", "SYS", "XCPU", "XFSZ", "VTALRM", "PROF", "TTIN", "TTOU", "CHLD", "ILL", "STKFLT"} {
		if name == known {
			return true, ""
		}
	}
	if strings.HasPrefix(name, "RTMIN") || strings.HasPrefix(name, "RTMAX") {
		return true, ""
	}
	return false, "is no signal"
}
