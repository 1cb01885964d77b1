package dockerfile

import (
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// noBuildTools looks at what ships: the final stage and the stages it is made of.
var noBuildTools = &rule{
	Check: check.Check{
		ID: "HIG-D007", Title: "The final stage holds no build tools", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "A compiler or SDK in the image lets an intruder build what is missing, and brings most of the vulnerabilities that a scan finds.",
		Remedy:     "Build in one stage and copy only the result into the final one: COPY --from=build /app /app.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}, OWASP: []string{"13"}, Aliases: []string{"DL3067"}},
		Bad:        "FROM golang:1.26\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\nENTRYPOINT [\"/app\"]\n",
		Good:       "FROM golang:1.26 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\n\nFROM scratch\nCOPY --from=build /app /app\nENTRYPOINT [\"/app\"]\n",
	},
	run: func(p *pass) {
		root := p.f.Final().Root()
		if b := root.Base; !b.Scratch && b.Err == nil {
			if why := b.Ref.BuildImage(); why != "" {
				p.Failf(at(root.Line), "the final stage is built on %s: %s", check.Cut(b.Ref.Raw), why)
			}
		}
		p.f.finalSteps(func(st *Step) {
			if c, ok := st.Cmd.(*instructions.CopyCommand); ok && c.From != "" {
				for _, src := range c.SourcePaths {
					if tool := toolPath(src, c.DestPath); tool != "" {
						p.Failf(at(st.Line), "COPY --from=%s brings %s into the final stage", check.Cut(c.From), tool)
					}
				}
			}
			if removes(st) {
				return
			}
			st.walk(func(c script.Command) {
				if what := builds(c); what != "" {
					p.Failf(at(st.Line), "the final stage builds: %s", what)
				}
				if tools := buildPackages(c); len(tools) > 0 {
					p.Failf(at(st.Line), "the final stage installs build tools: %s", check.List(tools, 5))
				}
			})
		})
		if !p.Failed() && root.Base.Err != nil {
			p.Undecidedf(at(root.Line), "what the base brings is not known: %v", root.Base.Err)
		}
		p.Passf("%d build stages; nothing in the final one is a build tool", len(p.f.Stages))
	},
}

// builds says what a command compiles or packages; "" when it does neither.
func builds(c script.Command) string {
	name, args := c.Name()
	first := firstWord(args)
	text := check.Cut(strings.Join(append([]string{name}, args...), " "))
	switch name {
	case "gcc", "g++", "cc", "c++", "clang", "clang++", "javac", "make", "cmake", "ninja", "rustc", "tsc", "msbuild", "ghc", "swiftc", "nvcc":
		if len(args) == 0 && name != "make" || first == "--version" || first == "-v" {
			return ""
		}
		return text
	case "go":
		if first == "build" || first == "install" {
			return text
		}
	case "cargo":
		if first == "build" || first == "install" {
			return text
		}
	case "dotnet":
		if first == "build" || first == "publish" {
			return text
		}
	case "mvn", "mvnw":
		for _, a := range args {
			switch a {
			case "package", "install", "compile", "verify", "assembly:single":
				return text
			}
		}
	case "gradle", "gradlew":
		for _, a := range args {
			switch strings.TrimPrefix(a, ":") {
			case "build", "assemble", "bootJar", "jar", "shadowJar", "installDist":
				return text
			}
		}
	case "npm", "yarn", "pnpm":
		if first == "run" && len(args) > 1 && strings.HasPrefix(args[1], "build") || name != "npm" && first == "build" {
			return text
		}
	}
	return ""
}

// buildPackage reports whether a package of a distribution is for building.
func buildPackage(pkg string) bool {
	name, _, _ := strings.Cut(pkg, "=")
	name, _, _ = strings.Cut(name, ":")
	switch name {
	case "gcc", "g++", "make", "cmake", "clang", "build-essential", "build-base", "binutils", "automake", "autoconf", "libtool",
		"cargo", "rustc", "rust", "golang", "golang-go", "go", "maven", "gradle", "gcc-c++", "musl-dev", "libc-dev", "libc6-dev", "linux-headers",
		"default-jdk", "pkg-config", "pkgconf", "bison", "flex", "ninja-build", "meson", "dpkg-dev", "alpine-sdk", "python3-dev", "ruby-dev":
		return true
	}
	return strings.HasPrefix(name, "openjdk-") && strings.Contains(name, "-jdk") || strings.HasPrefix(name, "gcc-") && name != "gcc-libs"
}

// buildPackages are the build tools that a command installs.
func buildPackages(c script.Command) []string {
	var tools []string
	_, pkgs := installs(c)
	for _, pkg := range pkgs {
		if buildPackage(pkg) {
			tools = append(tools, check.Cut(pkg))
		}
	}
	name, args := c.Name()
	if text := strings.ToLower(strings.Join(args, " ")); rpmFamily(name) && strings.Contains(text, "group") &&
		(strings.Contains(text, "development tools") || strings.Contains(text, "development-tools")) {
		tools = append(tools, "the group of development tools")
	}
	return tools
}

// removes reports whether a step uninstalls the build tools that it installed: all that
// is not needed, apk's virtual package of them, or one of them by name.
func removes(st *Step) bool {
	installed, found := map[string]bool{}, false
	st.walk(func(c script.Command) {
		name, args := c.Name()
		for _, pkg := range buildPackages(c) {
			installed[pkg] = true
		}
		if name == "apk" {
			for i, a := range args {
				if (a == "-t" || a == "--virtual") && i+1 < len(args) {
					installed[args[i+1]] = true
				} else if v, ok := strings.CutPrefix(a, "--virtual="); ok {
					installed[v] = true
				}
			}
		}
		verb := firstWord(args)
		switch name + " " + verb {
		case "apt-get autoremove", "apt autoremove", "dnf autoremove", "yum autoremove":
			found = true
		case "apk del", "apt-get purge", "apt-get remove", "apt purge", "apt remove", "yum remove", "yum erase", "dnf remove", "dnf erase", "microdnf remove":
			gone := false
			for _, a := range args {
				switch {
				case a == verb || strings.HasPrefix(a, "-"):
				case strings.HasPrefix(a, "$") || installed[a]:
					found = true
				default:
					gone = true
				}
			}
			found = found || !gone // apt-get purge --auto-remove
		}
	})
	return found
}

// toolPath names the tool that a copied path is, or that the whole root is copied to the
// root.
func toolPath(src, dest string) string {
	clean := path.Clean("/" + src)
	switch {
	case (clean == "/" || clean == "/*") && path.Clean(dest) != "/":
		return ""
	case clean == "/" || clean == "/*":
		return "the whole root file system of another image"
	case clean == "/usr/local/go", clean == "/usr/local/cargo", clean == "/usr/local/rustup", clean == "/usr/share/maven", clean == "/opt/gradle":
		return "the toolchain " + clean
	}
	switch base := path.Base(clean); base {
	case "gcc", "g++", "cc", "clang", "make", "cmake", "ld", "go", "cargo", "rustc", "mvn", "gradle", "javac", "npm", "yarn", "pip", "uv", "composer", "apt-get", "apk", "dnf":
		if strings.Contains(clean, "/bin/") {
			return "the tool " + clean
		}
	}
	return ""
}
