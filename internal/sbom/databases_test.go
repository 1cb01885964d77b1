package sbom_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

// rpmHeader is the header of one package, in the oldest form, which has no region.
func rpmHeader(name string) []byte {
	const stringType = 6
	var index, data bytes.Buffer
	for _, f := range []struct {
		tag   int32
		value string
	}{{1000, name}, {1001, "1.0"}, {1002, "1.el9"}, {1022, "x86_64"}} {
		for _, n := range []int32{f.tag, stringType, int32(data.Len()), 1} {
			_ = binary.Write(&index, binary.BigEndian, n)
		}
		data.WriteString(f.value + "\x00")
	}
	out := binary.BigEndian.AppendUint32(nil, 4)
	out = binary.BigEndian.AppendUint32(out, uint32(data.Len()))
	return append(append(out, index.Bytes()...), data.Bytes()...)
}

// rpmdb is a database of rpm with n packages.
func rpmdb(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rpmdb.sqlite")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := db.Exec("INSERT INTO Packages (blob) VALUES (?)", rpmHeader(fmt.Sprintf("package%03d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func stanza(fields ...string) string { return strings.Join(fields, "\n") + "\n\n" }

// A package database at the root of the image that is not read to its end makes the list
// incomplete, beside whatever else was found; one that is read, or is none, does not.
func TestDatabases(t *testing.T) {
	const (
		status, installed = "var/lib/dpkg/status", "lib/apk/db/installed"
		rpm               = "var/lib/rpm/rpmdb.sqlite"
		zlib              = "var/lib/pacman/local/zlib-1.2.11-1/"
		desc              = "%NAME%\nzlib\n\n%VERSION%\n1.2.11-1\n\n%ARCH%\nx86_64\n\n"
	)
	good := stanza("Package: tar", "Status: install ok installed", "Version: 1.34")
	rows := rpmdb(t, 200)
	damaged := []byte(rows)
	clear(damaged[len(damaged)/2 : len(damaged)/2+4096])
	tab := strings.Repeat("1\t", 8)
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // the beginning of the reason; "" when the list is complete
	}{
		{"dpkg", map[string]string{status: dpkgStatus}, ""},
		{"dpkg_status_d", map[string]string{
			"var/lib/dpkg/status.d/tar": "Package: tar\nVersion: 1.34\n", "var/lib/dpkg/status.d/tar.md5sums": "0123456789abcdef  bin/tar\n",
			"var/lib/dpkg/status.d/python3.11": "Package: python3.11\nVersion: 3.11.2\nArchitecture: amd64\n",
		}, ""},
		{"dpkg_empty", map[string]string{status: ""}, ""},
		{"dpkg_blank", map[string]string{status: "\n\n"}, ""},
		{"dpkg_all_removed", map[string]string{status: stanza("Package: tar", "Status: deinstall ok config-files", "Version: 1.34")}, ""},
		{"dpkg_one_removed", map[string]string{status: good + stanza("Package: vim", "Status: deinstall ok config-files", "Version: 9")}, ""},
		{"dpkg_blank_continuation", map[string]string{status: stanza("Package: tar", "Status: install ok installed", "Version: 1.34", "Description: x", " a", " .", " ", " b")}, ""},
		{"dpkg_number_that_is_none", map[string]string{status: stanza("Package: tar", "Status: install ok installed", "Installed-Size: many", "Version: 1.34")}, ""},
		{"dpkg_begins_with_a_space", map[string]string{status: " Package: x\n" + good}, "/var/lib/dpkg/status: dpkg-db-cataloger: unable to catalog dpkg DB"},
		{"dpkg_field_twice", map[string]string{status: good + stanza("Package: zzz", "Status: install ok installed", "Source: a", "Source: a", "Version: 1")}, "/var/lib/dpkg/status: dpkg-db-cataloger: unable to catalog dpkg DB"},
		{"dpkg_no_colon", map[string]string{status: "Package zlib\nVersion 1\n"}, "/var/lib/dpkg/status: dpkg-db-cataloger: unable to determine packages"},
		{"dpkg_zeros", map[string]string{status: strings.Repeat("\x00", 4096)}, "/var/lib/dpkg/status: dpkg-db-cataloger: unable to determine packages"},
		{"dpkg_stanza_without_a_name", map[string]string{status: good + stanza("Status: install ok installed", "Version: 2", "Architecture: all")}, "/var/lib/dpkg/status: 1 package has no name or no version"},
		{"dpkg_stanza_without_a_version", map[string]string{status: good + stanza("Package: vim", "Status: install ok installed")}, "/var/lib/dpkg/status: 1 package has no name or no version"},
		{"dpkg_name_in_lower_case", map[string]string{status: good + stanza("package: vim", "Status: install ok installed", "Version: 9")}, ""},
		{"dpkg_installed_and_to_be_removed", map[string]string{status: good + stanza("Package: vim", "Status: deinstall ok installed", "Version: 9")}, "/var/lib/dpkg/status: 1 of 2 packages could not be read: vim"},
		{"dpkg_last_line_has_no_end", map[string]string{status: good + "Package: vim\nStatus: install ok installed\nVersion: 9"}, "/var/lib/dpkg/status: 1 of 2 packages could not be read: vim"},
		{"dpkg_usr_merged", map[string]string{"usr/lib/dpkg/status": " Package: x\n" + good}, "/usr/lib/dpkg/status: dpkg-db-cataloger: unable to catalog"},
		{"dpkg_status_d_broken", map[string]string{"var/lib/dpkg/status.d/tar": "Package: tar\nVersion: 1.34\n", "var/lib/dpkg/status.d/vim": "\x00\x01"}, "/var/lib/dpkg/status.d/vim: dpkg-db-cataloger: unable to determine packages"},

		{"apk", map[string]string{installed: apkInstalled}, ""},
		{"apk_empty", map[string]string{installed: ""}, ""},
		{"apk_line_that_is_no_field", map[string]string{installed: "P:musl\nV:1\n" + strings.Repeat("x", 2<<20) + "\n\n"}, "/lib/apk/db/installed: apk-db-cataloger: unable to parse field data"},
		{"apk_line_past_the_limit", map[string]string{installed: apkInstalled + "P:x\nV:1\nT:" + strings.Repeat("x", 11<<20) + "\n\n"}, "/lib/apk/db/installed: apk-db-cataloger: failed to parse APK installed DB file: bufio.Scanner: token too long"},
		{"apk_zeros", map[string]string{installed: strings.Repeat("\x00", 4096)}, "/lib/apk/db/installed: apk-db-cataloger: unable to parse field data"},
		{"apk_entry_without_a_name", map[string]string{installed: apkInstalled + "V:1\nA:x86_64\n\n"}, "/lib/apk/db/installed: 1 package has no name or no version"},
		{"apk_usr_merged", map[string]string{"usr/lib/apk/db/installed": "V:1\n\n"}, "/usr/lib/apk/db/installed: 1 package has no name"},

		{"rpm", map[string]string{rpm: rows}, ""},
		{"rpm_never_used", map[string]string{rpm: rpmdb(t, 0)}, ""},
		{"rpm_no_bytes", map[string]string{rpm: ""}, ""},
		{"rpm_zeros", map[string]string{rpm: strings.Repeat("\x00", 4096)}, "/var/lib/rpm/rpmdb.sqlite: rpm-db-cataloger: "},
		{"rpm_header_only", map[string]string{rpm: "SQLite format 3\x00" + strings.Repeat("x", 5000)}, "/var/lib/rpm/rpmdb.sqlite: "},
		{"rpm_cut_off", map[string]string{rpm: rows[:len(rows)/2]}, "/var/lib/rpm/rpmdb.sqlite: "},
		{"rpm_damaged_in_the_middle", map[string]string{rpm: string(damaged)}, "/var/lib/rpm/rpmdb.sqlite: "},
		{"rpm_elsewhere", map[string]string{"usr/lib/sysimage/rpm/Packages.db": strings.Repeat("x", 5000), "usr/share/rpm/Packages": "x"}, "/usr/lib/sysimage/rpm/Packages.db: rpm-db-cataloger: "},
		{"rpm_manifest", map[string]string{"var/lib/rpmmanifest/container-manifest-2": "zlib\t1.2-1.cm2\t" + tab + "\n"}, ""},
		{"rpm_manifest_cut_off", map[string]string{"var/lib/rpmmanifest/container-manifest-2": "zlib\t1.2-1.cm2\t" + tab + "\nopenssl\t3"}, "/var/lib/rpmmanifest/container-manifest-2: 1 of 2 packages could not be read: openssl"},

		{"pacman", map[string]string{zlib + "desc": desc, zlib + "files": "%FILES%\nusr/\n", "var/lib/pacman/local/ALPM_DB_VERSION": "9\n"}, ""},
		{"pacman_without_desc", map[string]string{zlib + "desc": desc, "var/lib/pacman/local/bash-5-1/files": "%FILES%\nusr/\n"}, "/var/lib/pacman/local/bash-5-1: no package could be read from it"},
		{"pacman_desc_of_zeros", map[string]string{zlib + "desc": strings.Repeat("\x00", 100)}, "/var/lib/pacman/local/zlib-1.2.11-1: no package could be read from it"},
		{"pacman_size_that_is_none", map[string]string{zlib + "desc": desc + "%SIZE%\nmany\n\n"}, "/var/lib/pacman/local/zlib-1.2.11-1: alpm-db-cataloger: failed to parse many to integer"},
		{"portage", map[string]string{"var/db/pkg/sys-libs/zlib-1.2.11/CONTENTS": "", "var/db/pkg/sys-libs/zlib-1.2.11/SIZE": "1\n"}, ""},
		{"portage_without_contents", map[string]string{"var/db/pkg/sys-libs/zlib-1.2.11/SIZE": "1\n"}, "/var/db/pkg/sys-libs/zlib-1.2.11: no package could be read from it"},
		{"portage_name_without_a_version", map[string]string{"var/db/pkg/sys-libs/zlib/CONTENTS": "x"}, "/var/db/pkg/sys-libs/zlib: portage-cataloger: failed to match package and version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"etc/os-release": debian12, "app/node_modules/left-pad/package.json": `{"name":"left-pad","version":"1.3.0"}`}
			maps.Copy(files, tt.files)
			s := extract(t, build(t, files))
			got := s.Incomplete()
			if tt.want == "" && len(got) != 0 || tt.want != "" && (len(got) == 0 || !strings.HasPrefix(got[0], tt.want)) {
				t.Errorf("Incomplete() = %.300q, want %q", got, tt.want)
			}
			for _, o := range s.Observations() {
				if o.Kind != report.Information {
					t.Errorf("observed %+v, want nothing that the list of reasons does not say", o)
				}
			}
			if s.Packages() == 0 {
				t.Error("the package beside the database is gone")
			}
		})
	}
}

// What lies elsewhere is not the image's own, and is told as unread.
func TestNestedDatabases(t *testing.T) {
	s := extract(t, build(t, map[string]string{
		"etc/os-release": debian12, "var/lib/dpkg/status": dpkgStatus,
		"srv/root/var/lib/dpkg/status":               " Package: x\n",
		"srv/root/lib/apk/db/installed":              "P:a\nV:1\nx\n\n",
		"srv/root/var/lib/rpm/rpmdb.sqlite":          strings.Repeat("\x00", 4096),
		"srv/root/var/lib/dpkg/status.d/empty":       "",
		"app/lib/broken.jar":                         "PK\x03\x04" + strings.Repeat("\x00", 500),
		"srv/root/var/lib/pacman/local/x-1-1/desc":   "%NAME%\nx\n\n%VERSION%\n1\n\n%SIZE%\nx\n\n",
		"srv/root/var/db/pkg/sys-libs/zlib/CONTENTS": "x",
	}))
	if got := s.Incomplete(); len(got) != 0 {
		t.Errorf("Incomplete() = %q, want nothing", got)
	}
	told(t, []string{
		"could-not-look /app/lib/broken.jar: java-archive-cataloger: unable to read files from java archive",
		"could-not-look /srv/root/lib/apk/db/installed: apk-db-cataloger: unable to parse field data",
		"could-not-look /srv/root/var/db/pkg/sys-libs/zlib/CONTENTS: portage-cataloger: ",
		"could-not-look /srv/root/var/lib/dpkg/status: dpkg-db-cataloger: ",
		"could-not-look /srv/root/var/lib/pacman/local/x-1-1/desc: alpm-db-cataloger: ",
		"could-not-look /srv/root/var/lib/rpm/rpmdb.sqlite: rpm-db-cataloger: ",
		"information 1 file has nothing more to list: /srv/root/var/lib/dpkg/status.d/empty: ",
	}, s.Observations())
}
