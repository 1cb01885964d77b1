package image

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The compressions of a layer.
const (
	plain   = ""
	gzipped = "gzip"
	zstded  = "zstd"
)

// mediaTypes are the layer media types of OCI (image-spec, layer.md) and Docker (image
// manifest v2 schema 2), and the two spellings that BuildKit has used for zstd in
// Docker manifests, each with the compression that it declares.
func mediaTypes() map[string]string {
	return map[string]string{
		"application/vnd.oci.image.layer.v1.tar":                       plain,
		"application/vnd.oci.image.layer.v1.tar+gzip":                  gzipped,
		"application/vnd.oci.image.layer.v1.tar+zstd":                  zstded,
		"application/vnd.oci.image.layer.nondistributable.v1.tar":      plain,
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": gzipped,
		"application/vnd.docker.image.rootfs.diff.tar":                 plain,
		"application/vnd.docker.image.rootfs.diff.tar.gzip":            gzipped,
		"application/vnd.docker.image.rootfs.diff.tar.zstd":            zstded,
		"application/vnd.docker.image.rootfs.diff.tar+zstd":            zstded,
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":    gzipped,
	}
}

// declared returns the compression that a layer media type stands for.
func declared(mediaType string) (string, error) {
	known := mediaTypes()
	if c, ok := known[mediaType]; ok {
		return c, nil
	}
	if strings.HasSuffix(mediaType, "+encrypted") {
		return "", fmt.Errorf("media type %q: encrypted layers cannot be read", mediaType)
	}
	return "", fmt.Errorf("media type %q is not a file system layer", mediaType)
}

// sniff tells the compression from the first bytes, as container engines do: media
// types are known to lie, and the diff ID settles afterwards whether the result is
// the archive that was meant.
func sniff(r *bufio.Reader) (string, error) {
	head, err := r.Peek(6)
	if err != nil && len(head) == 0 && err != io.EOF {
		return "", err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 0x08}): // RFC 1952, section 2.3.1
		return gzipped, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), // RFC 8878, section 3.1.1
		len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}):
		return zstded, nil
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return "", fmt.Errorf("compressed with xz; only %s are read", readable())
	case bytes.HasPrefix(head, []byte("BZh")):
		return "", fmt.Errorf("compressed with bzip2; only %s are read", readable())
	default:
		return plain, nil
	}
}

func readable() string {
	var out []string
	for _, c := range mediaTypes() {
		if c != plain && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ") + " and plain archives"
}

// maxWindow bounds the memory that a zstd frame can ask for, in bytes. 128 MiB is what
// the zstd tool itself accepts without being told otherwise.
const maxWindow = 128 << 20

// decompress wraps r, whose content has the given compression.
func decompress(r io.Reader, compression string) (io.ReadCloser, error) {
	switch compression {
	case gzipped:
		return gzip.NewReader(r)
	case zstded:
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	default:
		return io.NopCloser(r), nil
	}
}
