package dockerfile

import (
	"fmt"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// rule is a check and the function that decides it.
type rule struct {
	check.Check
	run func(*pass)
}

// pass is one rule on one file.
type pass struct {
	check.Pass
	f *File
}

// at is a line of the file.
func at(line int) check.At { return check.At{Line: line} }

// fix is a line of the file with the text that belongs there.
func fix(line int, format string, args ...any) check.At {
	return check.At{Line: line, Remedy: fmt.Sprintf(format, args...)}
}

// rules lists every check of a Dockerfile in the order of their ids.
func rules() []*rule {
	return []*rule{
		valid, basePinned, baseVersion, baseHardened,
		userNonRoot, userNumeric, noBuildTools, execForm, signals,
		addURL, addLocal, packagesPinned, cachesCleaned,
		noSecretValues, noSecretFiles, noPipeToShell,
		healthcheck, stopSignal, copyOwner, dockerignore, labels,
		verification, noSudo, noSSH, runPrivileges, writable, updateAlone, privilegedPorts,
		ignoreComments, workdir, frontend,
	}
}

// Checks describes every check of a Dockerfile.
func Checks() []*check.Check {
	var out []*check.Check
	for _, r := range rules() {
		out = append(out, &r.Check)
	}
	return out
}

// Run checks f. Silenced findings stay in the result as not applicable, with who
// silenced them and why.
func Run(f *File) []report.Check {
	var out []report.Check
	for _, r := range rules() {
		if r == ignoreComments {
			continue // it needs to know which comments were used
		}
		out = append(out, f.one(r)...)
	}
	f.Ignores.Apply(out)
	last := f.one(ignoreComments)
	return append(out, last...)
}

func (f *File) one(r *rule) []report.Check {
	p := &pass{Pass: check.Pass{Check: &r.Check, Location: f.Path}, f: f}
	r.run(p)
	return p.Results()
}

// Refused is the one result of a file that cannot be parsed.
func Refused(path string, err *ParseError) []report.Check {
	p := &check.Pass{Check: &valid.Check, Location: path}
	p.Failf(check.At{Line: err.Line}, "the file is refused: %s", check.Cut(err.Err.Error()))
	return p.Results()
}

// exampleDigest is a digest of nothing in particular.
const exampleDigest = "0b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccddeeff0"
