package imagecheck_test

import (
	"encoding/binary"
	"testing"
	"testing/fstest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/harden/imagecheck"
)

// elf makes the start of a program that asks for a loader: a header, one segment of
// type PT_INTERP, and the name.
func elf(class, encoding byte, loader string) []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	if encoding == 2 {
		order = binary.BigEndian
	}
	data := append([]byte{0x7f, 'E', 'L', 'F', class, encoding}, make([]byte, 10)...)
	word := func(n uint64) {
		if class == 1 {
			data = order.AppendUint32(data, uint32(n))
		} else {
			data = order.AppendUint64(data, n)
		}
	}
	header, segment := uint64(64), uint64(56)
	if class == 1 {
		header, segment = 52, 32
	}
	data = order.AppendUint16(data, 2)
	data = order.AppendUint16(data, 62)
	data = order.AppendUint32(data, 1)
	word(0)      // e_entry
	word(header) // e_phoff
	word(0)      // e_shoff
	data = order.AppendUint32(data, 0)
	data = order.AppendUint16(data, uint16(header))
	data = order.AppendUint16(data, uint16(segment))
	data = order.AppendUint16(data, 1)
	data = append(data, make([]byte, int(header)-len(data))...)
	data = order.AppendUint32(data, 3) // PT_INTERP
	if class == 2 {
		data = order.AppendUint32(data, 4)
	}
	word(header + segment)
	word(0)
	word(0)
	word(uint64(len(loader) + 1))
	data = append(data, make([]byte, int(header+segment)-len(data))...)
	return append(append(data, loader...), make([]byte, 32)...)
}

func TestLoaderOfADynamicProgram(t *testing.T) {
	for name, program := range map[string][]byte{
		"64_little": elf(2, 1, "/lib64/ld.so"), "64_big": elf(2, 2, "/lib64/ld.so"),
		"32_little": elf(1, 1, "/lib64/ld.so"),
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"app": {Data: program, Mode: 0o755}}
			in := imagecheck.Input{Reference: "example", FS: files, Config: &v1.ConfigFile{Config: v1.Config{Entrypoint: []string{"/app"}}}}
			for _, want := range []string{"failed@/app", "passed"} {
				out, err := imagecheck.Run(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				if got := of(out, "HIG-I012"); got != want {
					t.Errorf("HIG-I012 says %q, want %q", got, want)
				}
				files["lib64/ld.so"] = &fstest.MapFile{Mode: 0o755}
			}
		})
	}
}

func FuzzStartable(f *testing.F) {
	f.Add(elf(2, 1, "/lib64/ld.so"))
	f.Add([]byte("#! /usr/bin/env -S A=b python3 -u\r\n"))
	f.Fuzz(func(t *testing.T, program []byte) {
		in := imagecheck.Input{Reference: "example", FS: fstest.MapFS{"app": {Data: program, Mode: 0o755}}, Config: &v1.ConfigFile{Config: v1.Config{Entrypoint: []string{"/app"}}}}
		if _, err := imagecheck.Run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	})
}

func TestShellByAnotherName(t *testing.T) {
	program := func(text string) *fstest.MapFile {
		return &fstest.MapFile{Data: append(append([]byte("\x7fELF"), make([]byte, 70_000)...), text...), Mode: 0o755}
	}
	for _, tt := range []struct{ name, text, want string }{
		{"busybox", "BusyBox v1.38.0 multi-call binary", "failed@/opt/tool"},
		{"bash", "@(#)Bash version 5.3", "failed@/opt/tool"},
		{"another_program", "prints a completion for bash", "passed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := imagecheck.Run(t.Context(), imagecheck.Input{Reference: "example", FS: fstest.MapFS{"opt/tool": program(tt.text)}})
			if err != nil {
				t.Fatal(err)
			}
			if got := of(out, "HIG-I003"); got != tt.want {
				t.Errorf("HIG-I003 says %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAppletsOfBusybox: dpkg and telnetd of busybox come with its shell, and are no
// package manager and no server by themselves.
func TestAppletsOfBusybox(t *testing.T) {
	busybox := &fstest.MapFile{Data: append(append([]byte("\x7fELF"), make([]byte, 70_000)...), "BusyBox v1.38.0 multi-call binary"...), Mode: 0o755}
	out, err := imagecheck.Run(t.Context(), imagecheck.Input{Reference: "example", FS: fstest.MapFS{
		"bin/dpkg": busybox, "bin/telnetd": busybox, "bin/sh": busybox, "usr/bin/apt": {Mode: 0o755},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"HIG-I003": "failed@/bin/sh", "HIG-I004": "failed@/usr/bin/apt", "HIG-I010": "passed"} {
		if got := of(out, id); got != want {
			t.Errorf("%s says %q, want %q", id, got, want)
		}
	}
}
