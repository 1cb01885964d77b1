package harden_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/harden"
)

func TestBases(t *testing.T) {
	d := "sha256:" + strings.Repeat("0", 64)
	m := fstest.MapFS{
		"Dockerfile":   {Data: []byte("ARG V=3.13\nFROM python:$V AS a\nFROM dhi.io/python:3.13@" + d + "\nCOPY --from=a /x /x\nCOPY --from=busybox:1 /b /b\n")},
		"b/Dockerfile": {Data: []byte("FROM x:<tag>\n")},
		"compose.yaml": {Data: []byte("services:\n  a:\n    image: alpine:3\n  b:\n    build: .\n")},
	}
	got, err := harden.Bases(t.Context(), m, nil, harden.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []harden.Base{
		{Path: "Dockerfile", Line: 2, Image: "python:3.13", Equivalent: "dhi.io/python"},
		{Path: "Dockerfile", Line: 3, Image: "dhi.io/python:3.13@" + d, Digest: d, Vendor: "Docker Hardened Images"},
		{Path: "Dockerfile", Line: 5, Image: "busybox:1", Equivalent: "dhi.io/debian-base"},
		{Path: "b/Dockerfile", Line: 1, Problem: `"x:<tag>" still holds the placeholder "<tag>"`},
		{Path: "compose.yaml", Line: 3, Image: "alpine:3", Equivalent: "dhi.io/alpine-base"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
