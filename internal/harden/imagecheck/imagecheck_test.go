package imagecheck_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/hardentest"
	"github.com/imagegate/imagegate/internal/harden/imagecheck"
	"github.com/imagegate/imagegate/internal/report"
)

func run(t testing.TB, text string) []report.Check {
	t.Helper()
	in, err := hardentest.Image(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := imagecheck.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// of returns the results of one check as "state@location".
func of(results []report.Check, id string) string {
	var out []string
	for _, r := range results {
		if r.ID == id {
			s := r.State
			if r.Location != "example" {
				s += "@" + r.Location
			}
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

func TestChecksAreDocumented(t *testing.T) {
	if err := check.ValidateAll(imagecheck.Checks()); err != nil {
		t.Error(err)
	}
}

func TestExamples(t *testing.T) {
	for _, c := range imagecheck.Checks() {
		t.Run(c.ID, func(t *testing.T) {
			if bad := of(run(t, c.Bad), c.ID); !strings.HasPrefix(bad, report.CheckFailed) {
				t.Errorf("the bad example of %s gives %q, want failed", c.ID, bad)
			}
			if good := of(run(t, c.Good), c.ID); good != report.CheckPassed {
				t.Errorf("the good example of %s gives %q, want one pass", c.ID, good)
			}
		})
	}
}

func TestRules(t *testing.T) {
	const passwd = `{"path": "etc/passwd", "text": "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/false\nalso0:x:0:0::/:/bin/false\n"}`
	for _, tt := range []struct{ name, id, image, want string }{
		{"root_with_group", "HIG-I001", `{"config":{"User":"root:staff"}}`, "failed@config.User"},
		{"zero_zero", "HIG-I001", `{"config":{"User":"0:0"}}`, "failed@config.User"},
		{"many_zeros", "HIG-I001", `{"config":{"User":"000"}}`, "failed@config.User"},
		{"only_a_group", "HIG-I001", `{"config":{"User":":1000"}}`, "failed@config.User"},
		{"name_that_is_root", "HIG-I001", `{"config":{"User":"also0"},"files":[` + passwd + `]}`, "failed@config.User"},
		{"name", "HIG-I001", `{"config":{"User":"app"},"files":[` + passwd + `]}`, "failed@config.User"},
		{"unknown_name", "HIG-I001", `{"config":{"User":"nobody"},"files":[` + passwd + `]}`, "failed@config.User"},
		{"name_and_passwd_is_a_directory", "HIG-I001", `{"config":{"User":"app"},"files":[{"path":"etc/passwd","dir":true,"mode":"0755"}]}`, "undecided@config.User"},
		{"name_and_passwd_is_too_large", "HIG-I001", `{"config":{"User":"app"},"files":[{"path":"etc/passwd","text":"` + strings.Repeat("a:x:1:1::/:/x\\n", 80_000) + `"}]}`, "undecided@config.User"},
		{"name_with_group_root", "HIG-I001", `{"config":{"User":"app:root"},"files":[` + passwd + `]}`, "failed@config.User"},
		{"zero_with_another_group", "HIG-I001", `{"config":{"User":"0:65532"}}`, "failed@config.User"},
		{"number_in_root_group", "HIG-I001", `{"config":{"User":"1001:0"}}`, "passed"},
		{"number_beyond_runtimes", "HIG-I001", `{"config":{"User":"2147483648"}}`, "failed@config.User"},
		{"largest_number", "HIG-I001", `{"config":{"User":"2147483647:0"}}`, "passed"},
		{"number_beyond_the_kernel", "HIG-I001", `{"config":{"User":"4294967296"}}`, "failed@config.User"},
		{"no_passwd", "HIG-I002", `{"config":{"User":"1001"}}`, "not-applicable"},
		{"malformed_passwd", "HIG-I029", `{"config":{"User":"1001"},"files":[{"path":"etc/passwd","text":"root:x\n:::\n"}]}`, "undecided@/etc/passwd"},

		{"shell_in_app_directory", "HIG-I003", `{"config":{},"files":[{"path":"opt/java/bin/bash","mode":"0755"}]}`, "failed@/opt/java/bin/bash"},
		{"dead_link_is_no_shell", "HIG-I003", `{"config":{},"files":[{"path":"bin/sh","link":"dash"}]}`, "passed"},
		{"not_executable_is_no_shell", "HIG-I003", `{"config":{},"files":[{"path":"usr/share/doc/bin/sh","mode":"0644"}]}`, "passed"},
		{"git-shell_is_no_sh", "HIG-I003", `{"config":{},"files":[{"path":"usr/bin/gsh2","mode":"0755"}]}`, "passed"},
		{"shell_without_bin", "HIG-I003", `{"config":{},"files":[{"path":"busybox/sh","mode":"0755","text":"\u007fELF"}]}`, "failed@/busybox/sh"},
		{"shell_by_link_anywhere", "HIG-I003", `{"config":{},"files":[{"path":"app/tool","mode":"0755"},{"path":"app/bash","link":"tool"}]}`, "failed@/app/bash"},
		{"script_named_like_a_shell", "HIG-I003", `{"config":{},"files":[{"path":"app/fish","mode":"0755","text":"#!/usr/bin/python3"}]}`, "passed"},
		{"static_busybox", "HIG-I003", `{"config":{},"files":[{"path":"bin/busybox.static","mode":"0755"}]}`, "failed@/bin/busybox.static"},
		{"other_shell_than_declared", "HIG-I023", `{"config":{"Labels":{"com.docker.dhi.shell":"busybox"}},"files":[{"path":"bin/busybox","mode":"0755"},{"path":"bin/sh","link":"busybox"},{"path":"bin/bash","mode":"0755"}]}`, "failed@/bin/bash"},
		{"shell_declared_by_unknown_name", "HIG-I023", `{"config":{"Labels":{"com.docker.dhi.shell":"newsh"}},"files":[{"path":"bin/bash","mode":"0755"}]}`, "passed"},
		{"undeclared_bash", "HIG-I023", `{"config":{"Labels":{"com.docker.dhi.shell":""}},"files":[{"path":"bin/bash","mode":"0755"}]}`, "failed@/bin/bash"},
		{"apt_declared", "HIG-I023", `{"config":{"Labels":{"com.docker.dhi.package-manager":"apt"}},"files":[{"path":"usr/bin/apt-get","mode":"0755"},{"path":"usr/bin/dpkg","mode":"0755"}]}`, "passed"},
		{"dev_of_a_flavor", "HIG-I022", `{"config":{"Labels":{"com.docker.dhi.variant":"sfw-dev"}}}`, "failed@config.Labels[com.docker.dhi.variant]"},
		{"setgid", "HIG-I005", `{"config":{},"files":[{"path":"usr/bin/wall","mode":"02755"}]}`, "failed@/usr/bin/wall"},
		{"file_capability", "HIG-I005", `{"config":{},"files":[{"path":"usr/bin/ping","mode":"0755","caps":true}]}`, "failed@/usr/bin/ping"},
		{"setgid_directory_is_fine", "HIG-I005", `{"config":{},"files":[{"path":"var/mail","mode":"02775","dir":true}]}`, "passed"},
		{"link_is_not_world_writable", "HIG-I006", `{"config":{},"files":[{"path":"a","mode":"0644"},{"path":"b","link":"a"}]}`, "passed"},
		{"world_writable_file", "HIG-I006", `{"config":{},"files":[{"path":"etc/app.conf","mode":"0666"}]}`, "failed@/etc/app.conf"},

		{"label_secret", "HIG-I007", `{"config":{"Labels":{"api_token":"abcdefgh"}}}`, "failed@config.Labels"},
		{"gpg_key_is_public", "HIG-I007", `{"config":{"Env":["GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568"]}}`, "passed"},
		{"secret_mount_in_history", "HIG-I008", `{"config":{},"history":["RUN --mount=type=secret,id=npm,env=NPM_TOKEN npm ci"]}`, "passed"},
		{"argument_of_the_classic_builder", "HIG-I008", `{"config":{},"history":["|1 DB_PASSWORD=hunter2 /bin/sh -c make"]}`, "failed@history[0]"},
		{"argument_with_default", "HIG-I008", `{"config":{},"history":["ARG DB_PASSWORD=hunter2"]}`, "failed@history[0]"},
		{"variable_of_the_classic_builder", "HIG-I008", `{"config":{},"history":["/bin/sh -c #(nop)  ENV API_TOKEN=hunter2"]}`, "failed@history[0]"},
		{"argument_without_value", "HIG-I008", `{"config":{},"history":["ARG DB_PASSWORD", "RUN |1 DB_PASSWORD= /bin/sh -c make", "ENV A=$DB_PASSWORD"]}`, "passed"},
		{"aws_key_in_history", "HIG-I008", `{"config":{},"history":["RUN x AKIA` + `IOSFODNN7EXAMPLE"]}`, "failed@history[0]"},
		{"public_certificate_is_no_secret", "HIG-I009", `{"config":{},"files":[{"path":"app/server.key","text":"-----BEGIN CERTIFICATE-----"}]}`, "passed"},
		{"private_key", "HIG-I009", `{"config":{},"files":[{"path":"app/server.key","text":"-----BEGIN ` + `PRIVATE KEY-----"}]}`, "failed@/app/server.key"},
		{"ssh_key", "HIG-I009", `{"config":{},"files":[{"path":"root/.ssh/id_ed25519","text":"x"}]}`, "failed@/root/.ssh/id_ed25519"},
		{"npmrc_without_token", "HIG-I009", `{"config":{},"files":[{"path":"root/.npmrc","text":"fund=false\n"}]}`, "passed"},
		{"git_directory", "HIG-I009", `{"config":{},"files":[{"path":"app/.git/config","text":"[core]"}]}`, "failed@/app/.git/config"},
		{"sample_of_a_package", "HIG-I009", `{"config":{},"files":[{"path":"usr/share/doc/x/id_rsa","text":"x"}]}`, "passed"},

		{"program_by_path", "HIG-I012", `{"config":{"Env":["PATH=/opt/bin"],"Cmd":["app"]},"files":[{"path":"opt/bin/app","mode":"0755"}]}`, "passed"},
		{"program_by_working_directory", "HIG-I012", `{"config":{"WorkingDir":"/srv","Entrypoint":["./app"]},"files":[{"path":"srv/app","mode":"0755"}]}`, "passed"},
		{"program_missing", "HIG-I012", `{"config":{"Entrypoint":["/app"]}}`, "failed@config.Entrypoint"},
		{"program_of_root_only", "HIG-I012", `{"config":{"User":"1000","Entrypoint":["/app"]},"files":[{"path":"app","mode":"0700"}]}`, "failed@/app"},
		{"program_behind_one_that_is_not_executable", "HIG-I012", `{"config":{"Cmd":["app"]},"files":[{"path":"usr/local/bin/app","mode":"0644"},{"path":"usr/bin/app","mode":"0755"}]}`, "passed"},
		{"program_in_directory_of_root", "HIG-I012", `{"config":{"User":"1000","Entrypoint":["/root/app"]},"files":[{"path":"root","mode":"0700","dir":true},{"path":"root/app","mode":"0755"}]}`, "failed@/root"},
		{"script_without_interpreter", "HIG-I012", `{"config":{"Entrypoint":["/e.sh"]},"files":[{"path":"e.sh","mode":"0755","text":"#!/bin/bash -e\nexec x\n"}]}`, "failed@/e.sh"},
		{"script_with_interpreter", "HIG-I012", `{"config":{"Entrypoint":["/e.sh"]},"files":[{"path":"e.sh","mode":"0755","text":"#!/bin/bash -e\n"},{"path":"bin/bash","mode":"0755"}]}`, "passed"},
		{"script_with_carriage_return", "HIG-I012", `{"config":{"Entrypoint":["/e.sh"]},"files":[{"path":"e.sh","mode":"0755","text":"#!/bin/sh\r\n"},{"path":"bin/sh","mode":"0755"}]}`, "failed@/e.sh"},
		{"script_by_env", "HIG-I012", `{"config":{"Entrypoint":["/e"]},"files":[{"path":"e","mode":"0755","text":"#!/usr/bin/env -S python3 -u\n"},{"path":"usr/bin/env","mode":"0755"}]}`, "failed@/e"},
		{"no_program", "HIG-I012", `{"config":{}}`, "not-applicable"},
		{"script_with_exec", "HIG-I013", `{"config":{"Entrypoint":["/e.sh"]},"files":[{"path":"e.sh","mode":"0755","text":"#!/bin/sh\nset -e\nexec \"$@\"\n"}]}`, "passed"},
		{"script_without_exec", "HIG-I013", `{"config":{"Entrypoint":["/e"]},"files":[{"path":"e","mode":"0755","text":"#!/bin/sh\njava -jar x\n"}]}`, "failed@/e"},
		{"script_that_redirects", "HIG-I013", `{"config":{"Entrypoint":["/e"]},"files":[{"path":"e","mode":"0755","text":"#!/bin/sh\nexec 2>&1\njava -jar x\n"}]}`, "failed@/e"},
		{"script_not_there", "HIG-I013", `{"config":{"Entrypoint":["/e.sh"]}}`, "undecided@config.Entrypoint"},
		{"health_program_missing", "HIG-I015", `{"config":{"Healthcheck":{"Test":["CMD","curl","x"]}}}`, "failed@config.Healthcheck"},
		{"health_shell_there", "HIG-I015", `{"config":{"Healthcheck":{"Test":["CMD-SHELL","x"]}},"files":[{"path":"bin/sh","mode":"0755"},{"path":"bin/x","mode":"0755"}]}`, "passed"},
		{"health_program_of_shell_missing", "HIG-I015", `{"config":{"Healthcheck":{"Test":["CMD-SHELL","curl -f x || exit 1"]}},"files":[{"path":"bin/sh","mode":"0755"}]}`, "failed@config.Healthcheck"},
		{"health_program_of_busybox_missing", "HIG-I015", `{"config":{"Healthcheck":{"Test":["CMD-SHELL","wget x"]}},"files":[{"path":"bin/busybox","mode":"0755"},{"path":"bin/sh","link":"busybox"}]}`, "undecided@config.Healthcheck"},
		{"health_builtin_of_shell", "HIG-I015", `{"config":{"Healthcheck":{"Test":["CMD-SHELL","test -f /ready"]}},"files":[{"path":"bin/sh","mode":"0755"}]}`, "passed"},
		{"health_with_shell_of_its_own", "HIG-I015", `{"config":{"Shell":["/opt/pwsh","-c"],"Healthcheck":{"Test":["CMD-SHELL","Get-X"]}},"files":[{"path":"opt/pwsh","mode":"0755"}]}`, "passed"},
		{"health_without_program", "HIG-I015", `{"config":{"Healthcheck":{"Test":["CMD"]}}}`, "failed@config.Healthcheck"},
		{"health_of_unknown_kind", "HIG-I015", `{"config":{"Healthcheck":{"Test":["curl","x"]}},"files":[{"path":"bin/curl","mode":"0755"},{"path":"bin/x","mode":"0755"}]}`, "failed@config.Healthcheck"},

		{"no_date_is_undecided", "HIG-I018", `{"config":{}}`, "undecided"},
		{"malformed_date", "HIG-I018", `{"config":{"Labels":{"com.docker.dhi.date.end-of-life":"soon"}}}`, "undecided@config.Labels[com.docker.dhi.date.end-of-life]"},
		{"support_end", "HIG-I018", `{"config":{},"files":[{"path":"etc/os-release","text":"SUPPORT_END=2023-01-01\n"}]}`, "failed@/etc/os-release"},
		{"from_the_future", "HIG-I019", `{"config":{},"created":"2090-01-01T00:00:00Z"}`, "failed@created"},
		{"epoch_zero_is_undecided", "HIG-I019", `{"config":{},"created":"1970-01-01T00:00:00Z"}`, "undecided@created"},
		{"layers_that_overflow", "HIG-I020", `{"config":{},"layers":[9223372036854775807,1]}`, "failed"},
		{"layers_below_zero", "HIG-I020", `{"config":{},"layers":[-1]}`, "failed"},
		{"volume_by_detour", "HIG-I017", `{"config":{"Volumes":{"/data/../usr/local":{}}}}`, "failed@config.Volumes"},
		{"node_brings_certificates", "HIG-I024", `{"config":{},"files":[{"path":"usr/bin/node","mode":"0755"}]}`, "not-applicable"},
		{"layers_not_known", "HIG-I020", `{"config":{}}`, "undecided"},
		{"utc_needs_no_data", "HIG-I025", `{"config":{"Env":["TZ=UTC"]}}`, "not-applicable"},
		{"owner_is_user", "HIG-I028", `{"config":{"User":"1000"},"files":[{"path":"app/main","mode":"0755","uid":1000}]}`, "failed@/app/main"},
		{"data_may_be_owned", "HIG-I028", `{"config":{"User":"1000"},"files":[{"path":"data/db","mode":"0644","uid":1000}]}`, "passed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := of(run(t, tt.image), tt.id); got != tt.want {
				t.Errorf("%s says %q, want %q", tt.id, got, tt.want)
			}
		})
	}
}

func TestWithoutFilesNothingAboutFilesPasses(t *testing.T) {
	in, err := hardentest.Image(`{"config": {"User": "65532", "Entrypoint": ["/app"]}}`)
	if err != nil {
		t.Fatal(err)
	}
	in.FS = nil
	out, err := imagecheck.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"HIG-I003", "HIG-I004", "HIG-I005", "HIG-I006", "HIG-I009", "HIG-I010", "HIG-I011", "HIG-I012", "HIG-I024", "HIG-I026", "HIG-I028", "HIG-I029"} {
		if got := of(out, id); got != report.CheckUndecided {
			t.Errorf("%s says %q without files, want undecided", id, got)
		}
	}
}

func TestSecretsBelow(t *testing.T) {
	in, err := hardentest.Image(`{"config": {}, "files": [{"path": "app/.env", "text": "DB_PASSWORD=hunter2"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	in.Hidden = func(yield func(imagecheck.HiddenFile) bool) {
		for p, text := range map[string]string{
			"root/.npmrc": "//registry.npmjs.org/:_authToken=0123456789ab", "app/.env": "DB_PASSWORD=hunter1", "etc/server.key": "public", "app/main.go": "x",
		} {
			open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
			if !yield(imagecheck.HiddenFile{Path: p, Layer: 1, Size: int64(len(text)), Open: open}) {
				return
			}
		}
	}
	out, err := imagecheck.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := of(out, "HIG-I009"), "failed@/app/.env failed@/root/.npmrc"; got != want {
		t.Errorf("HIG-I009 says %q, want %q", got, want)
	}
}

func TestLimitOfFilesIsNoPass(t *testing.T) {
	in, err := hardentest.Image(`{"config": {}, "files": [{"path": "a"}, {"path": "b"}, {"path": "z/bin/sh", "mode": "0755"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	in.Budget.Files = 2
	out, err := imagecheck.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if got := of(out, "HIG-I003"); got != report.CheckUndecided {
		t.Errorf("a walk that was cut says %q, want undecided", got)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	in, err := hardentest.Image(`{"config": {}, "files": [{"path": "a"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := imagecheck.Run(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("Run with an ended context: %v", err)
	}
}
