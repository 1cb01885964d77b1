package demo

import (
	"time"

	"github.com/imagegate/imagegate/internal/testkit"
)

// openVEX is the image's VEX document (OpenVEX 0.2.0). Each statement is there for one
// thing that the gate has to get right.
func openVEX(created time.Time) any {
	at := func(days int) string { return created.AddDate(0, 0, -days).Format(time.RFC3339) }
	glibc := func(version string) any {
		return map[string]any{"@id": "pkg:deb/debian/glibc@" + version + "?os_distro=bookworm&os_name=debian&os_version=12"}
	}
	gcc := []any{map[string]any{"@id": purl("gcc-12", "12.2.0-14+deb12u1")}}
	statements := []any{
		// A high finding is suppressed: the product is the source package, with the
		// qualifiers of the vendor, and the installed package is libc6.
		map[string]any{
			"@id": "https://imagegate.invalid/demo/vex#1", "vulnerability": map[string]any{"name": "CVE-2025-4802"},
			"timestamp": at(20), "products": []any{glibc(libcVersion)},
			"status": "not_affected", "justification": "vulnerable_code_cannot_be_controlled_by_adversary",
			"impact_statement": "The flaw needs a statically linked setuid program that calls dlopen; the image holds no setuid program.",
		},
		// The older word on this one is taken back by the newer: it stays open.
		map[string]any{
			"@id": "https://imagegate.invalid/demo/vex#2", "vulnerability": map[string]any{"name": "CVE-2025-0395"},
			"timestamp": at(20), "products": []any{glibc(libcVersion)},
			"status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
			"impact_statement": "No program in the image calls assert() with a message of its own.",
		},
		map[string]any{
			"@id": "https://imagegate.invalid/demo/vex#3", "vulnerability": map[string]any{"name": "CVE-2025-0395"},
			"timestamp": at(2), "products": []any{glibc(libcVersion)},
			"status": "under_investigation", "status_notes": "An extension module was found that does.",
		},
		// Another version than the installed one: a near miss that must not suppress.
		map[string]any{
			"@id": "https://imagegate.invalid/demo/vex#4", "vulnerability": map[string]any{"name": missedCVE},
			"timestamp": at(9), "products": []any{glibc(missedVersion)},
			"status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
			"impact_statement": "The image's nsswitch.conf was looked at for the build with this version.",
		},
		// The product is the image, and the packages are its subcomponents.
		map[string]any{
			"@id": "https://imagegate.invalid/demo/vex#5", "vulnerability": map[string]any{"name": "CVE-2022-27943"},
			"timestamp": at(20), "products": []any{
				map[string]any{"@id": "pkg:docker/" + Repository, "subcomponents": gcc},
				map[string]any{"@id": "pkg:oci/python?repository_url=dhi.io", "subcomponents": gcc},
			},
			"status": "not_affected", "justification": "vulnerable_code_not_present",
			"impact_statement": "The Rust demangler of libiberty is part of the tools, not of the runtime libraries.",
		},
	}
	return map[string]any{
		"@context": testkit.PredicateOpenVEX, "@id": "https://imagegate.invalid/demo/vex",
		"author": "imagegate demo", "role": "Document Creator", "version": 2,
		"timestamp": at(20), "last_updated": at(2), "statements": statements,
	}
}
