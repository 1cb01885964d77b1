package dockerfile

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/script"
)

// cacheKind is what one family of package managers leaves behind.
type cacheKind struct {
	name string
	// dirs are where it is: rm cleans it there, and a mount keeps it out of the layer.
	dirs            []string
	finding, remedy string
	// variable moves the cache elsewhere; "" when none does. What has one is kept below
	// the home directory of whoever runs it, in .cache by its name.
	variable string
}

// cacheKinds in the order of their findings.
var cacheKinds = []cacheKind{
	{"apt", []string{"/var/lib/apt/lists"}, "the package lists of apt stay in the layer", "Add to the same RUN: && rm -rf /var/lib/apt/lists/*", ""},
	{"apk", []string{"/var/cache/apk", "/etc/apk/cache"}, "the index of apk stays in the layer", "apk add --no-cache, without apk update", ""},
	{"rpm", []string{"/var/cache/dnf", "/var/cache/yum", "/var/cache/tdnf", "/var/cache/zypp", "/var/cache/libdnf5"}, "the cache of the package manager stays in the layer", "Add to the same RUN: && dnf clean all", ""},
	{"pip", nil, "the download cache of pip stays in the layer", "pip install --no-cache-dir …", "PIP_CACHE_DIR"},
	{"yarn", []string{"/root/.yarn"}, "the download cache of yarn stays in the layer", "Add to the same RUN: && yarn cache clean", "YARN_CACHE_FOLDER"},
}

// holds reports whether one of paths, of rm or of mounts, is where the cache is.
func (k cacheKind) holds(env, paths []string) bool {
	dirs := k.dirs
	if dir, ok := lookup(env, k.variable); ok && k.variable != "" {
		dirs = append(slices.Clone(dirs), strings.TrimSuffix(dir, "/"))
	}
	for _, p := range paths {
		p = strings.TrimRight(strings.TrimSuffix(p, "*"), "/")
		if k.variable != "" && (strings.HasSuffix(p, "/.cache") || strings.HasSuffix(p, "/.cache/"+k.name)) {
			return true
		}
	}
	return slices.ContainsFunc(dirs, func(dir string) bool { return deletes(paths, dir) })
}

// caches follows the commands of one RUN in order: an installation fills a cache, and
// only what cleans it afterwards empties it.
type caches struct {
	step *Step
	full map[string]bool
	// noPip is the value of PIP_NO_CACHE_DIR, here and in the commands after an export.
	noPip string
	seen  int
}

func newCaches(st *Step) *caches {
	c := &caches{step: st, full: map[string]bool{}}
	c.noPip, _ = lookup(st.Env, "PIP_NO_CACHE_DIR")
	return c
}

// left are the caches that stay in the layer.
func (c *caches) left() []cacheKind {
	var out []cacheKind
	var mounts []string
	for _, m := range c.step.mounts() {
		if m.Type == instructions.MountTypeCache || m.Type == instructions.MountTypeTmpfs {
			mounts = append(mounts, m.Target)
		}
	}
	for _, k := range cacheKinds {
		if c.full[k.name] && !k.holds(c.step.Env, mounts) {
			out = append(out, k)
		}
	}
	return out
}

func (c *caches) fill(kind string) {
	c.full[kind] = true
	c.seen++
}

// see follows one command.
func (c *caches) see(cmd script.Command) {
	name, args := cmd.Name()
	manager, _ := installs(cmd)
	verb := firstWord(args)
	noPip := c.noPip
	for _, kv := range cmd.Exports() {
		if value, ok := strings.CutPrefix(kv, "PIP_NO_CACHE_DIR="); ok {
			noPip = value
			if name == "export" || name == "" {
				c.noPip = value
			}
		}
	}
	switch {
	case name == "rm" || name == "find" && has(args, "-delete"):
		for _, k := range cacheKinds {
			if k.holds(c.step.Env, args) {
				delete(c.full, k.name)
			}
		}
	case manager == "apt", (name == "apt-get" || name == "apt" || name == "aptitude") && verb == "update":
		c.fill("apt")
	case name == "apk" && (verb == "add" || verb == "update" || verb == "upgrade"):
		c.seen++
		if !has(args, "--no-cache") {
			c.fill("apk")
		}
	case (name == "apt-get" || name == "apt") && verb == "distclean": // clean leaves the lists
		delete(c.full, "apt")
	case name == "apk" && verb == "cache" && slices.Contains(args, "clean"):
		delete(c.full, "apk")
	case rpmFamily(name) && (verb == "clean" || verb == "cc"):
		if name == "zypper" || slices.Contains(args, "all") {
			delete(c.full, "rpm")
		}
	case rpmFamily(name) && (manager != "" || verb == "update" || verb == "upgrade" || verb == "up" || verb == "makecache"):
		c.fill("rpm")
	case name == "pip" && verb == "cache":
		delete(c.full, "pip")
	case isPip(name, args):
		c.seen++
		if !has(args, "--no-cache-dir") && !truthy(noPip) {
			c.fill("pip")
		}
	case name == "yarn" && verb == "cache":
		delete(c.full, "yarn")
	case name == "yarn" && (verb == "" || verb == "install" || verb == "add" || verb == "global" || strings.HasPrefix(verb, "-") && verb != "--version"):
		c.fill("yarn")
	}
}

func rpmFamily(name string) bool {
	return slices.Contains([]string{"yum", "dnf", "dnf5", "microdnf", "tdnf", "zypper"}, name)
}

// isPip reports whether a command is pip install, also as python -m pip. What uv
// installs goes through a cache of its own.
func isPip(name string, args []string) bool {
	if strings.HasPrefix(name, "python") && len(args) > 2 && args[0] == "-m" && args[1] == "pip" {
		name, args = "pip", args[2:]
	}
	return (name == "pip" || name == "pip3" || name == "pip2" || strings.HasPrefix(name, "pip3.")) && firstWord(args) == "install"
}

// truthy reads a switch of pip.
func truthy(value string) bool {
	switch strings.ToLower(strings.Trim(value, `"'`)) {
	case "", "0", "off", "no", "false", "n", "f":
		return false
	}
	return true
}

// deletes reports whether one of the operands of rm is dir, inside it with a
// wildcard, or above it.
func deletes(operands []string, dir string) bool {
	for _, operand := range operands {
		for _, o := range braces(operand) {
			o = strings.TrimRight(strings.TrimSuffix(o, "*"), "/")
			if o != "" && (o == dir || strings.HasPrefix(dir, o+"/") || strings.HasPrefix(o, dir+"/")) {
				return true
			}
		}
	}
	return false
}

// braces expands the first {a,b} of a word, as bash does.
func braces(word string) []string {
	before, rest, ok := strings.Cut(word, "{")
	list, after, closed := strings.Cut(rest, "}")
	if !ok || !closed || strings.HasSuffix(before, "$") {
		return []string{word}
	}
	var out []string
	for _, part := range strings.Split(list, ",") {
		out = append(out, before+part+after)
	}
	return out
}
