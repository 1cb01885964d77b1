package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/imagegate/imagegate/internal/report"
)

// envFile reads one env file of a service.
func (r *reader) envFile(s *Service, dir string, f types.EnvFile) {
	name := f.Path
	if path.IsAbs(name) || strings.HasPrefix(name, "~") {
		s.Unread = append(s.Unread, fmt.Sprintf("%s is outside of what is scanned", name))
		return
	}
	name = path.Join(dir, name)
	data, err := r.file(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !bool(f.Required):
		return
	case err != nil:
		s.Unread = append(s.Unread, fmt.Sprintf("%s: %v", name, reason(err)))
		return
	}
	for _, v := range variables(data) {
		v.File = name
		s.EnvFile = append(s.EnvFile, v)
	}
}

func reason(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such file")
	}
	return err
}

// dotenv reads the .env of the project; env outranks it. Values may use variables
// that were set before them.
func (r *reader) dotenv(name string, env map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, env)
	data, err := r.file(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.seen[name+" cannot be read, so its variables have no value"] = report.Unread
		}
		return out
	}
	for _, v := range variables(data) {
		if _, set := env[v.Name]; set {
			continue
		}
		value := v.Value
		if len(value) > 1 && value[0] == '\'' && value[len(value)-1] == '\'' {
			out[v.Name] = value[1 : len(value)-1]
			continue
		}
		value = strings.Trim(value, `"`)
		expanded, err := r.substitute(value, func(k string) (string, bool) {
			if x, ok := out[k]; ok {
				return x, true
			}
			x, ok := standing[k]
			return x, ok
		})
		if err != nil || len(expanded) > 64<<10 {
			r.seen[fmt.Sprintf("%s: the value of %s cannot be read", name, cut(v.Name))] = report.Unread
			continue
		}
		out[v.Name] = expanded
	}
	return out
}

// Listed are the files that COMPOSE_FILE names in the .env file of dir: Compose reads
// them, in that order, in the place of those with the usual names. It is nil when there
// is no such variable, or one of the files is not there or outside of fsys.
func Listed(fsys fs.FS, dir string) []string {
	r := &reader{fsys: fsys, read: map[string]bool{}, seen: map[string]report.Kind{}, fill: empty, lookup: func(string) (string, bool) { return "", false }}
	env := r.dotenv(path.Join(dir, ".env"), nil)
	separator := env["COMPOSE_PATH_SEPARATOR"]
	if separator == "" {
		separator = ":"
	}
	if env["COMPOSE_FILE"] == "" {
		return nil
	}
	var out []string
	for _, name := range strings.Split(env["COMPOSE_FILE"], separator) {
		name = path.Join(dir, strings.TrimSpace(name))
		if info, err := fs.Stat(fsys, name); !fs.ValidPath(name) || err != nil || !info.Mode().IsRegular() || len(out) >= MaxFiles {
			return nil
		}
		out = append(out, name)
	}
	return out
}

// variables are the NAME=value lines of an env file.
func variables(data []byte) []Variable {
	var out []Variable
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || i > 10_000 {
			continue
		}
		k, v, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if ok {
			out = append(out, Variable{Name: strings.TrimSpace(k), Value: uncommented(strings.TrimSpace(v)), Line: i + 1})
		}
	}
	return out
}

// uncommented cuts a comment off a value: what follows the closing quote, or a number
// sign after a space.
func uncommented(v string) string {
	if v != "" && (v[0] == '"' || v[0] == '\'') {
		if end := strings.IndexByte(v[1:], v[0]); end >= 0 && v[end] != '\\' {
			return v[:end+2]
		}
		return v
	}
	if i := strings.Index(" "+v, " #"); i >= 0 {
		return strings.TrimSpace(v[:i])
	}
	return v
}
