package imagecheck

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
)

// head reads at most limit bytes of the start of a file.
func head(fsys fs.FS, name string, limit int64) []byte {
	f, err := fsys.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil
	}
	return data
}

// unstartable says why a kernel could not start the file although it is executable:
// the interpreter of a script, or the loader of a dynamic program, is not there.
func (p *pass) unstartable(name string) string {
	data := head(p.in.FS, name, maxPeek)
	if loader := elfInterpreter(data); loader != "" && p.absent(loader) {
		return fmt.Sprintf("it is linked dynamically and its loader %s is not in the image", check.Quote(loader))
	}
	for _, program := range scriptInterpreters(data) {
		if p.missing(program) {
			return fmt.Sprintf("it is a script for %s, which is not in the image", check.Quote(program))
		}
	}
	return ""
}

// absent reports whether nothing is at an absolute path.
func (p *pass) absent(name string) bool {
	rel := strings.TrimPrefix(path.Clean("/"+name), "/")
	if rel == "" {
		return true
	}
	_, err := fs.Stat(p.in.FS, rel)
	return err != nil
}

// scriptInterpreters are the programs that the first line of a script names, as
// execve(2) reads it: only blanks separate, so a carriage return is part of a name.
// Behind env(1) it is its first argument that is no option and no assignment.
func scriptInterpreters(data []byte) []string {
	line, _, _ := strings.Cut(string(data[:min(len(data), 256)]), "\n")
	rest, ok := strings.CutPrefix(line, "#!")
	if !ok {
		return nil
	}
	words := strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) == 0 {
		return nil
	}
	out := words[:1]
	if path.Base(words[0]) == "env" {
		for _, w := range words[1:] {
			if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
				return append(out, w)
			}
		}
	}
	return out
}

// elfInterpreter is the loader that a program asks for in its segment PT_INTERP (elf(5));
// "" when it asks for none or data is no such program.
func elfInterpreter(data []byte) string {
	if len(data) < 64 || string(data[:4]) != "\x7fELF" {
		return ""
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[5] == 2 {
		order = binary.BigEndian
	}
	number := func(at uint64, size int) uint64 {
		if at > uint64(len(data)-size) {
			return 0
		}
		switch b := data[at:]; size {
		case 2:
			return uint64(order.Uint16(b))
		case 4:
			return uint64(order.Uint32(b))
		default:
			return order.Uint64(b)
		}
	}
	// Where the fields are: in the header e_phoff, e_phentsize and e_phnum, in a segment
	// p_offset and p_filesz, and the size of the fields that differ in size.
	phoff, phentsize, phnum, offset, filesz, word := uint64(32), uint64(54), uint64(56), uint64(8), uint64(32), 8
	if data[4] == 1 {
		phoff, phentsize, phnum, offset, filesz, word = 28, 42, 44, 4, 16, 4
	}
	start, size, count := number(phoff, word), number(phentsize, 2), number(phnum, 2)
	const interpreter = 3 // PT_INTERP
	for i := range count {
		at := start + i*size
		if at < start || at > uint64(len(data)) || number(at, 4) != interpreter {
			continue
		}
		from, n := number(at+offset, word), number(at+filesz, word)
		if n == 0 || n > 4096 || from > uint64(len(data)) || from+n > uint64(len(data)) {
			return ""
		}
		return strings.TrimRight(string(data[from:from+n]), "\x00")
	}
	return ""
}

// unreachable is the directory on the way to a file that the default user may not
// enter; "" when there is none.
func (p *pass) unreachable(name string) string {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if info, err := fs.Stat(p.in.FS, dir); err == nil && info.IsDir() && !p.mayRun(info) {
			return dir
		}
	}
	return ""
}
