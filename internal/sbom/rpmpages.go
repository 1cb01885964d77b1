package sbom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Pages of Berkeley DB's hash format (db_page.h of version 5.3), in which rpm kept its
// packages until it had formats of its own.
const (
	bdbMagic    = 0x00061561
	bdbHeader   = 26 // bytes that begin each page
	bdbUnsorted = 2
	bdbOffPage  = 3 // an item that lies on pages of its own
	bdbOverflow = 7
	bdbHash     = 13
	bdbOffSize  = 12 // bytes of such an item
)

// pagesFault says why following the pages of an rpm database would not end, or would lead
// out of a page: the reader that Syft uses does not ask. It is nil for other formats and
// for what that reader refuses by itself.
func pagesFault(r io.ReaderAt, size int64) error {
	head := make([]byte, 36)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	if binary.BigEndian.Uint32(head[12:]) == bdbMagic {
		order = binary.BigEndian
	} else if order.Uint32(head[12:]) != bdbMagic {
		return nil
	}
	page := int64(order.Uint32(head[20:]))
	if page < 512 || page > 64<<10 || page&(page-1) != 0 {
		return nil
	}
	n := min(size/page, int64(order.Uint32(head[32:]))+1)
	kinds, next := make([]byte, n), make([]uint32, n)
	var firsts []uint32
	data := make([]byte, page)
	for i := range n {
		if _, err := r.ReadAt(data, i*page); err != nil {
			return err
		}
		kinds[i], next[i] = data[25], order.Uint32(data[16:])
		switch kinds[i] {
		case bdbOverflow:
			if next[i] == 0 && bdbHeader+int64(order.Uint16(data[22:])) > page {
				return fmt.Errorf("page %d has more content than a page holds", i)
			}
		case bdbHash, bdbUnsorted:
			out, err := offPages(data, order)
			if err != nil {
				return fmt.Errorf("page %d: %w", i, err)
			}
			firsts = append(firsts, out...)
		}
	}
	used := make([]bool, n)
	for _, at := range firsts {
		for ; at != 0; at = next[at] {
			switch {
			case int64(at) >= n:
				return fmt.Errorf("an item goes on at page %d, and there are %d pages", at, n)
			case kinds[at] != bdbOverflow:
				return fmt.Errorf("an item goes on at page %d, which holds none", at)
			case used[at]:
				return fmt.Errorf("two items, or one twice, go on at page %d", at)
			}
			used[at] = true
		}
	}
	return nil
}

// offPages are the first pages of the items that a page of a hash table points to.
func offPages(data []byte, order binary.ByteOrder) (out []uint32, err error) {
	n := int(order.Uint16(data[20:]))
	if bdbHeader+2*n > len(data) {
		return nil, errors.New("it has more items than a page holds")
	}
	for i := 1; i < n; i += 2 { // keys and values take turns
		at := int(order.Uint16(data[bdbHeader+2*i:]))
		switch {
		case at >= len(data):
			return nil, errors.New("an item lies beyond its end")
		case data[at] != bdbOffPage:
			continue
		case at+bdbOffSize > len(data):
			return nil, errors.New("an item ends beyond its end")
		}
		out = append(out, order.Uint32(data[at+4:]))
	}
	return out, nil
}
