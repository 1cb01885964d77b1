package vuln

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"os"
)

// download writes the archive at u to the file name and returns its checksum.
func (s *store) download(ctx context.Context, u *url.URL, known, name string) (checksum, tag string, fresh bool, err error) {
	out, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", "", false, err
	}
	sum := sha256.New()
	tag, fresh, err = s.client.Get(ctx, u, known, s.opt.MaxArchive, func() (io.Writer, error) {
		sum.Reset() // a second attempt starts again
		if _, err := out.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return io.MultiWriter(out, sum), out.Truncate(0)
	})
	if err = errors.Join(err, out.Close()); err != nil {
		return "", "", false, err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), tag, fresh, nil
}
