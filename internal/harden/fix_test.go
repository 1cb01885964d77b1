package harden_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/harden"
)

func TestFix(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	known := func(image string) (string, bool) { return digest, image == "dhi.io/python:3.13" }
	for _, tt := range []struct{ name, file, before, want string }{
		{
			"pin_exec_user", "Dockerfile", "FROM dhi.io/python:3.13\nCOPY app.py /app.py\nCMD python /app.py\n",
			"--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,3 +1,5 @@\n-FROM dhi.io/python:3.13\n+# dhi.io/python:3.13\n+FROM dhi.io/python:3.13@" + digest + "\n COPY app.py /app.py\n-CMD python /app.py\n+USER 65532:65532\n+CMD [\"python\", \"/app.py\"]\n",
		},
		{"shell_text_stays", "Dockerfile", "FROM scratch\nUSER 1\nCMD echo $HOME && app\n", ""},
		{
			"image_that_is_also_a_stage", "Dockerfile", "FROM --platform=linux/amd64 dhi.io/python:3.13 AS python\nUSER 65532\nCMD [\"x\"]\n",
			"--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,3 +1,4 @@\n-FROM --platform=linux/amd64 dhi.io/python:3.13 AS python\n+# dhi.io/python:3.13\n+FROM --platform=linux/amd64 dhi.io/python:3.13@" + digest + " AS python\n USER 65532\n CMD [\"x\"]\n",
		},
		{
			"only_the_line_changes", "Dockerfile", "from scratch\r\nUSER 1\ncmd app run",
			"--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,3 +1,3 @@\n from scratch\r\n USER 1\n-cmd app run\n\\ No newline at end of file\n+cmd [\"app\", \"run\"]\n\\ No newline at end of file\n",
		},
		{
			"byte_order_mark", "Dockerfile", "\ufeffFROM dhi.io/python:3.13\nUSER 1\nCMD [\"x\"]\n",
			"--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,3 +1,4 @@\n-\ufeffFROM dhi.io/python:3.13\n+\ufeff# dhi.io/python:3.13\n+FROM dhi.io/python:3.13@" + digest + "\n USER 1\n CMD [\"x\"]\n",
		},
		{"entrypoint_and_cmd_stay", "Dockerfile", "FROM scratch\nUSER 1\nENTRYPOINT app run\nCMD [\"--x\"]\n", ""},
		{"cmd_of_an_entrypoint_stays", "Dockerfile", "FROM scratch\nUSER 1\nENTRYPOINT [\"app\"]\nCMD run\n", ""},
		{"other_shell_stays", "Dockerfile", "FROM scratch\nUSER 1\nSHELL [\"/bin/bash\", \"-lc\"]\nCMD app run\n", ""},
		{"windows_stays", "Dockerfile", "FROM mcr.microsoft.com/windows/nanoserver:ltsc2022\nUSER 1\nCMD app run\n", ""},
		{"builtin_stays", "Dockerfile", "FROM scratch\nUSER 1\nCMD trap x\n", ""},
		{"user_from_an_argument_stays", "Dockerfile", "FROM dhi.io/python:3.14\nARG U\nUSER $U\nCMD [\"x\"]\n", ""},
		{"other_user_stays", "Dockerfile", "FROM mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled\nCMD [\"x\"]\n", ""},
		{"unknown_base_gets_no_user", "Dockerfile", "FROM debian:13\nCMD [\"x\"]\n", ""},
		{"silenced_stays", "Dockerfile", "FROM scratch\nUSER 1\n# imagegate: ignore HIG-D008 needs it\nCMD app run\n", ""},
		{"argument_base_stays", "Dockerfile", "ARG V=3.13\nFROM dhi.io/python:$V\nUSER 65532\nCMD [\"x\"]\n", ""},
		{
			"compose_options", "compose.yaml", "services:\n  web:\n    image: x:1\n    user: \"65532\"\n  db:\n    image: y:1\n",
			"--- a/compose.yaml\n+++ b/compose.yaml\n@@ -1,6 +1,11 @@\n services:\n   web:\n+    security_opt:\n+      - no-new-privileges:true\n+    cap_drop: [ALL]\n     image: x:1\n     user: \"65532\"\n   db:\n+    security_opt:\n+      - no-new-privileges:true\n     image: y:1\n",
		},
		{"compose_merge_keys_stay", "compose.yaml", "x-d: &d\n  restart: always\nservices:\n  web:\n    <<: *d\n    image: x:1\n", ""},
		{"compose_flow_stays", "compose.yaml", "services: {web: {image: \"x:1\"}}\n", ""},
		{"refused_stays", "Dockerfile", "FRM x\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := fstest.MapFS{tt.file: {Data: []byte(tt.before)}}
			patches, err := harden.Fix(t.Context(), m, nil, harden.Options{}, harden.FixOptions{Digest: known})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, p := range patches {
				got += p.Diff()
				// A fixed file needs no more of the same fixes.
				m[tt.file] = &fstest.MapFile{Data: []byte(p.After)}
				again, err := harden.Fix(t.Context(), m, nil, harden.Options{}, harden.FixOptions{Digest: known})
				if err != nil || len(again) != 0 {
					t.Errorf("a second run changes %v, %v", again, err)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFixOfTheCorpusIsAccepted lets every change of the corpus be linted again.
func TestFixOfTheCorpusIsAccepted(t *testing.T) {
	changed := 0
	for _, b := range readCorpus(t) {
		res, name := lintBlock(t, b)
		if res.Files[0].Refused != "" {
			continue
		}
		patches, err := harden.Fix(t.Context(), fstest.MapFS{name: {Data: []byte(b.Text)}}, nil, harden.Options{}, harden.FixOptions{})
		if err != nil {
			t.Fatalf("%s: %v", b.Path, err)
		}
		for _, p := range patches {
			changed++
			after, _ := lintBlock(t, block{b.Path, p.After})
			if after.Files[0].Refused != "" {
				t.Errorf("%s is refused after the fix: %s\n%s", b.Path, after.Files[0].Refused, p.Diff())
			}
			if n, m := len(failing(res.Checks, "")), len(failing(after.Checks, "")); m > n {
				t.Errorf("%s fails %d checks after the fix, %d before\n%s", b.Path, m, n, p.Diff())
			}
		}
	}
	t.Logf("%d files changed", changed)
}
