package imagecheck

import (
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
	f.certificates(p, info)
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
func (f *facts) certificates(p string, info fs.FileInfo) {
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
		return nil, errors.Join(err, fmt.Errorf("%s is not a regular file", name))
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return data, err
}
