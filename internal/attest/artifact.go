package attest

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // the hashes of artifacts
	_ "crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
)

// Artifact is what a bundle is said to sign: a file, or only its digest.
type Artifact struct {
	// Name is for messages.
	Name string
	// Open opens the file; nil when only the digest is known. It may be called twice.
	Open func() (io.ReadCloser, error)
	// Digest is "sha256:…", "sha384:…" or "sha512:…"; used when Open is nil.
	Digest string
}

// among reports an artifact that is no subject of the statement.
func (a Artifact) among(s *statement) error {
	named := func(sub subject) map[crypto.Hash]string {
		return map[crypto.Hash]string{crypto.SHA256: sub.sha256, crypto.SHA384: sub.sha384, crypto.SHA512: sub.sha512}
	}
	var algos []crypto.Hash
	for _, sub := range s.subjects {
		for algo, text := range named(sub) {
			if text != "" && !slices.Contains(algos, algo) {
				algos = append(algos, algo)
			}
		}
	}
	sums, err := a.sums(algos...)
	if err != nil {
		return err
	}
	for _, sub := range s.subjects {
		for algo, text := range named(sub) {
			if sum := sums[algo]; sum != nil && text == hex.EncodeToString(sum) {
				return nil
			}
		}
	}
	return brokenf("the artifact is none of the statement's %d subjects", len(s.subjects))
}

// signed completes a message signature with the artifact.
func (a Artifact) signed(b *bundled, lim limits) (*entity, error) {
	sums, err := a.sums(b.claimedAlgo)
	if err != nil {
		return nil, err
	}
	sum := sums[b.claimedAlgo]
	if sum == nil {
		return nil, brokenf("the bundle signs a %s digest, but the artifact is known only by %s", algorithmName(b.claimedAlgo), clip(a.Digest))
	}
	e, err := b.ofMessage(sum, nil)
	if err != nil || a.Open == nil {
		return e, err
	}
	// Plain Ed25519 wants the bytes. They are read again only when they fit.
	text, err := a.read(lim.statement)
	if err == nil && text != nil {
		h := b.claimedAlgo.New()
		h.Write(text)
		if !bytes.Equal(h.Sum(nil), sum) {
			return nil, brokenf("%s changed while it was read", a.Name)
		}
		e.payload = text
	}
	return e, err
}

// sums hashes the artifact with the hashes that are asked for. A digest is what it is.
func (a Artifact) sums(algos ...crypto.Hash) (map[crypto.Hash][]byte, error) {
	if a.Open == nil {
		algo, text, _ := strings.Cut(a.Digest, ":")
		for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			if hashName(h) == algo && isHex(text, 2*h.Size()) {
				sum, err := hex.DecodeString(text)
				return map[crypto.Hash][]byte{h: sum}, err
			}
		}
		return nil, fault.Usagef("read digest", "write sha256: and 64 hex digits in lower case", "%q is no digest", clip(a.Digest))
	}
	f, err := a.Open()
	if err != nil {
		return nil, fault.New(fault.Usage, "read "+a.Name, "", err)
	}
	defer f.Close() //nolint:errcheck // only read
	hashes := map[crypto.Hash]hash.Hash{}
	var all []io.Writer
	for _, h := range algos {
		hashes[h] = h.New()
		all = append(all, hashes[h])
	}
	if _, err := io.Copy(io.MultiWriter(all...), f); err != nil {
		return nil, fault.New(fault.Usage, "read "+a.Name, "", err)
	}
	sums := map[crypto.Hash][]byte{}
	for h, w := range hashes {
		sums[h] = w.Sum(nil)
	}
	return sums, nil
}

// hashName is a hash in the words of digests and of log entries: sha256.
func hashName(h crypto.Hash) string { return strings.ToLower(strings.ReplaceAll(h.String(), "-", "")) }

// read returns the bytes of an artifact of at most limit bytes, nil for a larger one.
func (a Artifact) read(limit int64) ([]byte, error) {
	f, err := a.Open()
	if err != nil {
		return nil, fault.New(fault.Usage, "read "+a.Name, "", err)
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fault.New(fault.Usage, "read "+a.Name, "", err)
	}
	if int64(len(text)) > limit {
		return nil, nil
	}
	return text, nil
}
