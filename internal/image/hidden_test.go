package image

import (
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHidden(t *testing.T) {
	img := pull(t, Options{},
		gzipLayer(t, entry{name: "etc/"}, entry{name: "etc/key", body: "secret"}, entry{name: "etc/same", body: "1"}, entry{name: "opt/"}, entry{name: "opt/deep/a", body: "a"}),
		gzipLayer(t, entry{name: "etc/.wh.key"}, entry{name: "etc/same", body: "22"}, entry{name: "tmp/b", body: "b"}),
		gzipLayer(t, entry{name: ".wh.opt"}, entry{name: "tmp/.wh..wh..opq"}, entry{name: "seen", body: "x"}),
	)
	var got []string
	for f := range img.Hidden() {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %d %s", f.Layer, f.Path, f.Size, text))
	}
	want := []string{"0 etc/key 6 secret", "0 etc/same 1 1", "0 opt/deep/a 1 a", "1 tmp/b 1 b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hidden files (-want +got):\n%s", diff)
	}
}
