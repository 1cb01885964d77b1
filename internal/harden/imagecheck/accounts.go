package imagecheck

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
)

// maxAccounts bounds /etc/passwd and /etc/group, in bytes.
const maxAccounts = 1 << 20

// account is one line of /etc/passwd (passwd(5)).
type account struct {
	name, password, shell string
	uid, gid              int
}

// group is one line of /etc/group (group(5)).
type group struct {
	name string
	gid  int
}

// parsePasswd reads the lines that are well formed and counts the others. Ids that are
// no number from 0 to 2^32-1 make a line malformed.
func parsePasswd(data []byte) (out []account, malformed int) {
	for _, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, ":")
		if len(f) != 7 {
			malformed++
			continue
		}
		uid, ok1 := id(f[2])
		gid, ok2 := id(f[3])
		if !ok1 || !ok2 || f[0] == "" {
			malformed++
			continue
		}
		out = append(out, account{name: f[0], password: f[1], uid: uid, gid: gid, shell: f[6]})
	}
	return out, malformed
}

func parseGroup(data []byte) (out []group, malformed int) {
	for _, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, ":")
		if len(f) != 4 || f[0] == "" {
			malformed++
			continue
		}
		gid, ok := id(f[2])
		if !ok {
			malformed++
			continue
		}
		out = append(out, group{name: f[0], gid: gid})
	}
	return out, malformed
}

func id(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err == nil
}

func (f *facts) readAccounts(fsys fs.FS) {
	if data, err := peek(fsys, "etc/passwd", maxAccounts); err == nil {
		f.passwd = true
		var bad int
		f.accounts, bad = parsePasswd(data)
		if bad > 0 {
			f.badPasswd = strconv.Itoa(bad) + " lines of /etc/passwd are malformed"
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		f.badPasswd = check.Cut(err.Error())
	}
	if data, err := peek(fsys, "etc/group", maxAccounts); err == nil {
		f.group = true
		f.groups, _ = parseGroup(data)
	}
	for _, a := range f.accounts {
		if a.password == "" {
			f.emptyPasswords = append(f.emptyPasswords, a.name)
		}
	}
	if data, err := peek(fsys, "etc/shadow", maxAccounts); err == nil {
		f.shadow = true
		for _, line := range strings.Split(string(data), "\n") {
			if name, rest, ok := strings.Cut(line, ":"); ok && name != "" && strings.HasPrefix(rest, ":") {
				f.emptyPasswords = append(f.emptyPasswords, name)
			}
		}
	}
}

// runUser is the user that config.User names, as a runtime would find it.
type runUser struct {
	uid, gid int
	name     string
	// numeric is true when the configuration has a number, listed when /etc/passwd
	// has the account, unknown when a name was not found there.
	numeric, listed, unknown bool
}

// resolve follows the OCI image-spec (config.md, "User"): user, uid, user:group and
// their mixtures; empty is root.
func (f *facts) resolve(spec string) runUser {
	name, grp, hasGroup := strings.Cut(spec, ":")
	if name == "" {
		name = "0"
	}
	u := runUser{name: name}
	if n, ok := id(name); ok {
		u.uid, u.numeric = n, true
		for _, a := range f.accounts {
			if a.uid == n {
				u.listed, u.gid, u.name = true, a.gid, a.name
				break
			}
		}
	} else {
		u.unknown = true
		for _, a := range f.accounts {
			if a.name == name {
				u.unknown, u.listed, u.uid, u.gid = false, true, a.uid, a.gid
				break
			}
		}
		if name == "root" {
			u.unknown = false
		}
	}
	if hasGroup {
		if n, ok := id(grp); ok {
			u.gid = n
		}
		for _, g := range f.groups {
			if g.name == grp {
				u.gid = g.gid
			}
		}
	}
	return u
}
