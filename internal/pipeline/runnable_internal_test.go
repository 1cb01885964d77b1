package pipeline

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/harden/runcheck"
)

// TestArchiveOfAFile: an image of a layout becomes an archive that another reader of
// them takes, with the same configuration and layers.
func TestArchiveOfAFile(t *testing.T) {
	want, err := random.Image(2000, 3)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendImage(want); err != nil {
		t.Fatal(err)
	}
	var opt runcheck.Options
	ref, done, err := Runnable(t.Context(), &config.Config{Platform: "linux/amd64"}, "oci-dir:"+dir, &opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := done(); err != nil {
			t.Error(err)
		}
	}()
	if ref != "oci-dir:"+dir || opt.Archive == nil {
		t.Fatalf("Runnable is %q with an archive: %t", ref, opt.Archive != nil)
	}
	var out bytes.Buffer
	if err := opt.Archive(t.Context(), &out, "example/app:1"); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("example/app:1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil }, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	if a, b := configOf(t, want), configOf(t, got); a != b {
		t.Errorf("the configuration is %s, want %s", b, a)
	}
}

func configOf(t *testing.T, img v1.Image) v1.Hash {
	t.Helper()
	h, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRunnableNames(t *testing.T) {
	for ref, want := range map[string]string{
		"example/app:1": "example/app:1", "docker:example/app:1": "example/app:1", "docker:app": "app", "docker:5000/app:1": "docker:5000/app:1", "docker": "docker",
	} {
		var opt runcheck.Options
		got, _, err := Runnable(t.Context(), &config.Config{}, ref, &opt)
		if err != nil || got != want || opt.Archive != nil {
			t.Errorf("Runnable(%q) is %q, %v; want %q without an archive", ref, got, err, want)
		}
	}
}
