package sbom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/sbom"
)

// A database of the operating system's packages that lies where the image's own does is
// read a second time, for the names alone: Syft drops a stanza that it does not
// understand, and gives up a whole file, without an error. Databases elsewhere are
// somebody's data.

// flat is a database in one text file, or in several that each hold some packages.
type flat struct {
	paths []string
	list  func(io.Reader) (listing, error)
}

// flatDatabases are those of dpkg with opkg, apk, and the manifest of images without rpm.
var flatDatabases = []flat{
	{[]string{
		"/var/lib/dpkg/status", "/usr/lib/dpkg/status", "/lib/dpkg/status",
		"/var/lib/dpkg/status.d/*", "/usr/lib/dpkg/status.d/*", "/lib/dpkg/status.d/*",
		"/var/lib/opkg/status", "/usr/lib/opkg/status", "/var/lib/opkg/info/*.control", "/usr/lib/opkg/info/*.control",
	}, listDpkg},
	{[]string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed", "/var/lib/apk/db/installed"}, listApk},
	{[]string{"/var/lib/rpmmanifest/container-manifest-2"}, listManifest},
}

// directories are databases with a directory for each package.
var directories = []struct{ dir, files string }{
	{"/var/lib/pacman/local", "/var/lib/pacman/local/*/*"},
	{"/var/db/pkg", "/var/db/pkg/*/*/*"},
}

// rpmDatabases are the files of rpm, in all of its formats.
func rpmDatabases() (out []string) {
	for _, dir := range []string{"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"} {
		for _, name := range []string{"Packages", "Packages.db", "rpmdb.sqlite"} {
			out = append(out, dir+"/"+name)
		}
	}
	return out
}

// dpkgExtras end the names of files beside the database that describe a package further.
var dpkgExtras = []string{
	".md5sums", ".list", ".conffiles", ".config", ".templates", ".triggers", ".shlibs", ".symbols",
	".preinst", ".postinst", ".prerm", ".postrm",
}

// extra reports whether a file beside those of a database is none of them.
func extra(name string) bool {
	return path.Base(path.Dir(name)) == "status.d" && slices.Contains(dpkgExtras, path.Ext(name))
}

// checker compares the databases of an image with what Syft found in them.
type checker struct {
	files file.Resolver
	bill  *sbom.SBOM
	found map[file.Coordinates]map[entry]bool
	own   map[file.Coordinates]bool // the files of the image's own databases
	wrong []string
}

// check finds the databases at the root of the image that were not read to their end.
// The result names each with the reason, sorted.
func check(ctx context.Context, files file.Resolver, bill *sbom.SBOM, tempDir string) (*checker, error) {
	c := &checker{files: files, bill: bill, found: map[file.Coordinates]map[entry]bool{}, own: map[file.Coordinates]bool{}}
	for p := range bill.Artifacts.Packages.Enumerate() {
		if !OfSystem(string(p.Type)) {
			continue
		}
		for _, at := range p.Locations.CoordinateSet().ToSlice() {
			if c.found[at] == nil {
				c.found[at] = map[entry]bool{}
			}
			c.found[at][entry{p.Name, p.Version}] = true
			c.found[at][entry{name: p.Name}] = true
		}
	}
	for _, step := range []func(context.Context, string) error{c.flat, c.directories, c.rpm} {
		if err := step(ctx, tempDir); err != nil {
			return nil, err
		}
	}
	slices.Sort(c.wrong)
	return c, nil
}

// fail records a database with the reason, which what Syft said of it outranks.
func (c *checker) fail(at file.Coordinates, reason string) {
	if said := c.bill.Artifacts.Unknowns[at]; len(said) > 0 {
		reason = reasons(said)
	}
	c.wrong = append(c.wrong, clip(at.RealPath)+": "+reason)
}

// at lists the files that a path or pattern names, each once and whatever its links.
func (c *checker) at(pattern string) ([]file.Location, error) {
	find := c.files.FilesByPath
	if strings.Contains(pattern, "*") {
		if !c.files.HasPath(pattern[:strings.Index(pattern, "/*")]) {
			return nil, nil
		}
		find = c.files.FilesByGlob
	}
	found, err := find(pattern)
	return slices.DeleteFunc(found, func(l file.Location) bool { return c.own[l.Coordinates] }), err
}

func (c *checker) flat(ctx context.Context, _ string) error {
	for _, db := range flatDatabases {
		for _, pattern := range db.paths {
			found, err := c.at(pattern)
			if err != nil {
				return err
			}
			for _, l := range found {
				if err := ctx.Err(); err != nil {
					return err
				}
				if extra(l.RealPath) {
					continue
				}
				c.own[l.Coordinates] = true
				c.compare(l, db.list)
			}
		}
	}
	return nil
}

func (c *checker) compare(l file.Location, list func(io.Reader) (listing, error)) {
	in, err := c.files.FileContentsByLocation(l)
	if err != nil {
		c.fail(l.Coordinates, err.Error())
		return
	}
	defer in.Close()
	want, err := list(in)
	var missing []string
	for e := range want.packages {
		if !c.found[l.Coordinates][e] {
			missing = append(missing, e.name)
		}
	}
	slices.Sort(missing)
	switch {
	case err != nil:
		c.fail(l.Coordinates, err.Error())
	case !want.data:
	case !want.entries:
		c.fail(l.Coordinates, "it is not empty, and no package is in it")
	case len(missing) > 0:
		c.fail(l.Coordinates, fmt.Sprintf("%d of %d packages could not be read: %s", len(missing), len(want.packages), some(missing)))
	case want.nameless > 0:
		c.fail(l.Coordinates, plural(want.nameless, "package has", "packages have")+" no name or no version")
	case len(want.packages) > 0 && len(c.bill.Artifacts.Unknowns[l.Coordinates]) > 0:
		c.fail(l.Coordinates, "")
	}
}

// directories wants a package from each directory.
func (c *checker) directories(context.Context, string) error {
	for _, db := range directories {
		found, err := c.at(db.files)
		if err != nil {
			return err
		}
		read := map[string]bool{}
		for _, l := range found {
			dir := path.Dir(l.RealPath)
			read[dir] = read[dir] || len(c.found[l.Coordinates]) > 0
		}
		for _, dir := range slices.Sorted(maps.Keys(read)) {
			if read[dir] {
				continue
			}
			why := "no package could be read from it"
			for _, l := range found {
				if said := c.bill.Artifacts.Unknowns[l.Coordinates]; path.Dir(l.RealPath) == dir && len(said) > 0 {
					why = reasons(said)
				}
			}
			c.wrong = append(c.wrong, clip(dir)+": "+why)
		}
		for _, l := range found {
			if dir := path.Dir(l.RealPath); !read[dir] {
				c.own[l.Coordinates] = true // said with its directory
			}
		}
	}
	return nil
}

func (c *checker) rpm(ctx context.Context, tempDir string) error {
	for _, name := range rpmDatabases() {
		found, err := c.at(name)
		if err != nil {
			return err
		}
		for _, l := range found {
			if err := ctx.Err(); err != nil {
				return err
			}
			meta, err := c.files.FileMetadataByLocation(l)
			if err == nil && meta.Size() == 0 {
				c.own[l.Coordinates] = true
				continue
			}
			rows, err := c.rows(ctx, l, tempDir)
			said := slices.DeleteFunc(slices.Clone(c.bill.Artifacts.Unknowns[l.Coordinates]), filesOnly)
			switch {
			case err == nil && rows == 0: // a database that was made and never used
				c.own[l.Coordinates] = true
			case err != nil && !errors.Is(err, errNotSQLite):
				c.own[l.Coordinates] = true
				c.fail(l.Coordinates, err.Error())
			case len(said) > 0 || len(c.found[l.Coordinates]) == 0:
				c.own[l.Coordinates] = true
				c.fail(l.Coordinates, "no package could be read from it")
			}
		}
	}
	return nil
}

// filesOnly reports whether Syft's remark is about the files of a package, and not about
// the package. What follows the beginning may quote the image.
func filesOnly(said string) bool {
	return strings.HasPrefix(said, "rpm-db-cataloger: unable to parse listing of installed files for RPM DB entry: ")
}
