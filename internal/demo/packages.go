package demo

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // dpkg's own format
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/testkit"
)

//go:embed testdata
var testdata embed.FS

// debian is one package of the dpkg database.
type debian struct {
	name, version, arch   string
	source, sourceVersion string
	multiArch             bool
	licences              []string
}

// packages reads the embedded database for one architecture, and returns it as it is
// to be installed.
func packages(arch string) (status []byte, list []debian, err error) {
	status, err = testdata.ReadFile("testdata/dpkg-status")
	if err != nil {
		return nil, nil, err
	}
	// Debian's stanzas are those of amd64; the others differ in the architecture alone
	// as far as the demo can tell.
	status = bytes.ReplaceAll(status, []byte("Architecture: amd64\n"), []byte("Architecture: "+arch+"\n"))
	known, err := licences()
	if err != nil {
		return nil, nil, err
	}
	for stanza := range strings.SplitSeq(strings.TrimSpace(string(status)), "\n\n") {
		p, err := parseStanza(stanza)
		if err != nil {
			return nil, nil, err
		}
		p.licences = known[p.name]
		list = append(list, p)
	}
	return status, list, nil
}

// parseStanza reads the fields that matter here. Source is the package's own name and
// version where the field or its version is missing (deb-control, "Source").
func parseStanza(stanza string) (debian, error) {
	var p debian
	for line := range strings.SplitSeq(stanza, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Package":
			p.name = value
		case "Version":
			p.version = value
		case "Architecture":
			p.arch = value
		case "Multi-Arch":
			p.multiArch = value == "same"
		case "Source":
			source, version, _ := strings.Cut(value, " ")
			p.source, p.sourceVersion = source, strings.Trim(version, "()")
		}
	}
	if p.name == "" || p.version == "" || p.arch == "" {
		return p, fmt.Errorf("dpkg stanza without name, version or architecture: %q", stanza)
	}
	if p.source == "" {
		p.source = p.name
	}
	if p.sourceVersion == "" {
		p.sourceVersion = p.version
	}
	return p, nil
}

func licences() (map[string][]string, error) {
	raw, err := testdata.ReadFile("testdata/licences")
	if err != nil {
		return nil, err
	}
	known := map[string][]string{}
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) > 1 {
			known[f[0]] = f[1:]
		}
	}
	return known, nil
}

// purl names a Debian package as DHI does: with os_* qualifiers and no architecture.
func purl(name, version string) string {
	v := strings.ReplaceAll(url.QueryEscape(version), "%3A", ":")
	return "pkg:deb/debian/" + strings.ReplaceAll(name, "+", "%2B") + "@" + v + "?os_distro=bookworm&os_name=debian&os_version=12"
}

// installed are the files of the package database: the status, and for each package
// its copyright file, the list of its files and their checksums.
func installed(status []byte, list []debian) []testkit.File {
	files := []testkit.File{{Path: "var/lib/dpkg/status", Content: status}}
	for _, p := range list {
		var c strings.Builder
		fmt.Fprintf(&c, "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: %s\n", p.source)
		for _, l := range p.licences {
			fmt.Fprintf(&c, "\nFiles: *\nLicense: %s\n", l)
		}
		doc := "usr/share/doc/" + p.name
		sum := md5.Sum([]byte(c.String())) //nolint:gosec // dpkg's own format
		info := "var/lib/dpkg/info/" + p.name
		if p.multiArch {
			info += ":" + p.arch
		}
		files = append(files,
			testkit.File{Path: doc + "/copyright", Content: []byte(c.String())},
			testkit.File{Path: info + ".list", Content: []byte("/.\n/usr\n/usr/share\n/usr/share/doc\n/" + doc + "\n/" + doc + "/copyright\n")},
			testkit.File{Path: info + ".md5sums", Content: []byte(hex.EncodeToString(sum[:]) + "  " + doc + "/copyright\n")},
		)
	}
	return files
}

// rootFiles are the embedded files of the root file system, in order of their paths.
func rootFiles() ([]testkit.File, error) {
	root, err := fs.Sub(testdata, "testdata/rootfs")
	if err != nil {
		return nil, err
	}
	var files []testkit.File
	err = fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, path)
		files = append(files, testkit.File{Path: path, Content: content})
		return err
	})
	slices.SortFunc(files, func(a, b testkit.File) int { return strings.Compare(a.Path, b.Path) })
	return files, err
}
