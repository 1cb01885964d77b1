package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
)

func TestBadLayers(t *testing.T) {
	good := gzipLayer(t, entry{name: "good", body: "fine"})
	body := archive(t, entry{name: "f", body: strings.Repeat("content ", 5000)})
	with := func(blob []byte, id v1.Hash) stored { return stored{blob, id, good.mediaType} }
	flipped := gz(t, body)
	flipped[len(flipped)/2] ^= 0x40
	garbage := append(gz(t, body), "hidden"...)
	half := body[:700]
	for _, tt := range []struct {
		name  string
		layer stored
		want  string
	}{
		{"truncated_gzip", with(gz(t, body)[:60], digestOf(body)), "unexpected EOF"},
		{"flipped_bit_in_gzip", with(flipped, digestOf(body)), "read archive"},
		{"garbage_after_gzip", with(garbage, digestOf(body)), "read archive"},
		{"truncated_zstd", with(zst(t, body)[:40], digestOf(body)), "unexpected EOF"},
		{"truncated_archive", with(gz(t, half), digestOf(half)), "unexpected EOF"},
		{"no_archive", with([]byte(strings.Repeat("not an archive ", 100)), digestOf([]byte(strings.Repeat("not an archive ", 100)))), "tar"},
		{"wrong_diff_id", with(gz(t, body), digestOf([]byte("other"))), "promises diff ID"},
		{"xz", with([]byte("\xfd7zXZ\x00rest of the file"), digestOf(body)), "xz"},
		{"bzip2", with([]byte("BZh91AY&SY"), digestOf(body)), "bzip2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			m := hold(good, tt.layer)
			img, err := Pull(t.Context(), m, input(t, good, tt.layer), Options{TempDir: dir})
			if err == nil {
				img.Close()
				t.Fatal("Pull succeeded")
			}
			digest := digestOf(tt.layer.blob).String()
			if got := err.Error(); !strings.Contains(got, tt.want) || !strings.Contains(got, "layer 1 ("+digest+")") {
				t.Errorf("error %q does not name layer 1, its digest and %q", got, tt.want)
			}
			if got := fault.CodeOf(err); got != fault.Unavailable || fault.HintOf(err) == "" {
				t.Errorf("code %d with hint %q, want %d and a hint", got, fault.HintOf(err), fault.Unavailable)
			}
			wantEmpty(t, dir)
			if m.open != 0 {
				t.Errorf("%d streams were left open", m.open)
			}
		})
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("%v is left in the temporary directory (%v)", left, err)
	}
}

func TestBlobThatIsNotItsDigest(t *testing.T) {
	l := gzipLayer(t, entry{name: "f", body: "x"})
	in := input(t, l)
	m := hold()
	for _, blob := range [][]byte{
		gz(t, archive(t, entry{name: "f", body: "y"})), // a well-formed archive, but another
		[]byte("<html>captive portal</html>"),
	} {
		m.blobs[in.Manifest.Layers[0].Digest] = blob
		_, err := Pull(t.Context(), m, in, Options{TempDir: t.TempDir()})
		if !errors.Is(err, errDigest) {
			t.Errorf("error %v, want the stream's own: %v", err, errDigest)
		}
	}
}

func TestBadManifests(t *testing.T) {
	l := gzipLayer(t, entry{name: "f", body: "x"})
	for _, tt := range []struct {
		name string
		make func() Input
		want string
	}{
		{"fewer_diff_ids", func() Input {
			in := input(t, l, l)
			in.Config.RootFS.DiffIDs = in.Config.RootFS.DiffIDs[:1]
			return seal(t, in.Manifest, in.Config)
		}, "2 layers, and the configuration 1 diff IDs"},
		{"other_configuration", func() Input {
			in := input(t, l)
			in.ConfigRaw = append(in.ConfigRaw, ' ')
			return in
		}, "the manifest promises"},
		{"not_an_image", func() Input {
			in := input(t, l)
			in.Manifest.Layers[0].MediaType = "application/vnd.in-toto+json"
			return in
		}, "not a file system layer"},
		{"encrypted", func() Input {
			in := input(t, l)
			in.Manifest.Layers[0].MediaType += "+encrypted"
			return in
		}, "encrypted"},
		{"unknown_algorithm", func() Input {
			in := input(t, l)
			in.Config.RootFS.DiffIDs[0] = v1.Hash{Algorithm: "md5", Hex: "00"}
			return seal(t, in.Manifest, in.Config)
		}, "only sha256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := hold(l)
			_, err := Pull(t.Context(), m, tt.make(), Options{TempDir: t.TempDir()})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if got := fault.CodeOf(err); got != fault.Unavailable {
				t.Errorf("code %d, want %d", got, fault.Unavailable)
			}
			if len(m.asked) != 0 {
				t.Error("a layer was asked for all the same")
			}
		})
	}
}

func TestLimits(t *testing.T) {
	big := gzipLayer(t, entry{name: "dir/big", body: strings.Repeat("0", 64<<10)})
	small := gzipLayer(t, entry{name: "a/b/c/d", body: "x"}, entry{name: "a/b/c/e", body: "x"})
	bomb := zeroes(t, ratioFloor+1<<20)
	for _, tt := range []struct {
		name   string
		opt    Options
		layers []stored
		want   string
	}{
		{"layers", Options{MaxLayers: 1}, []stored{big, small}, "MaxLayers"},
		{"one_layer", Options{MaxLayer: 4 << 10}, []stored{big}, "MaxLayer"},
		{"all_layers", Options{MaxTotal: 66 << 10}, []stored{big, small}, "MaxTotal"},
		{"ratio", Options{}, []stored{bomb}, "MaxRatio"},
		{"entries_and_their_directories", Options{MaxEntries: 4}, []stored{small}, "MaxEntries"},
		{"entries_of_a_blob_used_twice", Options{MaxEntries: 9}, []stored{small, small}, "MaxEntries"},
		{"path", Options{MaxPath: 5}, []stored{small}, "MaxPath"},
		{"names", Options{MaxNames: 20}, []stored{small}, "MaxNames"},
		{"trees", Options{MaxTree: 11}, []stored{small, big}, "MaxTree"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.opt.TempDir = t.TempDir()
			img, err := Pull(t.Context(), hold(tt.layers...), input(t, tt.layers...), tt.opt)
			if err == nil {
				img.Close()
				t.Fatal("Pull succeeded")
			}
			var limited *LimitError
			if !errors.As(err, &limited) || limited.Option != tt.want || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want a *LimitError that names %s", err, tt.want)
			}
			if got := fault.CodeOf(err); got != fault.Unavailable || fault.HintOf(err) == "" {
				t.Errorf("code %d with hint %q, want %d and a hint", got, fault.HintOf(err), fault.Unavailable)
			}
			wantEmpty(t, tt.opt.TempDir)
		})
	}
	t.Run("at_the_limit", func(t *testing.T) {
		pull(t, Options{MaxLayers: 2, MaxLayer: int64(len(archive(t, entry{name: "dir/big", body: strings.Repeat("0", 64<<10)}))), MaxEntries: 7, MaxPath: 7, MaxTree: 12}, small, big)
	})
}

func TestFirstFailureCancelsTheRest(t *testing.T) {
	bad, slow := gzipLayer(t, entry{name: "bad"}), gzipLayer(t, entry{name: "slow"})
	in := input(t, bad, slow)
	m := hold(slow)
	cause := fault.New(fault.Unavailable, "get blob", "log in again", errors.New("401"))
	started := make(chan struct{})
	m.wait = func(ctx context.Context, d v1.Hash) error {
		if d == digestOf(bad.blob) {
			<-started
			return cause
		}
		close(started)
		<-ctx.Done() // hangs for ever unless the other failure cancels it
		return ctx.Err()
	}
	dir := t.TempDir()
	_, err := Pull(t.Context(), m, in, Options{TempDir: dir})
	if !errors.Is(err, cause) || fault.HintOf(err) != "log in again" || fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("error %v with hint %q, want the registry's own", err, fault.HintOf(err))
	}
	wantEmpty(t, dir)
}

func TestInterrupted(t *testing.T) {
	l := gzipLayer(t, entry{name: "f"})
	m := hold(l)
	ctx, cancel := context.WithCancel(t.Context())
	m.wait = func(ctx context.Context, _ v1.Hash) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	dir := t.TempDir()
	_, err := Pull(ctx, m, input(t, l), Options{TempDir: dir})
	if got := fault.CodeOf(err); got != fault.Interrupted {
		t.Errorf("code %d (%v), want %d", got, err, fault.Interrupted)
	}
	wantEmpty(t, dir)
}

func TestTimeout(t *testing.T) {
	l := gzipLayer(t, entry{name: "f"})
	m := hold(l)
	m.wait = func(ctx context.Context, _ v1.Hash) error { <-ctx.Done(); return ctx.Err() }
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	_, err := Pull(ctx, m, input(t, l), Options{TempDir: t.TempDir()})
	if got := fault.CodeOf(err); got != fault.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("code %d (%v), want %d and a deadline", got, err, fault.Unavailable)
	}
}

func TestUnwritableTempDir(t *testing.T) {
	l := gzipLayer(t, entry{name: "f"})
	_, err := Pull(t.Context(), hold(l), input(t, l), Options{TempDir: filepath.Join(t.TempDir(), "gone")})
	if got := fault.CodeOf(err); got != fault.Internal || fault.HintOf(err) == "" {
		t.Errorf("code %d with hint %q (%v), want %d and a hint", got, fault.HintOf(err), err, fault.Internal)
	}
}

// An archive that the indexer refuses has passed every check of ours.
func TestArchiveThatCannotBeIndexed(t *testing.T) {
	l := gzipLayer(t, entry{name: "x", body: "file"}, entry{name: "x/"})
	dir := t.TempDir()
	_, err := Pull(t.Context(), hold(l), input(t, l), Options{TempDir: dir})
	if got := fault.CodeOf(err); got != fault.Unavailable || !strings.Contains(fmt.Sprint(err), "index") {
		t.Errorf("code %d (%v), want %d from the indexer", got, err, fault.Unavailable)
	}
	wantEmpty(t, dir)
}
