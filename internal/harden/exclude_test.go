package harden_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden"
)

func TestLintExclude(t *testing.T) {
	m := fstest.MapFS{}
	for _, name := range []string{"Dockerfile", "a/testdata/Dockerfile", "b/old/Dockerfile", "b/Dockerfile.dev", "old/Dockerfile"} {
		m[name] = &fstest.MapFile{Data: []byte("FROM scratch\n")}
	}
	for _, tt := range []struct {
		name    string
		exclude []string
		paths   []string
		want    []string
	}{
		{"a_name_anywhere", []string{"testdata"}, nil, []string{"Dockerfile", "b/Dockerfile.dev", "b/old/Dockerfile", "old/Dockerfile"}},
		{"a_path_from_the_root", []string{"./b/old/"}, nil, []string{"Dockerfile", "a/testdata/Dockerfile", "b/Dockerfile.dev", "old/Dockerfile"}},
		{"globs", []string{"*.dev", "*/testdata"}, nil, []string{"Dockerfile", "b/old/Dockerfile", "old/Dockerfile"}},
		{"what_is_named_is_linted", []string{"old", "Dockerfile"}, []string{"old/Dockerfile", "old"}, []string{"old/Dockerfile"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, err := harden.Lint(t.Context(), m, tt.paths, harden.Options{Exclude: tt.exclude})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range res.Files {
				got = append(got, f.Path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, bad := range []string{"[", "..", "../x", ".", ""} {
		if _, err := harden.Lint(t.Context(), m, nil, harden.Options{Exclude: []string{bad}}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("pattern %q: %v, want a usage fault", bad, err)
		}
	}
}

// refusing is a file system that ends the test when an irregular file is opened: a real
// pipe would wait for ever.
type refusing struct {
	fstest.MapFS
	t *testing.T
}

func (r refusing) Open(name string) (fs.File, error) {
	if f, ok := r.MapFS[name]; ok && f.Mode&fs.ModeType != 0 {
		r.t.Errorf("%s was opened", name)
		return nil, fs.ErrInvalid
	}
	return r.MapFS.Open(name)
}

func TestLintOpensNoPipe(t *testing.T) {
	pipe := &fstest.MapFile{Mode: fs.ModeNamedPipe}
	beside := refusing{fstest.MapFS{
		"Dockerfile": {Data: []byte("FROM scratch\n")}, ".dockerignore": pipe, "x.Dockerfile": pipe, "x.env": pipe, "base.yaml": pipe, ".env": pipe,
		"compose.yaml":          {Data: []byte("services:\n  a:\n    image: a:1\n    env_file: [x.env]\n  b:\n    extends: {file: base.yaml, service: q}\ninclude: [base.yaml]\n")},
		"compose.override.yaml": pipe,
	}, t}
	if _, err := harden.Lint(t.Context(), beside, nil, harden.Options{}); err != nil {
		t.Error(err)
	}
	if _, err := harden.Fix(t.Context(), beside, nil, harden.Options{}, harden.FixOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := harden.Bases(t.Context(), beside, nil, harden.Options{}); err != nil {
		t.Error(err)
	}
	m := fstest.MapFS{"Dockerfile": pipe}
	if _, err := harden.Lint(t.Context(), m, []string{"Dockerfile"}, harden.Options{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v, want a usage fault", err)
	}
}
