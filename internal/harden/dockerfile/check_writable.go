package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

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
