package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// addLocal prefers COPY for files: ADD unpacks archives and fetches URLs unasked.
var addLocal = &rule{
	Check: check.Check{
		ID: "HIG-D011", Title: "Local files are copied with COPY", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "ADD unpacks archives and fetches URLs by the look of its argument, so a file that changes its name changes what the build does.",
		Remedy:     "Use COPY; keep ADD for archives that are to be unpacked.",
		References: check.References{CIS: []string{"4.9"}, Aliases: []string{"CIS-DI-0009", "DL3020", "CKV_DOCKER_4"}},
		Bad:        "FROM dhi.io/python:3.13\nADD app.py /app.py\n",
		Good:       "FROM dhi.io/python:3.13\nCOPY app.py /app.py\nADD rootfs.tar.gz /opt/\n",
	},
	run: func(p *pass) {
		seen := 0
		p.f.steps(func(st *Step) {
			c, ok := st.Cmd.(*instructions.AddCommand)
			if !ok {
				return
			}
			for _, src := range c.SourcePaths {
				if remote(src) != "" || strings.HasPrefix(src, "$") {
					continue // see HIG-D010
				}
				seen++
				if !archive(src) {
					p.Failf(check.At{Line: st.Line, Remedy: "COPY" + strings.TrimPrefix(strings.TrimSpace(st.Source), firstField(st.Source))}, "ADD copies the local file %s", check.Quote(src))
					return
				}
			}
		})
		if seen == 0 {
			p.NotApplicablef("no local file is added with ADD")
			return
		}
		p.Passf("ADD is used for archives only")
	},
}

func archive(src string) bool {
	l := strings.ToLower(src)
	for _, s := range []string{".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".tbz", ".xz", ".txz", ".tlz", ".lz", ".zst", ".lzma"} {
		if strings.HasSuffix(l, s) {
			return true
		}
	}
	return false
}
