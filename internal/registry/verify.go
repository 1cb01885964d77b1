package registry

import (
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// DigestError is content that is not what its digest names.
type DigestError struct {
	// What says what was read, Want is the digest that named it, Got the digest of
	// the bytes or, when the size is wrong already, a text about that.
	What string
	Want v1.Hash
	Got  string
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("%s %s: content does not match its digest: got %s", e.What, e.Want, e.Got)
}

// Mismatch is the error without its circumstances, for readers that know this error
// only by the method. A digest that nobody asked for is left out.
func (e *DigestError) Mismatch() string {
	const text = "content does not match its digest"
	if _, err := v1.NewHash(e.Got); err == nil {
		return text
	}
	return text + ": got " + e.Got
}

// checkDigest hashes raw against want.
func checkDigest(what string, raw []byte, want v1.Hash) error {
	h, err := v1.Hasher(want.Algorithm)
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, want, err)
	}
	h.Write(raw)
	if got := hashOf(want.Algorithm, h); got != want {
		return &DigestError{What: what, Want: want, Got: got.String()}
	}
	return nil
}

func hashOf(algorithm string, h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: algorithm, Hex: fmt.Sprintf("%x", h.Sum(nil))}
}

// verifier checks a stream against a descriptor while it passes: no byte beyond the
// size gets through, and io.EOF only after the digest was right.
type verifier struct {
	r    io.Reader
	d    v1.Descriptor
	h    hash.Hash
	n    int64
	done error
}

func newVerifier(r io.Reader, d v1.Descriptor) (*verifier, error) {
	h, err := v1.Hasher(d.Digest.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", d.Digest, err)
	}
	return &verifier{r: r, d: d, h: h}, nil
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.done != nil {
		return 0, v.done
	}
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	v.n += int64(n)
	switch {
	case v.n > v.d.Size:
		n, err = 0, &DigestError{What: "blob", Want: v.d.Digest, Got: fmt.Sprintf("more than its %d bytes", v.d.Size)}
	case err == io.EOF && v.n < v.d.Size: //nolint:errorlint // a Reader returns io.EOF itself
		err = &DigestError{What: "blob", Want: v.d.Digest, Got: fmt.Sprintf("%d of its %d bytes", v.n, v.d.Size)}
	case err == io.EOF: //nolint:errorlint // as above
		if got := hashOf(v.d.Digest.Algorithm, v.h); got != v.d.Digest {
			err = &DigestError{What: "blob", Want: v.d.Digest, Got: got.String()}
		}
	}
	v.done = err
	return n, err
}

// verified is a stream and what has to be closed with it.
type verified struct {
	*verifier
	io.Closer
}

// readLimited reads r to its end, at most limit bytes.
func readLimited(r io.Reader, limit int64, name, what string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &LimitError{Limit: name, What: "size in bytes of " + what, Max: limit}
	}
	return b, nil
}
