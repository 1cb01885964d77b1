package image

import (
	"crypto/sha256"
	"encoding/hex"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Layer is one layer of a pulled image.
type Layer struct {
	// Index counts from 0 at the lowest layer.
	Index int
	// Digest names the blob, DiffID its uncompressed form. Both were verified.
	Digest, DiffID v1.Hash
	MediaType      string
	// Size is that of the blob, Uncompressed that of the archive, in bytes.
	Size, Uncompressed int64
	// Entries is the number of entries in the archive.
	Entries int64
	// Compression is "gzip", "zstd" or "" as found in the blob.
	Compression string
}

// ChainIDs returns the chain ID of each layer: what identifies it together with all
// layers below it. The first is the first diff ID; each other one is the SHA-256 of
// its predecessor, a space and its own diff ID (OCI image-spec, config.md, "Layer
// ChainID").
func ChainIDs(diffIDs []v1.Hash) []v1.Hash {
	out := make([]v1.Hash, len(diffIDs))
	for i, d := range diffIDs {
		if i == 0 {
			out[i] = d
			continue
		}
		sum := sha256.Sum256([]byte(out[i-1].String() + " " + d.String()))
		out[i] = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	}
	return out
}
