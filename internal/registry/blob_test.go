package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

// serveBlob answers requests for every blob but the config by f, which is told how
// many there were.
func serveBlob(config v1.Hash, f func(w http.ResponseWriter, r *http.Request, nth int)) func(http.ResponseWriter, *http.Request) bool {
	var nth atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") || strings.Contains(r.URL.Path, config.Hex) {
			return false
		}
		f(w, r, int(nth.Add(1)))
		return true
	}
}

// partial sends n bytes of content from the start of the range on, and breaks off.
func partial(w http.ResponseWriter, r *http.Request, content []byte, n int, ranges bool) {
	start := 0
	if ranges {
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(content)-1, len(content)))
			w.Header().Set("Content-Length", fmt.Sprint(len(content)-start))
			w.WriteHeader(http.StatusPartialContent)
		}
	}
	if start == 0 {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	}
	end := min(start+n, len(content))
	_, _ = w.Write(content[start:end])
	if end < len(content) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestLayerStreams(t *testing.T) {
	s := newServer(t)
	s.pushImage(t, "app:1", newImage(t, amd64, 300_000, 1))
	img := s.mustOpen(t, "app:1", options())
	m, err := img.Manifest(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	d, config := m.Manifest.Layers[0], m.Manifest.Config.Digest
	content, err := readAll(t, img, d)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(content)
	flipped[len(flipped)/2] ^= 1
	third := len(content)/3 + 1
	for _, tt := range []struct {
		name     string
		serve    func(w http.ResponseWriter, r *http.Request, nth int)
		want     string // part of the error; empty: the content arrives
		requests int
	}{
		{"whole", func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = w.Write(content) }, "", 1},
		{"resumes_with_ranges", func(w http.ResponseWriter, r *http.Request, _ int) { partial(w, r, content, third, true) }, "", 3},
		{"restarts_without_ranges", func(w http.ResponseWriter, r *http.Request, nth int) { partial(w, r, content, third*nth, false) }, "", 3},
		{"breaks_at_the_same_byte_for_ever", func(w http.ResponseWriter, r *http.Request, _ int) { partial(w, r, content, third, false) }, d.Digest.String(), 4},
		{"one_byte_flipped", func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = w.Write(flipped) }, d.Digest.String(), 1},
		{"flipped_in_the_resumed_part", func(w http.ResponseWriter, r *http.Request, nth int) {
			if nth == 1 {
				partial(w, r, content, third, true)
			}
			partial(w, r, flipped, len(content), true)
		}, d.Digest.String(), 2},
		{"too_long", func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.(http.Flusher).Flush() // chunked: no length to be caught by
			_, _ = w.Write(append(bytes.Clone(content), 'x'))
		}, "more than its", 1},
		{"too_long_by_header", func(w http.ResponseWriter, _ *http.Request, _ int) {
			_, _ = w.Write(append(bytes.Clone(content), 'x'))
		}, "content does not match", 1},
		{"too_short_without_length", func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(content[:third])
		}, "ended after", 4},
		{"too_short_by_header", func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Length", fmt.Sprint(third))
			_, _ = w.Write(content[:third])
		}, "does not match its digest", 2},
		{"too_short_by_header_once", func(w http.ResponseWriter, r *http.Request, nth int) {
			if nth == 1 {
				w.Header().Set("Content-Length", fmt.Sprint(third))
				_, _ = w.Write(content[:third])
				return
			}
			partial(w, r, content, len(content), true)
		}, "", 2},
		{"ranges_are_refused", func(w http.ResponseWriter, r *http.Request, nth int) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			partial(w, r, content, third*nth, false)
		}, "", 3},
		{"ranges_without_an_end_are_refused", func(w http.ResponseWriter, r *http.Request, nth int) {
			if v := r.Header.Get("Range"); nth == 2 && v != fmt.Sprintf("bytes=%d-%d", third, len(content)-1) {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			partial(w, r, content, third*(2*nth-1), true)
		}, "", 2},
		{"other_range_than_asked", func(w http.ResponseWriter, r *http.Request, nth int) {
			if nth == 1 {
				partial(w, r, content, third, true)
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(content)-1, len(content)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(content)
		}, "got the range", 2},
		{"gone_after_the_break", func(w http.ResponseWriter, r *http.Request, nth int) {
			if nth == 1 {
				partial(w, r, content, third, true)
			}
			w.WriteHeader(http.StatusNotFound)
		}, "404", 2},
		{"busy_after_the_break", func(w http.ResponseWriter, r *http.Request, nth int) {
			if nth == 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			partial(w, r, content, 2*third, true)
		}, "", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.interfere(serveBlob(config, tt.serve))
			got, err := readAll(t, img, d)
			switch {
			case tt.want == "" && (err != nil || !bytes.Equal(got, content)):
				t.Errorf("%d bytes, %v; want the %d of the layer", len(got), err, len(content))
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("err = %v, want one with %q", err, tt.want)
			case tt.want != "" && fault.CodeOf(err) != fault.Unavailable:
				t.Errorf("code = %d, want Unavailable", fault.CodeOf(err))
			}
			if n := s.count("/blobs/"); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
		})
	}
}

func TestStalledLayerResumes(t *testing.T) {
	s := newServer(t)
	s.pushImage(t, "app:1", newImage(t, amd64, 300_000, 1))
	opt := options()
	opt.IdleTimeout, opt.Retries = 200*time.Millisecond, 1000 // a busy machine stalls by itself
	img := s.mustOpen(t, "app:1", opt)
	m, err := img.Manifest(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	d := m.Manifest.Layers[0]
	content, err := readAll(t, img, d)
	if err != nil {
		t.Fatal(err)
	}
	s.interfere(serveBlob(m.Manifest.Config.Digest, func(w http.ResponseWriter, r *http.Request, nth int) {
		if nth == 1 {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:1000])
			w.(http.Flusher).Flush()
			<-r.Context().Done() // nothing more, until the client gives up
			return
		}
		partial(w, r, content, len(content), true)
	}))
	rc, err := img.Layer(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	head := make([]byte, 500)
	if _, err := io.ReadFull(rc, head); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * opt.IdleTimeout) // a slow consumer is no stalled server
	rest, err := io.ReadAll(rc)
	if err != nil || !bytes.Equal(append(head, rest...), content) {
		t.Errorf("%d bytes, %v; want all %d", len(head)+len(rest), err, len(content))
	}
}

func TestLayerRefusals(t *testing.T) {
	s := newServer(t)
	s.pushImage(t, "app:1", newImage(t, amd64, 100, 1))
	img := s.mustOpen(t, "app:1", options())
	good := sum([]byte("x"))
	for _, tt := range []struct {
		name string
		d    v1.Descriptor
		want string
	}{
		{"foreign", v1.Descriptor{MediaType: types.DockerForeignLayer, Size: 1, Digest: good, URLs: []string{s.URL}}, "non-distributable"},
		{"foreign_zstd", v1.Descriptor{MediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", Size: 1, Digest: good}, "non-distributable"},
		{"negative_size", v1.Descriptor{Size: -1, Digest: good}, "negative"},
		{"too_large", v1.Descriptor{Size: 1 << 50, Digest: good}, "MaxLayer"},
		{"no_digest", v1.Descriptor{Size: 1}, "cannot parse hash"},
		{"digest_with_a_path", v1.Descriptor{Size: 1, Digest: v1.Hash{Algorithm: "sha256", Hex: "../../../x"}}, "hash"},
		{"absent", v1.Descriptor{Size: 1, Digest: good}, "404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := s.count("")
			_, err := img.Layer(t.Context(), tt.d)
			if err == nil || !strings.Contains(err.Error(), tt.want) || fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("err = %v, want Unavailable with %q", err, tt.want)
			}
			if tt.name != "absent" && s.count("") != before {
				t.Error("a request was made for it")
			}
		})
	}
}

func TestBlobLimits(t *testing.T) {
	s := newServer(t)
	s.pushImage(t, "app:1", newImage(t, amd64, 5000, 1))
	img := s.mustOpen(t, "app:1", options())
	m, err := img.Manifest(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	store, d := img.Stores(t.Context())[0], m.Manifest.Layers[0]
	if b, err := store.Blob(t.Context(), d, d.Size); err != nil || sum(b) != d.Digest {
		t.Errorf("at the limit: %d bytes, %v", len(b), err)
	}
	s.interfere(nil)
	var limit *LimitError
	if _, err := store.Blob(t.Context(), d, d.Size-1); !errors.As(err, &limit) || s.count("") != 0 {
		t.Errorf("past the limit: %v after %d requests, want LimitError and none", err, s.count(""))
	}
	lie := d
	lie.Size = 10
	var digest *DigestError
	if _, err := store.Blob(t.Context(), lie, 10); !errors.As(err, &digest) {
		t.Errorf("a blob larger than it says: %v, want DigestError", err)
	}
	if _, err := store.Blob(t.Context(), v1.Descriptor{Size: 2, Digest: sum([]byte("{}")), Data: []byte("[]")}, 10); !errors.As(err, &digest) {
		t.Errorf("embedded data of another digest: %v, want DigestError", err)
	}
}

// BenchmarkLayer streams 64 MiB from a server in process, verified.
func BenchmarkLayer(b *testing.B) {
	s := newServer(b)
	s.pushImage(b, "app:1", newImage(b, amd64, 64<<20, 1))
	img := s.mustOpen(b, "app:1", options())
	m, err := img.Manifest(b.Context(), amd64)
	if err != nil {
		b.Fatal(err)
	}
	d := m.Manifest.Layers[0]
	b.SetBytes(d.Size)
	for b.Loop() {
		rc, err := img.Layer(b.Context(), d)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, rc); err != nil {
			b.Fatal(err)
		}
		if err := rc.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMismatchTellsOnlyWhatHelps(t *testing.T) {
	want := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}
	for got, text := range map[string]string{
		"sha256:" + strings.Repeat("b", 64): "content does not match its digest",
		"more than its 3 bytes":             "content does not match its digest: got more than its 3 bytes",
	} {
		if m := (&DigestError{What: "blob", Want: want, Got: got}).Mismatch(); m != text {
			t.Errorf("Mismatch of %q = %q, want %q", got, m, text)
		}
	}
}

// A stream that failed stays failed: what comes after the failure is not handed out.
func TestVerifierStaysFailed(t *testing.T) {
	flaky := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("ab"))) // fails once, after a byte
	v, err := newVerifier(flaky, v1.Descriptor{Size: 2, Digest: sum([]byte("ab"))})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := v.Read(make([]byte, 4)); n != 1 || err != nil {
		t.Fatalf("Read = %d %v, want a byte", n, err)
	}
	for range 3 {
		if n, err := v.Read(make([]byte, 4)); n != 0 || !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("Read = %d %v, want nothing and the first error", n, err)
		}
	}
}
