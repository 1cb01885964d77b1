package dockerfile

import (
	"regexp"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/script"
)

// installs returns the manager and the packages that a command installs by name:
// options, files, variables and requirement lists are not among them.
func installs(c script.Command) (manager string, pkgs []string) {
	name, args := c.Name()
	switch name {
	case "apt-get", "apt", "aptitude":
		if rest, ok := after(args, "install"); ok {
			return "apt", operands(rest, "-o", "-t", "-c", "-a", "--option", "--target-release", "--default-release", "--config-file")
		}
	case "apk":
		if rest, ok := after(args, "add"); ok {
			return "apk", operands(rest, "-t", "--virtual", "-X", "--repository", "-p", "--root", "--arch", "--keys-dir", "--repositories-file", "--cache-dir")
		}
	case "yum", "dnf", "microdnf", "tdnf", "zypper":
		rest, ok := after(args, "install")
		if !ok && name == "zypper" {
			rest, ok = after(args, "in")
		}
		if module, isModule := after(args, "module"); isModule {
			rest, ok = after(module, "install")
			return "module", operands(rest)
		}
		if ok {
			return "rpm", operands(rest, "--setopt", "--enablerepo", "--disablerepo", "--installroot", "--releasever", "-c", "--config", "--exclude")
		}
	case "pip", "pip3", "pip2":
		return pip(args)
	case "uv":
		if len(args) > 0 && args[0] == "pip" {
			return pip(args[1:])
		}
	case "npm":
		rest, ok := after(args, "install")
		if !ok {
			rest, ok = after(args, "i")
		}
		if !ok {
			rest, ok = after(args, "add")
		}
		if ok {
			return "npm", operands(rest, "--registry", "--prefix", "--cache", "--omit", "--include", "--loglevel", "-C")
		}
	case "yarn", "pnpm":
		if rest, ok := after(args, "global"); ok {
			args = rest
		}
		if rest, ok := after(args, "add"); ok {
			return "npm", operands(rest, "--registry", "--cwd", "--prefix", "-C", "--dir")
		}
	case "gem":
		rest, ok := after(args, "install")
		if !ok {
			rest, ok = after(args, "i")
		}
		if ok {
			for _, a := range rest {
				if strings.HasPrefix(a, "-v") || strings.HasPrefix(a, "--version") {
					return "gem", nil
				}
			}
			if i := slices.Index(rest, "--"); i >= 0 {
				rest = rest[:i] // what follows is for the compiler
			}
			return "gem", operands(rest, "-i", "--install-dir", "-n", "--bindir", "-s", "--source", "-P", "--platform", "--with-opt-dir")
		}
	case "cargo":
		if rest, ok := after(args, "install"); ok && !has(rest, "--version") && !has(rest, "--vers") && !has(rest, "--path") && !has(rest, "--rev") && !has(rest, "--tag") {
			return "cargo", operands(rest, "--git", "--branch", "--root", "--features", "--target", "--registry", "--profile", "-j", "-F")
		}
	case "conda", "mamba", "micromamba":
		if rest, ok := after(args, "install"); ok {
			return "conda", operands(rest, "-n", "--name", "-p", "--prefix", "-c", "--channel", "-f", "--file")
		}
	case "pipx":
		return pip(args)
	case "pecl":
		if rest, ok := after(args, "install"); ok {
			return "pecl", operands(rest, "-D")
		}
	case "go":
		if rest, ok := after(args, "install"); ok {
			return "go", operands(rest, "-ldflags", "-tags", "-o", "-mod", "-gcflags")
		}
	}
	if strings.HasPrefix(name, "python") && len(args) > 2 && args[0] == "-m" && args[1] == "pip" {
		return pip(args[2:])
	}
	return "", nil
}

func pip(args []string) (string, []string) {
	rest, ok := after(args, "install")
	if !ok {
		return "", nil
	}
	return "pip", operands(rest, "-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-t", "--target", "--prefix", "--root",
		"--python", "-f", "--find-links", "--trusted-host", "--cache-dir", "--no-binary", "--only-binary", "--platform", "--abi", "--implementation",
		"--progress-bar", "--timeout", "--retries", "--upgrade-strategy", "-e", "--editable", "--src", "-b", "--build", "--log", "--proxy", "--config-settings", "--python-version")
}

// after returns what follows the first plain word, when that word is verb.
func after(args []string, verb string) ([]string, bool) {
	for i, a := range args {
		if a == verb {
			return args[i+1:], true
		}
		if !strings.HasPrefix(a, "-") && i > 0 && !strings.HasPrefix(args[i-1], "-") || i == 0 && !strings.HasPrefix(a, "-") {
			return nil, false
		}
	}
	return nil, false
}

// operands drops options, and the next word after those in withArg.
func operands(args []string, withArg ...string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if strings.HasPrefix(a, "-") {
			for _, w := range withArg {
				if a == w {
					i++
					break
				}
			}
			continue
		}
		if a == "" || strings.HasPrefix(a, "$") || strings.Contains(a, "`") || strings.Contains(a, "*") && !strings.Contains(a, "=") || strings.HasPrefix(a, "<") {
			continue
		}
		out = append(out, a)
	}
	return out
}

// unpinned reports whether a package is installed in whatever version there is.
func unpinned(manager, pkg string) bool {
	if strings.HasPrefix(pkg, ".") || strings.HasPrefix(pkg, "/") || strings.HasPrefix(pkg, "~") || strings.Contains(pkg, "$") {
		return false // a file, or a name that is made elsewhere
	}
	switch manager {
	case "apt":
		return !strings.Contains(pkg, "=") && !strings.HasSuffix(pkg, ".deb") && !strings.HasSuffix(pkg, "-") && !strings.Contains(pkg, "/")
	case "apk":
		return !strings.ContainsAny(pkg, "=~<>@") && !strings.HasSuffix(pkg, ".apk") && !strings.HasPrefix(pkg, "!")
	case "rpm":
		return !strings.HasSuffix(pkg, ".rpm") && !strings.HasPrefix(pkg, "@") && !strings.ContainsAny(pkg, "=<>") && !dashVersion.MatchString(pkg)
	case "module":
		return !strings.Contains(pkg, ":")
	case "pip":
		if strings.Contains(pkg, "://") { // git+https://host/repo@revision#egg=name; a file has its name
			_, rest, _ := strings.Cut(pkg, "://")
			rest, _, _ = strings.Cut(rest, "#")
			return strings.HasPrefix(pkg, "git+") && !strings.Contains(rest[strings.IndexByte(rest, '/')+1:], "@")
		}
		return !strings.ContainsAny(pkg, "=@~<>") && !archiveFile(pkg)
	case "npm":
		if strings.Contains(pkg, "://") {
			return strings.HasPrefix(pkg, "git") && !strings.Contains(pkg, "#")
		}
		_, v, ok := strings.Cut(strings.TrimPrefix(pkg, "@"), "@")
		return (!ok || v == "latest" || v == "next") && !archiveFile(pkg)
	case "cargo":
		return !strings.Contains(pkg, "@")
	case "conda":
		return !strings.ContainsAny(pkg, "=<>")
	case "gem":
		return !strings.Contains(pkg, ":") && !strings.HasSuffix(pkg, ".gem")
	case "pecl":
		return !dashVersion.MatchString(pkg) && !archiveFile(pkg) && !strings.HasSuffix(pkg, ".xml")
	case "go":
		return strings.HasSuffix(pkg, "@latest") || strings.HasSuffix(pkg, "@master") || strings.HasSuffix(pkg, "@main")
	}
	return false
}

// dashVersion is name-1.2, the version with or without an epoch.
var dashVersion = regexp.MustCompile(`-[0-9]`)

// archiveFile reports whether a package is named by its file.
func archiveFile(pkg string) bool {
	for _, suffix := range []string{".whl", ".zip", ".tar", ".tar.gz", ".tar.bz2", ".tgz"} {
		if strings.HasSuffix(pkg, suffix) {
			return true
		}
	}
	return false
}
