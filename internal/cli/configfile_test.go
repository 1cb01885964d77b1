package cli_test

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

func TestBadConfigFile(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	for _, tt := range []struct{ name, data, message, hint string }{
		{"near_name", "fail-on-severty: low\n", `line 1: unknown key "fail-on-severty"; do you mean fail-on-severity?`, "verify --help"},
		{"no_near_name", "# mine\n\nwhatever-this-is: 1\n", `line 3: unknown key "whatever-this-is"`, "verify --help"},
		{"bad_value", "fail-on-severity: severe\n", `"severe": want critical, high`, "verify --help"},
		{"bad_duration", "max-age: soon\n", "max-age", "verify --help"},
		{"list_for_a_value", "platform: [linux/amd64, linux/arm64]\n", "platform: want one value", ""},
		{"mapping_for_a_value", "require: {vex: true}\n", "require: want a plain value", ""},
		{"no_yaml", "a: b: c\n\t", "configuration file", "verify --help"},
		{"two_documents", "only-fixed: true\n---\nonly-fixed: false\n", "want one YAML document", ""},
		{"two_of_one_key", "only-fixed: true\nonly-fixed: false\n", "only-fixed", ""},
		{"bomb", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n", "unknown key", ""},
		{"hostile_key", "\"\\e[31m::error::x\": 1\n", "unknown key", ""},
		{"huge", strings.Repeat("#", 2<<20), "larger than 1048576 bytes", ""},
		{"html", htmlPage, "configuration file", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, w.path("config.yaml"), tt.data)
			code, stdout, stderr := w.call("verify", ref, "--config", file, "--report-dir", w.path("report"))
			if code != fault.Usage {
				t.Errorf("exit %d, want 4\n%s%s", code, stdout, stderr)
			}
			complains(t, stderr, tt.message, tt.hint)
			neutral(t, "the error", stderr)
			if n := len(w.registry.Requests()); n != 0 {
				t.Errorf("%d requests before the mistake was told", n)
			}
		})
	}
	code, _, stderr := w.call("verify", ref, "--config", w.path("gone.yaml"), "--report-dir", w.path("report"))
	exits(t, "no such file", code, fault.Usage, stderr, "gone.yaml", "check the path")
}

// Flags outrank the file, the file the defaults; and the file is found by itself.
func TestConfigFile(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	t.Chdir(w.dir)
	write(t, w.path(".imagegate.yaml"), "fail-on-severity: medium\nrequire: [vex, provenance]\nkey: "+w.path("key.pem")+"\nreport-dir: from-file\nimage: "+ref+"\n")
	access := append([]string{"--registry-username", login, "--registry-password-file", w.passwordFile()}, w.dbFlags...)
	code, stdout, stderr := w.run(append([]string{"verify"}, access...)...)
	exits(t, "file", code, fault.Policy, stdout+stderr, "1 open finding at or above medium", "report: from-file/report.json")
	code, stdout, stderr = w.run(append([]string{"verify", "--fail-on-severity", "high", "--report-dir", w.path("report")}, access...)...)
	must(t, code, w.report(), stdout+stderr, fault.OK, report.Pass)
	if got := w.report().Policy; got.FailOnSeverity != "high" || strings.Join(got.Require, ",") != "vex,provenance" {
		t.Errorf("the policy is %+v", got)
	}
	code, stdout, stderr = w.run(append([]string{"verify", ref, "--config", "none", "--key", "key.pem", "--report-dir", w.path("report")}, access...)...)
	must(t, code, w.report(), stdout+stderr, fault.OK, report.Pass)
	if got := w.report().Policy; got.FailOnSeverity != "high" || len(got.Require) != 0 {
		t.Errorf("without the file the policy is %+v", got)
	}
}
