package imagecheck

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
)

// lookBelow looks for secrets among the files that a later layer hides.
func (f *facts) lookBelow(ctx context.Context, in *Input) error {
	if in.Hidden == nil {
		return nil
	}
	n := 0
	for h := range in.Hidden {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n++; n > in.Budget.Files {
			f.cut = or(f.cut, fmt.Sprintf("only the first %d hidden files were looked at", in.Budget.Files))
			return nil
		}
		what := check.SecretFile(h.Path)
		if what == "" || h.Size == 0 || packaged(h.Path) || slices.ContainsFunc(f.secrets, func(s found) bool { return s.path == h.Path }) {
			continue
		}
		if kind := secretContent(h.Open, path.Base(h.Path), h.Size); kind != "" {
			f.secrets = append(f.secrets, found{h.Path, fmt.Sprintf("%s: a later layer removes it, and layer %d still has it", or(kind, what), h.Layer)})
		}
	}
	return nil
}

// packaged are places where distributions keep samples and public test keys.
func packaged(p string) bool {
	for _, dir := range []string{"usr/share/", "usr/lib/python", "usr/local/lib/python", "usr/lib/ruby", "usr/lib/node_modules/", "usr/local/lib/node_modules/", "etc/ssl/certs/", "etc/pki/", "usr/lib/jvm/", "opt/java/"} {
		if strings.HasPrefix(p, dir) {
			return true
		}
	}
	return strings.Contains(p, "/site-packages/") || strings.Contains(p, "/node_modules/") || strings.Contains(p, "/testdata/") || strings.Contains(p, "/test/") || strings.Contains(p, "/tests/")
}

// maxPeek is how much of a file is read to see whether it holds a secret.
const maxPeek = 64 << 10

// secretContent looks into a file with a telling name. It returns "" when the content
// shows that there is none, "?" when the name has to do.
func secretContent(open func() (io.ReadCloser, error), base string, size int64) string {
	file, err := open()
	if err != nil {
		return "?"
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxPeek))
	if err != nil {
		return "?"
	}
	text := string(data)
	if kind := check.SecretValue(text); kind != "" {
		return kind
	}
	switch {
	case strings.HasSuffix(base, ".pem"), strings.HasSuffix(base, ".key"):
		if strings.Contains(text, "PRIVATE KEY") {
			return "a private key"
		}
		return ""
	case base == ".npmrc":
		if !strings.Contains(text, "_auth") && !strings.Contains(text, "_password") {
			return ""
		}
	case strings.HasPrefix(base, ".env"):
		for _, line := range strings.Split(text, "\n") {
			k, v, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
			if ok && check.SecretName(strings.TrimSpace(k)) && !check.Reference(v) {
				return "an environment file with secrets"
			}
		}
		if size <= maxPeek {
			return ""
		}
	case base == "config.json":
		if !strings.Contains(text, `"auth"`) && !strings.Contains(text, `"identitytoken"`) {
			return ""
		}
	case base == ".yarnrc.yml", base == ".pypirc", base == "config", base == ".my.cnf":
		l := strings.ToLower(text)
		if !strings.Contains(l, "token") && !strings.Contains(l, "password") && !strings.Contains(l, "client-key-data") {
			return ""
		}
	}
	return "?"
}
