package sbom

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
)

// listing is what a database says is installed. An entry of packages without a version
// is met by any.
type listing struct {
	packages map[entry]bool
	// nameless counts entries without a name or a version.
	nameless int
	// data is true when there is anything but white space; entries, when there is one of
	// whatever state.
	data, entries bool
}

type entry struct{ name, version string }

func (l *listing) add(e entry) {
	if e.name == "" || e.version == "" {
		l.nameless++
		return
	}
	if l.packages == nil {
		l.packages = map[entry]bool{}
	}
	l.packages[e] = true
}

// listDpkg reads the stanzas of dpkg's status file (deb822(5), dpkg-query(1)).
func listDpkg(in io.Reader) (out listing, err error) {
	var e entry
	status, open := "", false
	end := func() {
		state := ""
		if words := strings.Fields(status); len(words) > 0 {
			state = words[len(words)-1]
		}
		if open && !slices.Contains([]string{"not-installed", "config-files", "half-installed"}, state) {
			out.add(e)
		}
		out.entries = out.entries || open && e.name != ""
		e, status, open = entry{}, "", false
	}
	err = lines(in, func(line string) {
		if strings.TrimSpace(line) == "" {
			end()
			return
		}
		out.data = true
		if line[0] == ' ' || line[0] == '\t' {
			return
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "package":
			e.name, open = value, true
		case "version":
			e.version, open = value, true
		case "status":
			status, open = value, true
		}
	})
	end()
	return out, err
}

// listApk reads apk's database of installed packages.
func listApk(in io.Reader) (out listing, err error) {
	var e entry
	open := false
	end := func() {
		if open {
			out.entries = true
			out.add(e)
		}
		e, open = entry{}, false
	}
	err = lines(in, func(line string) {
		if line == "" {
			end()
			return
		}
		out.data, open = true, true
		switch {
		case strings.HasPrefix(line, "P:"):
			e.name = line[2:]
		case strings.HasPrefix(line, "V:"):
			e.version = line[2:]
		}
	})
	end()
	return out, err
}

// listManifest reads the manifest of packages that images without rpm's database have: a
// line for each, which begins with the name and a tab.
func listManifest(in io.Reader) (out listing, err error) {
	out.packages = map[entry]bool{}
	err = lines(in, func(line string) {
		if strings.TrimSpace(line) == "" {
			return
		}
		name, _, _ := strings.Cut(line, "\t")
		out.data, out.entries = true, true
		out.packages[entry{name: name}] = true
	})
	return out, err
}

// lines calls f with each line, without its end and cut off where it is longer than any
// that names a package.
func lines(in io.Reader, f func(string)) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, more, err := r.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f(string(line))
		for more && err == nil {
			_, more, err = r.ReadLine()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
}
