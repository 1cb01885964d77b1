package dockerfile

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// remote reports whether a source of ADD is fetched: an HTTP URL or a git repository.
func remote(src string) (kind string) {
	l := strings.ToLower(src)
	switch {
	case strings.HasPrefix(l, "git://"), strings.HasPrefix(l, "git@"), strings.HasPrefix(l, "ssh://"),
		strings.HasPrefix(l, "http") && gitPath.MatchString(l):
		return "git"
	case strings.HasPrefix(l, "http://"), strings.HasPrefix(l, "https://"):
		return "url"
	}
	return ""
}

var gitPath = regexp.MustCompile(`\.git([#?]|$)`)

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

func firstField(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
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

// copyOwner finds a chown of what was just copied: it doubles the layer.
var copyOwner = &rule{
	Check: check.Check{
		ID: "HIG-D019", Title: "Ownership is set by COPY, not by a later chown", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "A chown in a later RUN stores every file again and needs a shell in the final stage; files that the program only reads need no other owner than root.",
		Remedy:     "Use COPY --chown=65532:65532, and only for what the program has to change.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}},
		Bad:        "FROM alpine:3.22\nCOPY app /app\nRUN chown -R 65532:65532 /app\nUSER 65532:65532\n",
		Good:       "FROM alpine:3.22\nCOPY --chown=65532:65532 app /app\nUSER 65532:65532\n",
	},
	run: func(p *pass) {
		copies := 0
		for _, s := range p.f.Stages {
			var dests []string
			dir := "/"
			for _, st := range s.effective() {
				switch c := st.Cmd.(type) {
				case *instructions.WorkdirCommand:
					dir = under(dir, c.Path)
				case *instructions.CopyCommand:
					copies++
					if c.Chown == "" {
						dests = append(dests, under(dir, c.DestPath))
					}
				}
				if st.stage != s.Index {
					continue // told where it stands
				}
				st.walk(func(c script.Command) {
					name, args := c.Name()
					if name != "chown" {
						return
					}
					for _, a := range args {
						of := func(d string) bool {
							target := under(dir, a)
							return d != "/" && target != "/" && (target == d || strings.HasPrefix(d, target+"/"))
						}
						if !strings.HasPrefix(a, "-") && (strings.Contains(a, "/") || a == ".") && slices.ContainsFunc(dests, of) {
							p.Failf(at(st.Line), "chown of %s, which COPY could have done", check.Quote(a))
							return
						}
					}
				})
			}
		}
		if copies == 0 {
			p.NotApplicablef("nothing is copied")
			return
		}
		p.Passf("no copied file changes its owner later")
	},
}

// under is name seen from the directory dir.
func under(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(dir, name)
}

// writable finds modes that let everyone write, and setuid bits.
var writable = &rule{
	Check: check.Check{
		ID: "HIG-D026", Title: "Nothing is made world-writable or setuid", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "What everyone may write, an intruder may replace; a setuid program gives its owner's rights to whoever starts it.",
		Remedy:     "Give the one user that needs it the right (chown and mode 0755 or 0640), never chmod 777 or u+s.",
		References: check.References{CIS: []string{"4.8"}, NIST: []string{"4.1.2"}, Aliases: []string{"CIS-DI-0008"}},
		Bad:        "FROM alpine:3.22\nRUN mkdir /data && chmod -R 777 /data\nUSER 65532:65532\n",
		Good:       "FROM alpine:3.22\nRUN install -d -o 65532 -g 65532 -m 0750 /data\nUSER 65532:65532\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			mode := ""
			switch c := st.Cmd.(type) {
			case *instructions.CopyCommand:
				mode = c.Chmod
			case *instructions.AddCommand:
				mode = c.Chmod
			}
			if why := badMode(mode); why != "" {
				p.Failf(at(st.Line), "%s --chmod=%s makes the files %s", strings.ToUpper(st.Cmd.Name()), check.Cut(mode), why)
			}
			st.walk(func(c script.Command) {
				name, args := c.Name()
				if name == "chmod" {
					if why := badMode(firstMode(args)); why != "" {
						p.Failf(at(st.Line), "chmod %s makes files %s", check.Cut(strings.Join(args, " ")), why)
					}
				}
				if name == "install" || name == "mkdir" {
					if m := modeOption(args); badMode(m) != "" {
						p.Failf(at(st.Line), "%s -m %s makes them %s", name, check.Cut(m), badMode(m))
					}
				}
				if name == "umask" && len(args) > 0 && strings.Trim(args[0], "0") == "" {
					p.Failf(at(st.Line), "umask %s makes what follows world-writable", check.Cut(args[0]))
				}
			})
		})
		p.Passf("no mode is world-writable or setuid")
	},
}

// modeOption is the value of -m, as install and mkdir take it.
func modeOption(args []string) string {
	for i, a := range args {
		if (a == "-m" || a == "--mode") && i+1 < len(args) {
			return args[i+1]
		}
		if m, ok := strings.CutPrefix(a, "--mode="); ok {
			return m
		}
		if m, ok := strings.CutPrefix(a, "-m"); ok {
			return m
		}
	}
	return ""
}

func firstMode(args []string) string {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") || strings.Trim(a, "-rwxst") == "" && len(a) < 4 && a != "-R" && a != "-v" && a != "-c" && a != "-f" {
			return a
		}
	}
	return ""
}

// badMode reads an octal or symbolic mode. A sticky directory (1777) is in order.
func badMode(mode string) string {
	if mode == "" {
		return ""
	}
	if strings.Trim(mode, "01234567") == "" {
		m := strings.TrimLeft(mode, "0")
		if len(m) > 4 || m == "" {
			return ""
		}
		special := byte('0')
		if len(m) == 4 {
			special = m[0]
		}
		last := m[len(m)-1]
		switch {
		case (special-'0')&6 != 0:
			return "setuid or setgid"
		case (last-'0')&2 != 0 && (special-'0')&1 == 0:
			return "world-writable"
		}
		return ""
	}
	for _, clause := range strings.Split(mode, ",") {
		i := strings.IndexAny(clause, "+=")
		if i < 0 {
			continue
		}
		who, what := clause[:i], clause[i+1:]
		if strings.Contains(what, "s") && (who == "" || strings.ContainsAny(who, "uga")) {
			return "setuid or setgid"
		}
		if strings.Contains(what, "w") && strings.ContainsAny(who, "oa") && !strings.Contains(what, "t") {
			return "world-writable"
		}
	}
	return ""
}

// workdir wants paths that do not depend on the base.
var workdir = &rule{
	Check: check.Check{
		ID: "HIG-D030", Title: "WORKDIR is absolute", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "A relative WORKDIR continues the base's, so files land where nobody looks when the base changes.",
		Remedy:     "Write the path from the root: WORKDIR /app.",
		References: check.References{NIST: []string{"4.1.2"}, Aliases: []string{"DL3000", "CKV_DOCKER_10"}},
		Bad:        "FROM dhi.io/python:3.13\nWORKDIR app\n",
		Good:       "FROM dhi.io/python:3.13\nWORKDIR /app\nWORKDIR src\n",
	},
	run: func(p *pass) {
		seen := 0
		absolute := map[*Stage]bool{}
		for _, s := range p.f.Stages {
			absolute[s] = absolute[s.Base.Stage]
			for _, st := range s.Steps {
				w, ok := st.Cmd.(*instructions.WorkdirCommand)
				if !ok {
					continue
				}
				seen++
				switch {
				case strings.HasPrefix(w.Path, "/") || len(w.Path) > 1 && w.Path[1] == ':':
					absolute[s] = true
				case strings.HasPrefix(w.Path, "$") || w.Path == "":
					p.Undecidedf(at(st.Line), "WORKDIR %s depends on a value that is not in the file", check.Quote(w.Path))
				case !absolute[s]:
					p.Failf(at(st.Line), "WORKDIR %s is relative to whatever the base has", check.Quote(w.Path))
				}
			}
		}
		if seen == 0 {
			p.NotApplicablef("no WORKDIR")
			return
		}
		p.Passf("every WORKDIR is absolute or follows an absolute one")
	},
}
