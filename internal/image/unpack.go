package image

import (
	"fmt"
	"hash"
	"io"
	"os"
)

// chunk is the unit, in bytes, in which a layer passes from decompression to hashing
// and disk; chunks is how many are under way. 1 MiB of memory for each download.
const (
	chunk  = 256 << 10
	chunks = 4
)

// unpacked reads a layer's archive. Decompression runs in a goroutine of its own, so
// that it and the hashing of what it made use two cores; every byte is hashed, counted
// and written to disk when it is taken over, before the reader's user sees it.
type unpacked struct {
	out   *sink
	full  chan []byte
	free  chan []byte
	quit  chan struct{}
	ended chan struct{}

	inErr       error  // of decompression; readable once full is closed
	compression string // readable once ended is closed

	cur []byte // rest of the chunk being read
	buf []byte // that chunk
	err error  // sticky; nil at a clean end
	eof bool
	// fromInput is true when err came out of decompression or download, and not from
	// out.
	fromInput bool
}

func unpack(in *meter, out *sink) *unpacked {
	u := &unpacked{
		out:  out,
		full: make(chan []byte, chunks), free: make(chan []byte, chunks),
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
	for range chunks {
		u.free <- nil // allocated when first used: small layers stay small
	}
	go u.run(in)
	return u
}

// run decompresses until the end of in. It reads in to its end even where the
// compressed form ends earlier: only there does the stream vouch for its digest, and
// what is left over is content that no reader of the archive would see.
func (u *unpacked) run(in *meter) {
	defer close(u.ended)
	defer close(u.full)
	dec, rest, compression, err := open(in)
	u.compression = compression
	if err != nil {
		u.inErr = err
		return
	}
	defer dec.Close()
	for {
		var b []byte
		select {
		case b = <-u.free:
		case <-u.quit:
			return
		}
		if b == nil {
			b = make([]byte, chunk)
		}
		n, err := fill(dec, b[:chunk])
		if n > 0 {
			u.full <- b[:n] // never blocks: there are no more chunks than places
		}
		if err == nil {
			continue
		}
		dec.Close() // zstd reads ahead in goroutines of its own: end them before the rest is read
		var more int64
		end := in.err
		if end == nil {
			more, end = io.Copy(io.Discard, rest)
		}
		if end != nil {
			err = end // the stream is not what it claims to be, which explains the rest
		}
		switch {
		case err != io.EOF:
			u.inErr = err
		case more > 0:
			u.inErr = fmt.Errorf("%d bytes follow the end of the %s data", more, compression)
		}
		return
	}
}

// fill reads until b is full or r ends. Unlike io.ReadFull it hands on the error of r
// as it is: a truncated stream must not look like a short last chunk.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// Read implements io.Reader. io.EOF means that the archive is complete, and that the
// stream it came from was read to its end without an error.
func (u *unpacked) Read(p []byte) (int, error) {
	for len(u.cur) == 0 {
		switch {
		case u.err != nil:
			return 0, u.err
		case u.eof:
			return 0, io.EOF
		}
		u.next()
	}
	n := copy(p, u.cur)
	u.cur = u.cur[n:]
	return n, nil
}

// next takes over one chunk.
func (u *unpacked) next() {
	if u.buf != nil {
		u.free <- u.buf
		u.buf = nil
	}
	b, ok := <-u.full
	if !ok {
		u.err, u.eof = u.inErr, true
		u.fromInput = u.inErr != nil
		return
	}
	u.buf = b
	if u.err = u.out.take(b); u.err == nil {
		u.cur = b
	}
}

// stop ends the decompression and waits for it. The caller cancels the download first,
// unless it ended by itself.
func (u *unpacked) stop() (compression string) {
	close(u.quit)
	<-u.ended
	return u.compression
}

// sink is where the archive of one layer goes.
type sink struct {
	budget *budget
	file   *os.File
	hash   hash.Hash
	in     *meter
	n      int64
}

// take counts b against the limits before anything is done with it.
func (s *sink) take(b []byte) error {
	s.n += int64(len(b))
	opt := s.budget.opt
	if s.n > opt.MaxLayer {
		return limit("MaxLayer", "the layer uncompressed", opt.MaxLayer, "bytes")
	}
	if read := s.in.done.Load(); s.n > ratioFloor && s.n/opt.MaxRatio > read {
		return limit("MaxRatio", "the layer uncompressed", opt.MaxRatio, "times its compressed size")
	}
	if err := s.budget.grow(int64(len(b))); err != nil {
		return err
	}
	s.hash.Write(b)
	_, err := s.file.Write(b)
	return err
}
