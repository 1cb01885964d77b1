package feed

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// packed is an object of a pack. One that is applied to another says how far before it
// that lies; size is the length that it claims, where that is not its own.
type packed struct {
	kind plumbing.ObjectType
	data []byte
	back int
	size int
}

// makePack writes a pack (gitformat-pack), whatever its objects are worth.
func makePack(t testing.TB, objects ...packed) []byte {
	t.Helper()
	out := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(objects)))
	var starts []int
	for _, o := range objects {
		start, size := len(out), max(o.size, len(o.data))
		starts = append(starts, start)
		first := byte(o.kind)<<4 | byte(size&15)
		if size >>= 4; size == 0 {
			out = append(out, first)
		} else {
			out = binary.AppendUvarint(append(out, first|0x80), uint64(size))
		}
		if o.kind == plumbing.OFSDeltaObject {
			n := start - starts[len(starts)-1-o.back]
			back := []byte{byte(n & 0x7f)}
			for n >>= 7; n > 0; n >>= 7 {
				n--
				back = append([]byte{byte(n&0x7f) | 0x80}, back...)
			}
			out = append(out, back...)
		}
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		_, err := w.Write(o.data)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		out = append(out, b.Bytes()...)
	}
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}

// copies is a delta that makes an object of so many copies of another.
func copies(size, times int) []byte {
	out := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(size)), uint64(size*times))
	for range times {
		out = append(out, 0xf0, byte(size), byte(size>>8), byte(size>>16))
	}
	return out
}

func writePack(t *testing.T, data []byte) (pack *os.File, dir string) {
	t.Helper()
	dir = t.TempDir()
	name := filepath.Join(dir, "received")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	pack, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pack.Close() })
	return pack, dir
}

// TestPackIsBounded: a small answer of a server does not become much in memory, and takes
// no longer than the run has.
func TestPackIsBounded(t *testing.T) {
	const large = 15 << 20
	base := packed{kind: plumbing.BlobObject, data: make([]byte, large)}
	small := []packed{{kind: plumbing.BlobObject, data: []byte("advisory ")}, {kind: plumbing.OFSDeltaObject, data: copies(9, 3), back: 1}}
	many := []packed{base}
	for i := range 60 {
		many = append(many, packed{kind: plumbing.OFSDeltaObject, data: copies(large, 3), back: i + 1})
	}
	whole := makePack(t, small...)
	counts := bytes.Clone(whole)
	counts[8] |= 0x80
	for _, tt := range []struct {
		name string
		data []byte
		want string // what the error says; "" for none
	}{
		{"a_delta", whole, ""},
		{"a_bit_of_the_count_is_flipped", counts, "2147483650 objects, at most"},
		{"more_objects_than_there_are", append([]byte("PACK\x00\x00\x00\x02\x00\x10\x00\x00"), counts[12:]...), "zlib"},
		{"object_too_large", makePack(t, packed{kind: plumbing.BlobObject, size: maxObject + 1}), "an object of 67108865 bytes"},
		{"object_of_less_than_it_says", makePack(t, packed{kind: plumbing.BlobObject, data: []byte("x"), size: maxObject}), "has 1"},
		{"object_of_more_than_it_says", bytes.Replace(makePack(t, small[0]), []byte{0x39}, []byte{0x38}, 1), "exceeds declared size"},
		{"delta_that_makes_too_much", makePack(t, base, packed{kind: plumbing.OFSDeltaObject, data: copies(large, 30), back: 1}), "an object of 471859200 bytes"},
		{"deltas_that_make_too_much", makePack(t, many...), "more of all"},
		{"delta_without_a_length", makePack(t, small[0], packed{kind: plumbing.OFSDeltaObject, data: []byte{9, 0x80}, back: 1}), "does not say what it makes"},
		{"delta_of_an_endless_length", makePack(t, small[0], packed{kind: plumbing.OFSDeltaObject, data: bytes.Repeat([]byte{0xff}, 99), back: 1}), "does not say what it makes"},
		{"cut", whole[:30], "EOF"},
		{"cut_before_its_checksum", whole[:len(whole)-sha1.Size], "no checksum"},
		{"empty", nil, "empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pack, dir := writePack(t, tt.data)
			_, err := indexPack(t.Context(), pack, dir)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pack, dir := writePack(t, whole)
	if _, err := indexPack(ctx, pack, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the run: err = %v", err)
	}
}

// FuzzPack holds that a pack is read to its end or refused, and that its index is named
// by the checksum at its end.
func FuzzPack(f *testing.F) {
	blob := packed{kind: plumbing.BlobObject, data: []byte("advisory ")}
	good := makePack(f, blob, packed{kind: plumbing.OFSDeltaObject, data: copies(9, 3), back: 1}, packed{kind: plumbing.TreeObject})
	f.Add(good)
	f.Add(makePack(f))
	f.Add(good[:len(good)-20])
	f.Add([]byte("0000"))
	for i := range 12 {
		flipped := bytes.Clone(good)
		flipped[i] ^= 0x80
		f.Add(flipped)
	}
	f.Add(makePack(f, blob, packed{kind: plumbing.OFSDeltaObject, data: copies(9, 1<<20), back: 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		pack, dir := writePack(t, data)
		name, err := indexPack(t.Context(), pack, dir)
		if sum, bad := hex.DecodeString(name); err == nil && (bad != nil || len(sum) != sha1.Size || !bytes.Contains(data, sum)) {
			t.Errorf("%q is not the checksum of the pack", name)
		}
	})
}
