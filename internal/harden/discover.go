package harden

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden/check"
)

// discovery collects the files to lint.
type discovery struct {
	fsys    fs.FS
	opt     Options
	kinds   map[string]check.Kind
	exclude []string // clean patterns
	// unfollowed tells the links that were not followed.
	unfollowed []string
	entries    int
}

// readExclude refuses patterns that would silently match nothing.
func (d *discovery) readExclude() error {
	for _, e := range d.opt.Exclude {
		clean := path.Clean(strings.Trim(strings.ReplaceAll(e, `\`, "/"), "/"))
		if _, err := path.Match(clean, ""); err != nil || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") {
			return fault.Usagef("read what to exclude", "write a name such as testdata, a path from the root, or a glob of either", "%q is no such pattern", e)
		}
		d.exclude = append(d.exclude, clean)
	}
	return nil
}

func (d *discovery) excluded(name string) bool {
	for _, e := range d.exclude {
		subject := name
		if !strings.Contains(e, "/") {
			subject = path.Base(name)
		}
		if ok, err := path.Match(e, subject); err == nil && ok {
			return true
		}
	}
	return false
}

// skipped are directories whose files belong to somebody else.
var skipped = map[string]bool{".git": true, "node_modules": true, "vendor": true, ".hg": true, ".svn": true, ".venv": true}

// kindOf says what a file is by its name: Dockerfile, Dockerfile.x, Dockerfile-x,
// x.Dockerfile, x.Dockerfile.y, and the same with Containerfile; compose.yaml,
// compose.x.yaml, docker-compose….
func kindOf(name string) (check.Kind, bool) {
	l := strings.ToLower(path.Base(name))
	yaml := strings.HasSuffix(l, ".yaml") || strings.HasSuffix(l, ".yml")
	switch {
	case strings.HasSuffix(l, ".dockerignore"):
		return "", false
	case yaml && (strings.HasPrefix(l, "compose.") || strings.HasPrefix(l, "docker-compose.") || strings.HasPrefix(l, "docker-compose-") || strings.HasPrefix(l, "compose-") ||
		strings.HasSuffix(l, ".compose.yaml") || strings.HasSuffix(l, ".compose.yml") || strings.HasPrefix(l, "podman-compose.")):
		return check.Compose, true
	case yaml:
		return "", false
	case l == "dockerfile", l == "containerfile", strings.HasSuffix(l, ".dockerfile"), strings.HasSuffix(l, ".containerfile"):
		return check.Dockerfile, true
	case variant.MatchString(l):
		return check.Dockerfile, !notDockerfile[path.Ext(l)]
	}
	return "", false
}

// variant is a Dockerfile among several, in lower case.
var variant = regexp.MustCompile(`^(.*\.)?(docker|container)file[._-]`)

// notDockerfile are endings of files about Dockerfiles.
var notDockerfile = map[string]bool{".md": true, ".go": true, ".txt": true, ".json": true, ".html": true, ".py": true, ".js": true, ".ts": true, ".orig": true, ".bak": true, ".swp": true, ".rst": true, ".sh": true, ".tmpl": true, ".j2": true, ".erb": true}

// add takes one path that somebody named.
func (d *discovery) add(ctx context.Context, name string) error {
	if !fs.ValidPath(name) {
		return fault.Usagef("lint "+name, "name a path below the directory that is scanned", "the path is outside of it")
	}
	info, err := fs.Stat(d.fsys, name)
	if err != nil {
		return unreadable(name, err)
	}
	if !info.IsDir() && !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return fault.Usagef("lint "+name, "name a Dockerfile or a Compose file", "it is not a regular file")
	}
	if !info.IsDir() {
		kind, ok := kindOf(name)
		if !ok {
			if kind, ok = d.sniff(name); !ok {
				return fault.Usagef("lint "+name, "name a Dockerfile or a Compose file", "it is neither a Dockerfile nor a Compose file by name or content")
			}
		}
		d.kinds[name] = kind
		return nil
	}
	return fs.WalkDir(d.fsys, name, func(p string, e fs.DirEntry, err error) error {
		if c := ctx.Err(); c != nil {
			return c
		}
		if err != nil {
			return unreadable(p, err)
		}
		if d.entries++; d.entries > d.opt.MaxEntries {
			return fault.Usagef("lint "+name, "name the directories that matter", "more than %d files and directories", d.opt.MaxEntries)
		}
		if p != name && d.excluded(p) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			if p != name && skipped[e.Name()] {
				return fs.SkipDir
			}
			return nil
		}
		if kind, ok := kindOf(p); ok && (e.Type().IsRegular() || d.linked(p, e)) {
			if len(d.kinds) >= d.opt.MaxFiles {
				return tooMany(d.opt.MaxFiles)
			}
			d.kinds[p] = kind
		}
		return nil
	})
}

// linked says whether a symbolic link leads to a file. A build would follow it, and so
// does a lint, as far as the file system lets it.
func (d *discovery) linked(name string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return false
	}
	info, err := fs.Stat(d.fsys, name)
	if err != nil {
		d.unfollowed = append(d.unfollowed, fmt.Sprintf("%s is a link that was not followed, and was not checked: %v", name, err))
		return false
	}
	return info.Mode().IsRegular()
}

// sniff looks into a file whose name says nothing.
func (d *discovery) sniff(name string) (check.Kind, bool) {
	data, err := readFile(d.fsys, name, 64<<10)
	if err != nil {
		return "", false
	}
	for line := range bytes.Lines(data) {
		word, _, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		switch {
		case strings.HasPrefix(string(line), "services:"):
			return check.Compose, true
		case strings.EqualFold(word, "FROM"):
			return check.Dockerfile, true
		}
	}
	return "", false
}

// sorted puts base files of Compose before their overrides, which they take along.
func (d *discovery) sorted() []string {
	names := slices.Sorted(maps.Keys(d.kinds))
	slices.SortStableFunc(names, func(a, b string) int {
		return boolRank(strings.Contains(path.Base(a), ".override.")) - boolRank(strings.Contains(path.Base(b), ".override."))
	})
	return names
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The files that Compose looks for, the preferred one first.
var (
	composeFiles     = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
	composeOverrides = []string{"compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"}
)

// override is the file that Compose would read on top of name without being told. One
// of the other spelling counts, too, for the base that Compose prefers.
func override(fsys fs.FS, name string) string {
	base := path.Base(name)
	if !slices.Contains(composeFiles, base) {
		return ""
	}
	preferred := baseOf(fsys, name)
	for _, o := range composeOverrides {
		if preferred != "" && preferred != name && !strings.HasPrefix(o, strings.TrimSuffix(base, path.Ext(base))+".") {
			continue
		}
		o = path.Join(path.Dir(name), o)
		if info, err := fs.Stat(fsys, o); err == nil && info.Mode().IsRegular() {
			return o
		}
	}
	return ""
}

// baseOf is the file that an override such as compose.prod.yaml goes on top of.
func baseOf(fsys fs.FS, name string) string {
	for _, b := range composeFiles {
		b = path.Join(path.Dir(name), b)
		if b == name {
			return ""
		}
		if _, err := fs.Stat(fsys, b); !errors.Is(err, fs.ErrNotExist) {
			return b
		}
	}
	return ""
}
