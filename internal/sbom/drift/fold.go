package drift

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/package-url/packageurl-go"
)

// fold brings a package URL, whose escapes are decoded already, to one spelling. The
// rules are those of the PURL specification ("Known types"), and the few by which tools
// are known to disagree.
func fold(p packageurl.PackageURL) key {
	k := key{typ: strings.ToLower(p.Type), namespace: p.Namespace, name: p.Name}
	switch k.typ {
	case "alpine":
		k.typ = "apk"
	case "debian":
		k.typ = "deb"
	}
	switch k.typ {
	case "pypi": // PEP 503, "Normalized Names"
		k.namespace, k.name = "", runs.ReplaceAllString(strings.ToLower(k.name), "-")
	case "golang":
		// A package within a module is a subpath to Syft and part of the path to others.
		path := strings.ToLower(strings.Trim(k.namespace+"/"+k.name+"/"+p.Subpath, "/"))
		k.namespace, k.name = "", path
	case "npm":
		k.namespace, k.name = strings.ToLower(k.namespace), strings.ToLower(k.name)
		if k.namespace != "" && !strings.HasPrefix(k.namespace, "@") {
			k.namespace = "@" + k.namespace
		}
	case "deb":
		name, _, _ := strings.Cut(strings.ToLower(k.name), ":") // dpkg's libc6:amd64
		k.namespace, k.name = strings.ToLower(k.namespace), name
	case "apk", "rpm", "alpm", "dhi", "generic", "composer", "nuget", "hex", "pub":
		k.namespace, k.name = strings.ToLower(k.namespace), strings.ToLower(k.name)
	}
	return k
}

var runs = regexp.MustCompile(`[-_.]+`)

// name is how a package is shown: distributions' by the name alone, others with the
// namespace, as their tools write it.
func name(p packageurl.PackageURL, typ string) string {
	if p.Namespace == "" || system(typ) {
		return p.Name
	}
	if typ == "golang" && p.Subpath != "" {
		return p.Namespace + "/" + p.Name + "/" + p.Subpath
	}
	return p.Namespace + "/" + p.Name
}

func qualifier(p packageurl.PackageURL, key string) string {
	for _, q := range p.Qualifiers {
		if strings.EqualFold(q.Key, key) {
			return q.Value
		}
	}
	return ""
}

// version is a version in one spelling. An unknown one is the zero value.
type version struct {
	// epoch is "" for none and for 0, which are the same to dpkg and rpm.
	epoch string
	text  string
}

func (v version) compare(o version) int {
	return cmp.Or(cmp.Compare(v.text, o.text), cmp.Compare(v.epoch, o.epoch))
}

func (v version) known() bool { return v.text != "" }

// stated is a version as a bill has it, without the words that stand for none (SPDX
// 2.3, clause 7.3; the SPDX license-list words; Syft).
func stated(v string) string {
	switch strings.ToUpper(v) {
	case "NOASSERTION", "NONE", "UNKNOWN":
		return ""
	}
	return v
}

// foldVersion spells a version. text is from the package URL where it has one, other
// from the bill: the epoch may be in either, or in a qualifier.
func foldVersion(k key, text, other, epoch string) version {
	v := version{text: strings.ReplaceAll(text, " ", "+")} // a "+" that was decoded as in a form
	switch k.typ {
	case "deb", "rpm", "alpm":
		v.epoch, v.text = splitEpoch(v.text)
		if v.epoch == "" {
			v.epoch = epoch
		}
		if e, rest := splitEpoch(other); v.epoch == "" && rest == v.text {
			v.epoch = e
		}
		if v.epoch = strings.TrimLeft(v.epoch, "0"); v.text == "" {
			v.epoch = ""
		}
	case "golang":
		v.text = goVersion(v.text)
	case "pypi":
		v.text = strings.ToLower(v.text) // PEP 440, "Case sensitivity"
	}
	return v
}

func splitEpoch(v string) (epoch, rest string) {
	e, rest, ok := strings.Cut(v, ":")
	if !ok || e == "" || strings.Trim(e, "0123456789") != "" {
		return "", v
	}
	return e, rest
}

// goVersion drops the "v" of modules and the "go" of the standard library.
func goVersion(v string) string {
	for _, prefix := range []string{"go", "v"} {
		if rest, ok := strings.CutPrefix(v, prefix); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return rest
		}
	}
	return v
}
