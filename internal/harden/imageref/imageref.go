// Package imageref reads image references as checks need them: which registry and
// repository, which tag, which digest, and what is known of the publisher. It asks
// no registry: what it says of an image is what its name says.
//
// Start reading at [Parse].
package imageref

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// Ref is a parsed reference. Name is normalised: "python" is
// "docker.io/library/python".
type Ref struct {
	Raw, Domain, Name, Tag, Digest string
}

var placeholder = regexp.MustCompile(`<[^<>]*>|\[[^\[\]]*\]|\{\{[^{}]*\}\}`)

// Parse reads raw. The error says what is wrong with it in words for a person: an
// empty name, a placeholder that was never filled in, or the grammar's own reason.
func Parse(raw string) (Ref, error) {
	switch m := placeholder.FindString(raw); {
	case raw == "":
		return Ref{}, fmt.Errorf("the reference is empty")
	case m != "":
		return Ref{}, fmt.Errorf("%q still holds the placeholder %q", cut(raw), cut(m))
	}
	n, err := reference.ParseNormalizedNamed(raw)
	if err != nil {
		return Ref{}, fmt.Errorf("%q is no image reference: %w", cut(raw), err)
	}
	r := Ref{Raw: raw, Domain: reference.Domain(n), Name: n.Name()}
	if t, ok := n.(reference.Tagged); ok {
		r.Tag = t.Tag()
	}
	if d, ok := n.(reference.Digested); ok {
		r.Digest = d.Digest().String()
	}
	return r, nil
}

func cut(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

// Versionless says why the tag names no version ("no tag, which means latest"), or
// "" when it does or when a digest fixes the content anyway.
func (r Ref) Versionless() string {
	switch {
	case r.Digest != "":
		return ""
	case r.Tag == "":
		return "has no tag, which means latest"
	case r.Tag == "latest":
		return "uses the tag latest"
	case r.release():
		return ""
	case !strings.ContainsAny(r.Tag, "0123456789"):
		return fmt.Sprintf("uses the tag %s, which names no version", r.Tag)
	case !namesVersion(r.Tag):
		return fmt.Sprintf("uses the tag %s, which names a distribution but no version", r.Tag)
	}
	return ""
}

// release reports whether the image is a distribution itself and the tag names one of
// its releases by its code name ("debian:bookworm-slim") or, for Windows, its channel.
func (r Ref) release() bool {
	if strings.HasPrefix(r.Name, "mcr.microsoft.com/windows/") {
		return strings.HasPrefix(r.Tag, "ltsc2")
	}
	code, _, _ := strings.Cut(r.Tag, "-")
	switch r.Name {
	case "docker.io/library/debian", "docker.io/library/ubuntu", "docker.io/library/buildpack-deps":
		return codeNames[code]
	}
	return false
}

// codeNames are the releases of Debian and Ubuntu; stable, testing and rolling move.
var codeNames = map[string]bool{
	"wheezy": true, "jessie": true, "stretch": true, "buster": true, "bullseye": true, "bookworm": true, "trixie": true, "forky": true,
	"trusty": true, "xenial": true, "bionic": true, "focal": true, "jammy": true, "noble": true, "oracular": true, "plucky": true, "questing": true,
}

// namesVersion looks for a part of the tag with a number in it that is not a
// distribution's name and release: "alpine3.20", "debian13" and "ubi9" say nothing of
// the software.
func namesVersion(tag string) bool {
	for _, part := range strings.FieldsFunc(tag, func(r rune) bool { return r == '-' || r == '_' || r == '+' }) {
		if strings.ContainsAny(part, "0123456789") && !distribution.MatchString(part) {
			return true
		}
	}
	return false
}

var distribution = regexp.MustCompile(`^(debian|alpine|ubuntu|ubi|el|fc|fedora|centos|rocky|rockylinux|almalinux|ltsc|azurelinux|mariner|photon|ol|bci)[0-9.]+$`)

// Hardened names the vendor when the reference is of a registry or repository whose
// images are minimal and hardened by design, and says whether this one is a variant
// for building rather than for running.
func (r Ref) Hardened(extra []string) (vendor string, build bool) {
	dev := suffix(r.Tag, "dev") || suffix(r.Tag, "sdk") || strings.HasSuffix(r.Tag, "-debug") || r.Tag == "debug"
	base := r.Name[strings.LastIndex(r.Name, "/")+1:]
	switch {
	case r.Domain == "dhi.io", strings.HasPrefix(base, "dhi-"):
		return "Docker Hardened Images", dev
	case strings.HasPrefix(r.Name, "gcr.io/distroless/"):
		return "distroless", strings.Contains(r.Tag, "debug")
	case strings.HasPrefix(r.Name, "cgr.dev/"):
		return "Chainguard", dev
	case r.Domain == "mcr.microsoft.com" && (strings.Contains(r.Tag, "chiseled") || strings.Contains(r.Name, "/distroless/") || strings.Contains(r.Tag, "distroless")):
		return "Microsoft distroless", strings.Contains(r.Name, "/sdk")
	case strings.HasSuffix(r.Name, "/ubi8-micro"), strings.HasSuffix(r.Name, "/ubi9-micro"), strings.HasSuffix(r.Name, "/ubi10-micro"):
		return "Red Hat UBI micro", false
	case r.Name == "registry.suse.com/bci/bci-micro":
		return "SUSE BCI micro", false
	}
	for _, e := range extra {
		if e != "" && (r.Name == e || strings.HasPrefix(r.Name, strings.TrimSuffix(e, "/")+"/")) {
			return "a registry that you trust", dev
		}
	}
	return "", false
}

func suffix(tag, s string) bool {
	return tag == s || strings.HasSuffix(tag, "-"+s)
}

// NonRoot reports whether images of this name are known to run as another user than
// root by default.
func (r Ref) NonRoot() bool {
	vendor, build := r.Hardened(nil)
	switch vendor {
	case "Docker Hardened Images", "Chainguard":
		return !build
	case "distroless":
		return strings.Contains(r.Tag, "nonroot")
	case "Microsoft distroless":
		return !build
	}
	return false
}

// UserID is the user, as for USER, that images of this name are known to run as; "" when
// it is not known. It is 65532 where the vendor keeps to that: .NET's chiseled images have
// one of their own, and so has DHI's Node.js.
func (r Ref) UserID() string {
	vendor, _ := r.Hardened(nil)
	if !r.NonRoot() || vendor == "Microsoft distroless" || strings.HasSuffix(r.Name, "/node") || strings.HasSuffix(r.Name, "/dhi-node") {
		return ""
	}
	return "65532:65532"
}

// Shellless reports whether images of this name are known to hold no shell.
func (r Ref) Shellless() bool {
	vendor, build := r.Hardened(nil)
	if vendor == "Docker Hardened Images" && (strings.Contains(r.Tag, "compat") || strings.HasSuffix(r.Name, "-base")) {
		return false
	}
	return vendor != "" && vendor != "SUSE BCI micro" && vendor != "Red Hat UBI micro" && !build
}

// BuildImage says why an image of this name is one for building ("it holds a
// compiler"), or "".
func (r Ref) BuildImage() string {
	base := r.Name[strings.LastIndex(r.Name, "/")+1:]
	if vendor, build := r.Hardened(nil); build {
		return "it is the variant of " + vendor + " for building"
	}
	if suffix(r.Tag, "jdk") || strings.Contains(r.Tag, "-jdk-") || r.Name == "docker.io/library/openjdk" && !strings.Contains(r.Tag, "jre") {
		return "it holds the Java compiler"
	}
	switch {
	case r.Domain == "dhi.io":
		switch base {
		case "golang", "rust", "maven", "gradle", "composer":
			return "it holds the " + base + " toolchain"
		}
	case r.Domain == "docker.io":
		switch base {
		case "golang", "rust", "maven", "gradle", "gcc", "buildpack-deps", "composer", "swift", "sbt", "clojure", "haskell", "dart":
			return "it holds the " + base + " toolchain"
		}
	case strings.HasPrefix(r.Name, "mcr.microsoft.com/dotnet/sdk"), strings.HasSuffix(r.Name, "/dotnet/sdk"):
		return "it holds the .NET SDK"
	}
	return ""
}

// DHI guesses the repository of the same name among Docker Hardened Images
// ("dhi.io/python"). It is a suggestion to look up, not a promise that it exists.
func (r Ref) DHI() string {
	base := r.Name[strings.LastIndex(r.Name, "/")+1:]
	switch {
	case strings.HasPrefix(r.Name, "mcr.microsoft.com/dotnet/aspnet"):
		return "dhi.io/aspnetcore"
	case strings.HasPrefix(r.Name, "mcr.microsoft.com/dotnet/"):
		return "dhi.io/dotnet"
	}
	switch base {
	case "alpine", "debian":
		return "dhi.io/" + base + "-base"
	case "ubuntu", "centos", "fedora", "busybox":
		return "dhi.io/debian-base"
	}
	return "dhi.io/" + base
}
