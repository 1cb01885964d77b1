package harden

import (
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
)

// Markdown writes docs/checks.md from the checks. The text depends on nothing else,
// so the file in the repository can be compared with it.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# Hardening checks

<!-- Written by harden.Markdown from the checks themselves; do not edit. To write it
again: go test ./internal/harden -run TestDocsAreUpToDate -update -->

` + "`imagegate lint`" + ` runs the checks of Dockerfiles and Compose files, the gate runs those of
images, ` + "`imagegate run-check`" + ` those of running containers, and ` + "`imagegate checks ID`" + ` prints
one. Each outcome is one of four: passed, failed, undecided (the check looked and could
not tell, which is never a pass) and not applicable (there was nothing to look at).

A finding in a Dockerfile or a Compose file can be silenced where it stands, with a
reason that the report repeats:

    # imagegate: ignore HIG-D012 the mirror keeps only one version
    RUN apt-get update && apt-get install -y curl

The comment stands above the instruction or key, or on one of its lines. Without a
reason it silences nothing and is itself reported.

A check marked *new* is reported with severity low until it has proven itself.

References: CIS Docker is the CIS Docker Benchmark v1.6.0, NIST is SP 800-190, OWASP the
rules of the Docker Security Cheat Sheet; CIS-DI and DKL ids are Dockle's, DL ids
Hadolint's, CKV ids Checkov's.

`)
	for _, k := range check.Kinds() {
		fmt.Fprintf(&b, "- [%s](#%s)\n", kindTitle(k), strings.ReplaceAll(strings.ToLower(kindTitle(k)), " ", "-"))
	}
	for _, k := range check.Kinds() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| Check | Severity | What it wants |\n| --- | --- | --- |\n", kindTitle(k), kindIntro(k))
		for _, c := range Checks() {
			if c.Kind == k {
				fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", c.ID, strings.ToLower(c.ID), severity(c), c.Title)
			}
		}
		for _, c := range Checks() {
			if c.Kind == k {
				fmt.Fprintf(&b, "\n%s", Describe(c))
			}
		}
	}
	return b.String()
}

// Describe writes one check as Markdown, for the document and for "checks ID".
func Describe(c *Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n**%s** (%s)\n\n%s\n\nRemedy: %s\n\nReferences: %s\n", c.ID, c.Title, severity(c), c.Why, c.Remedy, strings.Join(c.References.List(), ", "))
	for _, e := range []struct{ name, text string }{{"Fails", c.Bad}, {"Passes", c.Good}} {
		fmt.Fprintf(&b, "\n%s:\n\n```%s\n%s\n```\n", e.name, fence(c, e.text), strings.TrimRight(e.text, "\n"))
	}
	return b.String()
}

func severity(c *Check) string {
	if c.Preview {
		return string(c.Effective()) + ", new"
	}
	return string(c.Severity)
}

func fence(c *Check, text string) string {
	switch {
	case strings.HasPrefix(text, "-- "):
		return "text"
	case c.Kind == check.Dockerfile:
		return "dockerfile"
	case c.Kind == check.Compose:
		return "yaml"
	default:
		return "json"
	}
}

func kindTitle(k check.Kind) string {
	switch k {
	case check.Image:
		return "Images"
	case check.Dockerfile:
		return "Dockerfiles"
	case check.Compose:
		return "Compose files"
	default:
		return "Running containers"
	}
}

func kindIntro(k check.Kind) string {
	switch k {
	case check.Image:
		return "They look at the configuration and the root file system of the pulled image, as a container would see it: layers squashed, whiteouts and links resolved; secrets are looked for below the whiteouts, too. " +
			"The examples are the parts that matter: config as in the OCI image-spec, files with mode, owner and text."
	case check.Dockerfile:
		return "They read the file with BuildKit's parser. What ships is the last stage and the stages it is built on; secrets, downloads and switched-off verification count in every stage. " +
			"An example of more than one file marks each with -- name --."
	case check.Compose:
		return "They read the project with compose-go: the override beside the file or those of COMPOSE_FILE in .env, extends, env files, variables of the .env file, and every profile. " +
			"What a variable without a value or a default decides is undecided. Included files are checked as projects of their own; nothing is fetched."
	default:
		return "They judge what was seen of a container that was started with a read-only root, without capabilities, as 65532, with no-new-privileges and without a network. " +
			"The examples are observations as run-check writes them."
	}
}
