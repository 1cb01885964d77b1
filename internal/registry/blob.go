package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxResumes bounds how often one stream is taken up again in all, however much each
// connection brought.
const maxResumes = 100

// blobStream reads a blob over as many connections as it takes. Bytes that were
// handed out already are never handed out twice: a broken stream is resumed with a
// range, or read again and skipped where the server has no ranges. It does not verify
// the digest; a verifier around it does.
type blobStream struct {
	ctx context.Context //nolint:containedctx // the stream lives as long as its request
	r   *repository
	d   v1.Descriptor
	url *url.URL

	body    io.ReadCloser
	offset  int64
	resumes int
	stuck   int  // resumes in a row without a byte
	whole   bool // the server does not give parts
	short   bool // an answer was shorter than the blob by its own word
}

func (s *blobStream) Read(p []byte) (int, error) {
	for {
		if s.body == nil {
			if err := s.r.retry(s.ctx, s.request); err != nil {
				return 0, err
			}
		}
		n, err := s.body.Read(p)
		s.offset += int64(n)
		if n > 0 {
			s.stuck = 0
		}
		if err == io.EOF && s.offset < s.d.Size { //nolint:errorlint // a Reader returns io.EOF itself
			err = &transportError{
				method: http.MethodGet, url: bareURL(s.url), secrets: s.r.secrets,
				err: fmt.Errorf("blob %s ended after %d of %d bytes: %w", s.d.Digest, s.offset, s.d.Size, io.ErrUnexpectedEOF),
			}
		}
		if err == nil || err == io.EOF { //nolint:errorlint // as above
			return n, err
		}
		if again := s.giveUp(err); again != nil {
			return n, again
		}
		if n > 0 {
			return n, nil
		}
	}
}

// giveUp closes the broken body and returns nil when the stream may be resumed.
func (s *blobStream) giveUp(err error) error {
	_ = s.Close()
	if !retryable(err) || s.ctx.Err() != nil || s.resumes >= maxResumes || s.stuck >= s.r.opt.Retries {
		return fmt.Errorf("blob %s: %w", s.d.Digest, err)
	}
	if stop := s.r.pause(s.ctx, s.stuck, err); stop != nil {
		return fmt.Errorf("blob %s: %w", s.d.Digest, stop)
	}
	s.resumes++
	s.stuck++
	return nil
}

// request asks for the blob from the offset on.
func (s *blobStream) request() error {
	header := http.Header{}
	part := s.offset > 0 && !s.whole
	if part { // with its end, which some registries insist on
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", s.offset, s.d.Size-1))
	}
	resp, err := s.r.get(s.ctx, s.url, header)
	if err != nil {
		return err
	}
	if part && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		drain(resp)
		s.whole = true
		return s.request()
	}
	skip := int64(0)
	switch {
	case resp.StatusCode == http.StatusOK:
		skip = s.offset
		if resp.ContentLength >= 0 && resp.ContentLength != s.d.Size {
			err = &DigestError{What: "blob", Want: s.d.Digest, Got: fmt.Sprintf("an answer of %d bytes for its %d", resp.ContentLength, s.d.Size)}
		}
		if short := resp.ContentLength >= 0 && resp.ContentLength < s.d.Size; short && !s.short {
			s.short = true // it may have been cut on its way to whoever answers: once more
			err = &transportError{method: http.MethodGet, url: bareURL(s.url), err: err, secrets: s.r.secrets}
		}
	case resp.StatusCode == http.StatusPartialContent && s.offset > 0:
		if start := fmt.Sprintf("bytes %d-", s.offset); !strings.HasPrefix(resp.Header.Get("Content-Range"), start) {
			err = fmt.Errorf("blob %s: asked for the bytes from %d, got the range %q", s.d.Digest, s.offset, plain(resp.Header.Get("Content-Range"), 60))
		}
	default:
		err = s.r.refusal(s.url, resp)
	}
	if err == nil && skip > 0 {
		_, err = io.CopyN(io.Discard, resp.Body, skip)
	}
	if err != nil {
		_ = resp.Body.Close()
		return err
	}
	s.body = resp.Body
	return nil
}

func (s *blobStream) Close() error {
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.body = nil
	return err
}
