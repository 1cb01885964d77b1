package dockerfile

import (
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// addURL wants a checksum for what ADD fetches; a git source may name a commit.
var addURL = &rule{
	Check: check.Check{
		ID: "HIG-D010", Title: "ADD fetches nothing without a checksum", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "What the URL answers today goes into the image: whoever controls the server or the name controls the image.",
		Remedy:     "Give the digest that you checked: ADD --checksum=sha256:… URL DEST; for git, name the full commit.",
		References: check.References{CIS: []string{"4.9", "4.11"}, NIST: []string{"4.1.5"}, OWASP: []string{"13"}, Aliases: []string{"CIS-DI-0009", "CKV_DOCKER_4"}},
		Bad:        "FROM scratch\nADD https://example.com/tool /tool\n",
		Good:       "FROM scratch\nADD --checksum=sha256:" + exampleDigest + " https://example.com/tool /tool\n",
	},
	run: func(p *pass) {
		seen := 0
		p.f.steps(func(st *Step) {
			c, ok := st.Cmd.(*instructions.AddCommand)
			if !ok {
				return
			}
			for _, src := range c.SourcePaths {
				kind := remote(src)
				if strings.HasPrefix(src, "$") {
					seen++
					p.Undecidedf(at(st.Line), "whether ADD fetches %s depends on a value that is not in the file", check.Quote(src))
				}
				if kind == "" {
					continue
				}
				seen++
				switch {
				case strings.Contains(c.Checksum, "$"):
					p.Undecidedf(at(st.Line), "the checksum of %s depends on a value that is not in the file", check.Quote(src))
				case c.Checksum != "":
				case kind == "git" && commitOf.MatchString(src):
				default:
					p.Failf(at(st.Line), "ADD fetches %s without a checksum", check.Quote(src))
				}
			}
		})
		if seen == 0 {
			p.NotApplicablef("ADD fetches nothing")
			return
		}
		p.Passf("each of %d fetched sources has a checksum", seen)
	},
}

// commitOf is a git source with its full commit, in the fragment or the query.
var commitOf = regexp.MustCompile(`(#|[?&](commit|checksum)=)([0-9a-f]{40}|[0-9a-f]{64})([:&#]|$)`)
