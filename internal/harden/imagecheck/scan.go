package imagecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
)

// facts are what one walk over the files found.
type facts struct {
	// cut says why not everything was seen; "" when everything was.
	cut   string
	files int

	shells, managers, setuid, writable, capable []string
	disguised                                   []string // shells by their content
	programs                                    []string // program files that could be one
	secrets                                     []found
	sshd, tools, caches                         []string
	owned                                       []string // program files that the default user may change
	certs, zoneinfo                             bool
	languages                                   []string
	accounts                                    []account
	groups                                      []group
	passwd, group, shadow                       bool
	emptyPasswords                              []string
	badPasswd                                   string
	user                                        runUser
	osRelease                                   map[string]string
}

type found struct{ path, what string }

// shellNames are programs that take commands from whoever reaches them.
var shellNames = []string{"sh", "bash", "ash", "dash", "zsh", "ksh", "csh", "tcsh", "fish", "busybox", "toybox", "rbash", "mksh", "yash", "nu", "elvish", "pwsh"}

// isShell knows a shell by its name, busybox.static and the like included.
func isShell(base string) bool {
	name, _, _ := strings.Cut(base, ".")
	return slices.Contains(shellNames, base) || name == "busybox" || name == "bash"
}

var managerNames = []string{"apt", "apt-get", "aptitude", "dpkg", "apk", "yum", "dnf", "dnf5", "microdnf", "tdnf", "rpm", "zypper", "pacman", "opkg", "snap", "nix-env", "swupd"}

// toolNames are compilers and build tools. Interpreters are not among them: they may
// be what the image is for.
var toolNames = []string{"gcc", "g++", "cc", "c++", "cpp", "clang", "clang++", "make", "gmake", "cmake", "ld", "as", "ninja", "meson", "rustc", "cargo", "javac", "mvn", "gradle", "go", "gdb", "strace", "autoconf", "automake", "bison", "flex", "msbuild", "tsc"}

var sshNames = []string{"sshd", "dropbear", "telnetd", "in.telnetd", "rlogind", "rshd"}

// binDirs are where programs are found by name.
var binDirs = []string{"bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin"}

func scan(ctx context.Context, in *Input) (*facts, error) {
	f := &facts{}
	if in.FS == nil {
		f.user = f.resolve(in.Config.Config.User)
		return f, ctx.Err()
	}
	f.readAccounts(in.FS)
	f.osRelease = osRelease(in.FS)
	f.user = f.resolve(in.Config.Config.User)
	var failed int
	err := fs.WalkDir(in.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if e := ctx.Err(); e != nil {
			return e
		}
		if err != nil {
			failed++
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if f.files++; f.files > in.Budget.Files {
			f.cut = fmt.Sprintf("only the first %d files were looked at", in.Budget.Files)
			return fs.SkipAll
		}
		if d.IsDir() && (p == "proc" || p == "sys" || p == "dev") {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			failed++
			return nil
		}
		f.look(in, p, info)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := f.unmask(ctx, in.FS); err != nil {
		return nil, err
	}
	if err := f.lookBelow(ctx, in); err != nil {
		return nil, err
	}
	if failed > 0 && f.cut == "" {
		f.cut = fmt.Sprintf("%d files could not be looked at", failed)
	}
	return f, nil
}

// look files one file under what it is.
func (f *facts) look(in *Input, p string, info fs.FileInfo) {
	mode, base, dir := info.Mode(), path.Base(p), path.Dir(p)
	meta := in.Meta(info)
	link := mode&fs.ModeSymlink != 0
	program := link || mode.IsRegular() && mode.Perm()&0o111 != 0
	if mode.IsRegular() && mode.Perm()&0o111 != 0 {
		if mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			f.setuid = append(f.setuid, p)
		}
		if meta.Capabilities {
			f.capable = append(f.capable, p)
		}
	}
	if !link && mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 && (mode.IsRegular() || mode.IsDir()) {
		f.writable = append(f.writable, p)
	}
	if program && (slices.Contains(binDirs, dir) || strings.HasSuffix(dir, "/bin") || strings.HasSuffix(dir, "/sbin")) && resolves(in.FS, p, link) {
		switch {
		case isShell(base):
			f.shells = append(f.shells, p)
		case (slices.Contains(managerNames, base) || slices.Contains(sshNames, base)) && isBusybox(in.FS, p):
			// An applet: busybox is told as the shell that it is.
		case slices.Contains(managerNames, base):
			f.managers = append(f.managers, p)
		case slices.Contains(sshNames, base):
			f.sshd = append(f.sshd, p)
		case slices.Contains(toolNames, base), crossCompiler(base):
			f.tools = append(f.tools, p)
		}
		f.language(base)
	} else if program && isShell(base) && resolves(in.FS, p, link) && (link || machineCode(in.FS, p)) {
		f.shells = append(f.shells, p) // somewhere else, as /busybox/sh
	}
	if program && !link && info.Size() >= minShell && info.Size() <= maxShell {
		f.programs = append(f.programs, p)
	}
	f.certificates(in.FS, p, info)
	if what := leftover(p, info); what != "" {
		f.caches = append(f.caches, p)
	}
	if mode.IsRegular() && info.Size() > 0 {
		if what := check.SecretFile(p); what != "" && !packaged(p) {
			if kind := secretContent(func() (io.ReadCloser, error) { return in.FS.Open(p) }, base, info.Size()); kind != "" {
				f.secrets = append(f.secrets, found{p, or(kind, what)})
			}
		} else if base == "config" && strings.HasSuffix(dir, "/.git") || p == ".git/config" {
			f.secrets = append(f.secrets, found{p, "a git repository with its history"})
		}
	}
	if meta.Known && !f.user.unknown && f.user.uid > 0 && mode.IsRegular() && program && f.mayWrite(meta, mode) {
		f.owned = append(f.owned, p)
	}
}

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

// Sizes between which a program file may be a shell, and how much of all is read to
// find one, in bytes.
const (
	minShell  = 64 << 10
	maxShell  = 8 << 20
	maxUnmask = 128 << 20
)

// unmask looks for shells by what is in them, since a copy by another name starts like
// any other. Where one was found by its name already, one more would change nothing.
func (f *facts) unmask(ctx context.Context, fsys fs.FS) error {
	if len(f.shells) > 0 {
		return nil
	}
	budget := int64(maxUnmask)
	for _, p := range f.programs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !machineCode(fsys, p) {
			continue
		}
		data := head(fsys, p, maxShell)
		if budget -= int64(len(data)); budget < 0 {
			break
		}
		if busyboxCode(data) || bytes.Contains(data, []byte("@(#)Bash version")) {
			f.disguised = append(f.disguised, p)
		}
	}
	return nil
}

// isBusybox reports whether a name is one of the many of busybox, by a link of either
// kind.
func isBusybox(fsys fs.FS, p string) bool {
	return machineCode(fsys, p) && busyboxCode(head(fsys, p, maxShell))
}

func busyboxCode(data []byte) bool {
	return bytes.Contains(data, []byte("BusyBox v")) && bytes.Contains(data, []byte("multi-call binary"))
}

// machineCode reports whether a file starts as an ELF program does.
func machineCode(fsys fs.FS, p string) bool { return string(head(fsys, p, 4)) == "\x7fELF" }

func or(a, b string) string {
	if a != "" && a != "?" {
		return a
	}
	return b
}

// resolves reports whether a link leads to a file that is there.
func resolves(fsys fs.FS, p string, link bool) bool {
	if !link {
		return true
	}
	info, err := fs.Stat(fsys, p)
	return err == nil && !info.IsDir()
}

func crossCompiler(base string) bool {
	return strings.Contains(base, "-linux-") && (strings.HasSuffix(base, "-gcc") || strings.HasSuffix(base, "-g++") || strings.HasSuffix(base, "-ld"))
}

// mayWrite reports whether the default user may change a file by its mode.
func (f *facts) mayWrite(m Meta, mode fs.FileMode) bool {
	perm := mode.Perm()
	switch {
	case m.UID == f.user.uid:
		return true // an owner may give himself the right
	case m.GID == f.user.gid:
		return perm&0o020 != 0
	default:
		return perm&0o002 != 0
	}
}

// language notes interpreters that bring no CA certificates of their own, as Node.js,
// Java, Deno and Bun do.
func (f *facts) language(base string) {
	name := ""
	switch {
	case base == "ruby", base == "php", base == "perl", base == "dotnet":
		name = base
	case base == "python" || strings.HasPrefix(base, "python3"):
		name = "python"
	}
	if name != "" && !slices.Contains(f.languages, name) {
		f.languages = append(f.languages, name)
	}
}

// certificates notes CA bundles and time zone data that are not empty.
func (f *facts) certificates(_ fs.FS, p string, info fs.FileInfo) {
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return
	}
	switch {
	case p == "etc/ssl/certs/ca-certificates.crt", p == "etc/ssl/cert.pem", p == "etc/pki/tls/certs/ca-bundle.crt", p == "etc/ssl/ca-bundle.pem",
		strings.HasPrefix(p, "etc/pki/ca-trust/extracted/pem/"), strings.HasPrefix(p, "etc/ssl/certs/") && strings.HasSuffix(p, ".pem"):
		f.certs = true
	case strings.HasPrefix(p, "usr/share/zoneinfo/"), strings.HasSuffix(p, "/zoneinfo.zip"):
		f.zoneinfo = true
	}
}

// leftover recognises caches that package managers leave.
func leftover(p string, info fs.FileInfo) string {
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return ""
	}
	switch {
	case strings.HasPrefix(p, "var/lib/apt/lists/") && path.Base(p) != "lock",
		strings.HasPrefix(p, "var/cache/apt/archives/") && strings.HasSuffix(p, ".deb"), p == "var/cache/apt/pkgcache.bin", p == "var/cache/apt/srcpkgcache.bin",
		strings.HasPrefix(p, "var/cache/apk/"), strings.HasPrefix(p, "var/cache/yum/"), strings.HasPrefix(p, "var/cache/dnf/"), strings.HasPrefix(p, "var/cache/zypp/"),
		strings.HasPrefix(p, "root/.cache/"), strings.HasPrefix(p, "root/.npm/_cacache/"), strings.HasPrefix(p, "root/.m2/repository/"), strings.HasPrefix(p, "root/.gradle/caches/"),
		strings.HasPrefix(p, "root/.cargo/registry/cache/"), strings.HasPrefix(p, "usr/local/share/.cache/yarn/"):
		return "cache"
	}
	return ""
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

// osRelease reads etc/os-release.
func osRelease(fsys fs.FS) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		data, err := peek(fsys, name, maxPeek)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(data), "\n") {
			if k, v, ok := strings.Cut(line, "="); ok && len(out) < 100 {
				out[k] = strings.Trim(v, `"'`)
			}
		}
		return out
	}
	return out
}

// peek reads at most limit bytes of a regular file; more is an error.
func peek(fsys fs.FS, name string, limit int64) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is no regular file", name))
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return data, err
}
