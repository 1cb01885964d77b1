package sbom_test

import (
	"encoding/binary"
	"strings"
	"testing"
)

// berkeley is a database of rpm in its oldest format: a page about the others, a page of
// the hash table with one package, and the pages on which its header lies.
func berkeley(order binary.ByteOrder, edit func(pages [][]byte)) string {
	const size = 512
	header := rpmHeader("zlib")
	pages := [][]byte{make([]byte, size), make([]byte, size), make([]byte, size)}
	put := func(page, at int, n uint32) { order.PutUint32(pages[page][at:], n) }
	put(0, 12, 0x61561)
	put(0, 20, size)
	pages[0][25] = 8
	put(0, 32, 2)
	pages[1][25] = 13
	order.PutUint16(pages[1][20:], 2)   // a key and a value
	order.PutUint16(pages[1][26:], 100) // where the key is
	order.PutUint16(pages[1][28:], 200) // and the value
	pages[1][200] = 3
	put(1, 204, 2)
	put(1, 208, uint32(len(header)))
	pages[2][25] = 7
	order.PutUint16(pages[2][22:], uint16(len(header)))
	copy(pages[2][26:], header)
	if edit != nil {
		edit(pages)
	}
	var b strings.Builder
	for _, p := range pages {
		b.Write(p)
	}
	return b.String()
}

// A page that leads to itself must not keep the gate busy, and one that leads out of the
// file must not end it.
func TestPagesOfRPM(t *testing.T) {
	const path = "var/lib/rpm/Packages"
	le := binary.LittleEndian
	for _, tt := range []struct {
		name string
		file string
		want string // the end of the reason, "" when the package is found
	}{
		{"good", berkeley(le, nil), ""},
		{"good_big_endian", berkeley(binary.BigEndian, nil), ""},
		{"leads_to_itself", berkeley(le, func(p [][]byte) { p[2][16] = 2 }), "two items, or one twice, go on at page 2"},
		{"leads_to_no_content", berkeley(le, func(p [][]byte) { p[2][25] = 0 }), "an item goes on at page 2, which holds none"},
		{"leads_out_of_the_file", berkeley(le, func(p [][]byte) { le.PutUint32(p[1][204:], 1<<31) }), "an item goes on at page 2147483648, and there are 3 pages"},
		{"items_beyond_the_page", berkeley(le, func(p [][]byte) { le.PutUint16(p[1][28:], 65535) }), "page 1: an item lies beyond its end"},
		{"item_past_the_page", berkeley(le, func(p [][]byte) { le.PutUint16(p[1][28:], 510); p[1][510] = 3 }), "page 1: an item ends beyond its end"},
		{"too_many_items", berkeley(le, func(p [][]byte) { le.PutUint16(p[1][20:], 40000) }), "page 1: it has more items than a page holds"},
		{"more_content_than_a_page", berkeley(le, func(p [][]byte) { le.PutUint16(p[2][22:], 60000) }), "page 2 has more content than a page holds"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := extract(t, build(t, map[string]string{"etc/os-release": "ID=centos\nVERSION_ID=7\n", path: tt.file}))
			got := s.Incomplete()
			switch {
			case tt.want == "" && (len(got) != 0 || s.Packages() != 1):
				t.Errorf("%d packages, incomplete %q, want the one", s.Packages(), got)
			case tt.want != "" && (len(got) != 1 || !strings.HasSuffix(got[0], tt.want)):
				t.Errorf("Incomplete() = %q, want %q", got, tt.want)
			}
		})
	}
}
