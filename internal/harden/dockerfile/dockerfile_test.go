package dockerfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// lint runs every check on text; a txtar archive may hold a .dockerignore too.
func lint(t testing.TB, text string) []report.Check {
	t.Helper()
	opt := Options{Ignored: func() (string, []string, bool) { return ".dockerignore", nil, false }}
	if a := txtar.Parse([]byte(text)); len(a.Files) > 0 {
		for _, f := range a.Files {
			switch f.Name {
			case "Dockerfile":
				text = string(f.Data)
			case ".dockerignore":
				data := string(f.Data)
				opt.Ignored = func() (string, []string, bool) { return ".dockerignore", strings.Split(data, "\n"), true }
			}
		}
	}
	f, err := Parse("Dockerfile", []byte(text), opt)
	if err != nil {
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Fatalf("Parse: %T is no *ParseError: %v", err, err)
		}
		return Refused("Dockerfile", pe)
	}
	return Run(f)
}

// of returns the results of one check as "state@line".
func of(results []report.Check, id string) []string {
	var out []string
	for _, r := range results {
		if r.ID == id {
			out = append(out, fmt.Sprintf("%s@%d", r.State, r.Line))
		}
	}
	return out
}

func TestChecksAreDocumented(t *testing.T) {
	if err := check.ValidateAll(Checks()); err != nil {
		t.Error(err)
	}
}

func TestExamples(t *testing.T) {
	for _, c := range Checks() {
		t.Run(c.ID, func(t *testing.T) {
			bad := of(lint(t, c.Bad), c.ID)
			if len(bad) == 0 || !strings.HasPrefix(bad[0], report.CheckFailed) {
				t.Errorf("the bad example of %s gives %v, want failed", c.ID, bad)
			}
			if good := of(lint(t, c.Good), c.ID); len(good) != 1 || good[0] != report.CheckPassed+"@0" {
				t.Errorf("the good example of %s gives %v, want one pass", c.ID, good)
			}
		})
	}
}

// TestRules holds one case per line: what a check says of a file.
func TestRules(t *testing.T) {
	digest := "@sha256:" + exampleDigest
	testRules(t, []ruleCase{
		{"arg_before_from_is_substituted", "HIG-D002", "ARG V=3\nARG B=python:$V" + digest + "\nFROM ${B}\n", "passed@0"},
		{"arg_without_default_is_undecided", "HIG-D002", "ARG B\nFROM $B\n", "undecided@2"},
		{"stage_needs_no_pin", "HIG-D002", "FROM x" + digest + " AS a\nFROM a\n", "passed@0"},
		{"stage_name_ignores_case", "HIG-D002", "FROM x" + digest + " AS Build\nFROM scratch\nCOPY --from=BUILD /a /a\n", "passed@0"},
		{"copy_from_number_is_a_stage", "HIG-D002", "FROM x" + digest + "\nFROM scratch\nCOPY --from=0 /a /a\n", "passed@0"},
		{"copy_from_image", "HIG-D002", "FROM scratch\nCOPY --from=busybox:1 /bin/busybox /\n", "failed@2"},
		{"mount_from_image", "HIG-D002", "FROM x" + digest + "\nRUN --mount=type=bind,from=busybox:1,target=/b true\n", "failed@2"},
		{"scratch_needs_no_pin", "HIG-D002", "FROM scratch\n", "not-applicable@0"},
		{"platform_flag", "HIG-D002", "FROM --platform=$BUILDPLATFORM golang:1.26\n", "failed@1"},
		{"placeholder_is_refused", "HIG-D001", "FROM dhi.io/x:<tag>\n", "failed@1"},
		{"unknown_instruction", "HIG-D001", "FROM x\nCOPPY a b\n", "failed@2"},
		{"no_from", "HIG-D001", "RUN x\n", "failed@1"},
		{"copy_without_destination", "HIG-D001", "FROM x\nCOPY a\n", "failed@2"},
		{"latest_tag", "HIG-D003", "FROM x:latest\n", "failed@1"},
		{"digest_fixes_latest", "HIG-D003", "FROM x:latest" + digest + "\n", "passed@0"},

		{"user_in_earlier_stage_of_chain", "HIG-D005", "FROM python:3 AS a\nUSER 1000\nFROM a\nRUN x\n", "passed@0"},
		{"user_in_other_stage_does_not_count", "HIG-D005", "FROM python:3 AS a\nUSER 1000\nFROM python:3\nRUN x\n", "failed@3"},
		{"user_root_with_group", "HIG-D005", "FROM python:3\nUSER root:staff\n", "failed@2"},
		{"user_zero", "HIG-D005", "FROM python:3\nUSER 0:0\n", "failed@2"},
		{"last_user_counts", "HIG-D005", "FROM python:3\nUSER 1000\nUSER root\n", "failed@3"},
		{"user_from_arg", "HIG-D005", "FROM python:3\nARG UID=1000\nUSER $UID\n", "passed@0"},
		{"user_from_arg_that_is_root", "HIG-D005", "FROM python:3\nARG UID=0\nUSER ${UID}\n", "failed@3"},
		{"onbuild_user_is_not_this_image's", "HIG-D005", "FROM python:3\nONBUILD USER 1000\n", "failed@1"},
		{"rootless_is_not_root", "HIG-D005", "FROM python:3\nUSER rootless\n", "passed@0"},
		{"hardened_base_decides", "HIG-D005", "FROM dhi.io/python:3.13\n", "undecided@1"},
		{"dev_variant_is_root", "HIG-D005", "FROM dhi.io/python:3.13-dev\n", "failed@1"},

		{"copy_of_everything", "HIG-D007", "FROM x:1 AS a\nFROM scratch\nCOPY --from=a / /\n", "failed@3"},
		{"compiler_in_builder_only", "HIG-D007", "FROM debian:13 AS a\nRUN apt-get install -y gcc\nFROM debian:13\nCOPY --from=a /app /app\n", "passed@0"},
		{"virtual_build_deps_removed", "HIG-D007", "FROM alpine:3\nRUN apk add --virtual .b gcc && pip install x && apk del .b\n", "passed@0"},
		{"base_on_own_builder", "HIG-D007", "FROM golang:1.26 AS a\nFROM a\n", "failed@1"},

		{"lower_case_instruction", "HIG-D008", "from x:1\ncmd java -jar a\n", "failed@2"},
		{"single_quotes_are_no_json", "HIG-D008", "FROM x:1\nCMD ['a']\n", "failed@2"},
		{"npm", "HIG-D009", "FROM x:1\nCMD [\"npm\",\"start\"]\n", "failed@2"},
		{"sh_c_with_exec", "HIG-D009", "FROM x:1\nCMD [\"sh\",\"-c\",\"exec app\"]\n", "passed@0"},
		{"sh_c_without_exec", "HIG-D009", "FROM x:1\nCMD [\"sh\",\"-c\",\"app; true\"]\n", "failed@2"},
		{"script_is_undecided", "HIG-D009", "FROM x:1\nENTRYPOINT [\"/entrypoint.sh\"]\nCMD [\"npm\"]\n", "undecided@2"},
		{"tini", "HIG-D009", "FROM x:1\nENTRYPOINT [\"tini\",\"--\"]\nCMD [\"npm\",\"start\"]\n", "passed@0"},

		{"add_git_with_commit", "HIG-D010", "FROM scratch\nADD https://github.com/a/b.git#" + strings.Repeat("a", 40) + " /x\n", "passed@0"},
		{"add_git_with_branch", "HIG-D010", "FROM scratch\nADD https://github.com/a/b.git#main /x\n", "failed@2"},
		{"add_archive", "HIG-D011", "FROM scratch\nADD root.tar.gz /\n", "passed@0"},
		{"onbuild_add", "HIG-D011", "FROM scratch\nONBUILD ADD x /x\n", "failed@2"},

		{"apt_versions", "HIG-D012", "FROM debian:13\nRUN apt-get install -y --no-install-recommends curl=8.* git=1:2\n", "passed@0"},
		{"apt_in_heredoc", "HIG-D012", "FROM debian:13\nRUN <<EOF\napt-get update\napt-get install -y git\nEOF\n", "failed@2"},
		{"apt_in_heredoc_of_bash", "HIG-D012", "FROM debian:13\nRUN <<EOT bash\n  apt-get install -y \\\n   git\nEOT\n", "failed@2"},
		{"text_heredoc_is_no_script", "HIG-D012", "FROM debian:13\nRUN cat > /x <<EOF\napt-get install -y git\nEOF\n", "not-applicable@0"},
		{"python_heredoc_is_no_script", "HIG-D012", "FROM debian:13\nRUN <<EOF\n#!/usr/bin/env python3\napt-get install -y git\nEOF\n", "not-applicable@0"},
		{"apt_option_with_argument", "HIG-D012", "FROM debian:13\nRUN apt-get -o Acquire::Retries=3 install -t trixie-backports -y curl=8.*\n", "passed@0"},
		{"apk_tilde", "HIG-D012", "FROM alpine:3\nRUN apk add --no-cache 'curl~8' git=~2\n", "passed@0"},
		{"apk_virtual", "HIG-D012", "FROM alpine:3\nRUN apk add --no-cache -t .deps curl~8\n", "passed@0"},
		{"pip_requirements", "HIG-D012", "FROM python:3\nRUN pip install --no-cache-dir -r requirements.txt\n", "not-applicable@0"},
		{"pip_range", "HIG-D012", "FROM python:3\nRUN python -m pip install 'flask>=3'\n", "passed@0"},
		{"pip_unpinned", "HIG-D012", "FROM python:3\nRUN pip3 install --upgrade pip\n", "failed@2"},
		{"npm_global", "HIG-D012", "FROM node:24\nRUN npm install -g @angular/cli@13 typescript\n", "failed@2"},
		{"npm_ci", "HIG-D012", "FROM node:24\nRUN npm ci\n", "not-applicable@0"},
		{"go_install_latest", "HIG-D012", "FROM golang:1\nRUN go install example.com/x@latest\n", "failed@2"},
		{"exec_form_run", "HIG-D012", "FROM python:3\nRUN [\"pip\", \"install\", \"flask\"]\n", "failed@2"},
		{"escape_directive", "HIG-D012", "# escape=`\nFROM debian:13\nRUN apt-get install -y `\n  curl\n", "failed@3"},

		{"apt_lists_stay", "HIG-D013", "FROM debian:13\nRUN apt-get update && apt-get install -y x=1\n", "failed@2"},
		{"apt_cache_mount", "HIG-D013", "FROM debian:13\nRUN --mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y x=1\n", "passed@0"},
		{"builder_may_keep_caches", "HIG-D013", "FROM debian:13 AS b\nRUN apt-get update && apt-get install -y x=1\nFROM scratch\nCOPY --from=b /x /x\n", "not-applicable@0"},
		{"pip_cache_by_env", "HIG-D013", "FROM python:3\nENV PIP_NO_CACHE_DIR=1\nRUN pip install x==1\n", "passed@0"},
		{"pip_cache_mount", "HIG-D013", "FROM python:3\nRUN --mount=type=cache,target=/root/.cache/pip pip install -r r.txt\n", "passed@0"},

		{"arg_without_value_is_a_secret", "HIG-D014", "FROM x:1\nARG SNYK_TOKEN\n", "failed@2"},
		{"env_pointing_to_a_file", "HIG-D014", "FROM x:1\nENV DB_PASSWORD_FILE=/run/secrets/x DB_PASSWORD=/run/secrets/x\n", "passed@0"},
		{"env_from_arg", "HIG-D014", "FROM x:1\nARG V\nENV API_KEY=$V\n", "failed@3"},
		{"env_empty", "HIG-D014", "FROM x:1\nENV POSTGRES_PASSWORD=\"\"\n", "passed@0"},
		{"legacy_env", "HIG-D014", "FROM x:1\nENV POSTGRES_PASSWORD secret-word\n", "failed@2"},
		{"url_with_password_in_run", "HIG-D014", "FROM x:1\nRUN git clone https://me:s3cr3t@github.com/a/b\n", "failed@2"},
		{"secret_mount", "HIG-D014", "FROM x:1\nRUN --mount=type=secret,id=t,env=TOKEN curl -H \"$TOKEN\" u\n", "passed@0"},
		{"gpg_key_is_public", "HIG-D014", "FROM x:1\nENV GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568\n", "passed@0"},
		{"env_file", "HIG-D015", "FROM x:1\nCOPY .env /app/\n", "failed@2"},
		{"env_example", "HIG-D015", "FROM x:1\nCOPY .env.example /app/\n", "passed@0"},

		{"curl_pipe_sudo_bash", "HIG-D016", "FROM x:1\nRUN curl -sL https://x | sudo -E bash -\n", "failed@2"},
		{"curl_through_tee", "HIG-D016", "FROM x:1\nRUN curl -sL https://x | tee /log | sh\n", "failed@2"},
		{"wget_dash", "HIG-D016", "FROM x:1\nRUN wget -qO- https://x | sh -s -- -b\n", "failed@2"},
		{"bash_process_substitution", "HIG-D016", "FROM x:1\nRUN bash <(curl -s https://x)\n", "failed@2"},
		{"sh_c_substitution", "HIG-D016", "FROM x:1\nRUN sh -c \"$(curl -fsSL https://x)\"\n", "failed@2"},
		{"curl_pipe_tar", "HIG-D016", "FROM x:1\nRUN curl -sL https://x | tar xz\n", "passed@0"},
		{"curl_pipe_gpg", "HIG-D016", "FROM x:1\nRUN curl -s https://x | gpg --dearmor > /k\n", "passed@0"},
		{"curl_pipe_json_tool", "HIG-D016", "FROM x:1\nRUN curl -s https://x | python3 -m json.tool\n", "passed@0"},
		{"curl_in_quotes", "HIG-D016", "FROM x:1\nRUN echo 'curl x | sh'\n", "passed@0"},
		{"download_then_run", "HIG-D016", "FROM x:1\nRUN curl -o i.sh https://x && sh i.sh\n", "failed@2"},
		{"download_verify_run", "HIG-D016", "FROM x:1\nRUN curl -o i.sh https://x && echo \"abc  i.sh\" | sha256sum -c - && sh i.sh\n", "passed@0"},
		{"curl_pipe_in_onbuild", "HIG-D016", "FROM x:1\nONBUILD RUN curl https://x | sh\n", "failed@2"},
		{"or_is_no_pipe", "HIG-D016", "FROM x:1\nRUN curl -o /x https://x || sh -c 'exit 1'\n", "passed@0"},

		{"healthcheck_none", "HIG-D017", "FROM x:1\nHEALTHCHECK NONE\n", "failed@2"},
		{"healthcheck_inherited", "HIG-D017", "FROM x:1 AS a\nHEALTHCHECK CMD true\nFROM a\n", "passed@0"},
		{"healthcheck_shell_on_scratch", "HIG-D017", "FROM scratch\nHEALTHCHECK CMD /app health\n", "failed@2"},
		{"stopsignal_number", "HIG-D018", "FROM x:1\nSTOPSIGNAL 9\n", "failed@2"},
		{"chmod_777", "HIG-D026", "FROM x:1\nRUN chmod -R 0777 /x\n", "failed@2"},
		{"chmod_sticky", "HIG-D026", "FROM x:1\nRUN chmod 1777 /tmp\n", "passed@0"},
		{"chmod_setuid", "HIG-D026", "FROM x:1\nRUN chmod u+s /x\n", "failed@2"},
		{"copy_chmod_world", "HIG-D026", "FROM x:1\nCOPY --chmod=666 a /a\n", "failed@2"},
		{"chmod_plus_x", "HIG-D026", "FROM x:1\nRUN chmod +x /x && chmod 755 /y\n", "passed@0"},
		{"curl_combined_k", "HIG-D022", "FROM x:1\nRUN curl -sSLk https://x -o /x\n", "failed@2"},
		{"curl_k_in_value", "HIG-D022", "FROM x:1\nRUN curl -sSLo k https://x\n", "passed@0"},
		{"node_tls_env", "HIG-D022", "FROM x:1\nENV NODE_TLS_REJECT_UNAUTHORIZED=0\n", "failed@2"},
		{"expose_range", "HIG-D028", "FROM x:1\nEXPOSE 80-90/tcp\n", "failed@2"},
		{"expose_arg", "HIG-D028", "FROM x:1\nARG P=80\nEXPOSE $P\n", "failed@3"},
		{"expose_ssh", "HIG-D024", "FROM x:1\nEXPOSE 22\n", "failed@2"},
		{"workdir_after_absolute", "HIG-D030", "FROM x:1 AS a\nWORKDIR /a\nFROM a\nWORKDIR b\n", "passed@0"},
		{"dockerignore_absent", "HIG-D020", "FROM x:1\nCOPY . .\n", "failed@2"},
		{"dockerignore_copy_of_a_directory", "HIG-D020", "FROM x:1\nCOPY src/ .\n", "not-applicable@0"},
		{"dockerignore_allowlist", "HIG-D020", "-- Dockerfile --\nFROM x:1\nCOPY . .\n-- .dockerignore --\n*\n!src\n", "passed@0"},
		{"dockerignore_reopened", "HIG-D020", "-- Dockerfile --\nFROM x:1\nCOPY . .\n-- .dockerignore --\n*\n!.env\n", "failed@2"},

		{"silenced", "HIG-D012", "FROM debian:13\n# imagegate: ignore HIG-D012 tested weekly\nRUN apt-get install -y curl\n", "not-applicable@3"},
		{"silenced_inside", "HIG-D012", "FROM debian:13\nRUN apt-get install -y \\\n  # imagegate: ignore HIG-D012 tested weekly\n  curl\n", "not-applicable@2"},
		{"silence_needs_reason", "HIG-D012", "FROM debian:13\n# imagegate: ignore HIG-D012\nRUN apt-get install -y curl\n", "failed@3"},
		{"silence_above_from", "HIG-D017", "# imagegate: ignore HIG-D017 only Kubernetes runs it\nFROM debian:13\n", "not-applicable@2"},
	})
}

// ruleCase is a file and what one check says of it, as "state@line".
type ruleCase struct{ name, id, file, want string }

func testRules(t *testing.T, cases []ruleCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(of(lint(t, tt.file), tt.id), " ")
			if got != tt.want {
				t.Errorf("%s says %q, want %q of:\n%s", tt.id, got, tt.want, tt.file)
			}
		})
	}
}

// TestEveryCheckSpeaks makes sure that no check is silent on an ordinary file.
func TestEveryCheckSpeaks(t *testing.T) {
	got := lint(t, "FROM python:3.13 AS a\nRUN pip install x\nFROM scratch\nCOPY --from=a /x /x\nCMD [\"/x\"]\n")
	seen := map[string]bool{}
	for _, r := range got {
		seen[r.ID] = true
		if strings.Contains(r.Reason, "no conclusion") {
			t.Errorf("%s came to no conclusion", r.ID)
		}
	}
	for _, c := range Checks() {
		if !seen[c.ID] {
			t.Errorf("%s has no result", c.ID)
		}
	}
}

func TestHostileFilesAreBounded(t *testing.T) {
	var doubling, many, from strings.Builder
	doubling.WriteString("FROM scratch\nENV A0=xxxxxxxxxxxxxxxx\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&doubling, "ENV A%d=$A%d$A%d\n", i, i-1, i-1)
	}
	many.WriteString("FROM scratch\n")
	for i := range 20_000 {
		fmt.Fprintf(&many, "ENV B%d=$B%d\n", i, i-1)
	}
	from.WriteString("FROM a AS s0\n")
	for i := 1; i < 4000; i++ {
		fmt.Fprintf(&from, "FROM s%d AS s%d\n", i-1, i)
	}
	for name, text := range map[string]string{
		"doubling_variables": doubling.String(), "many_instructions": many.String(), "long_chain": from.String(),
		"too_large": "FROM x\n#" + strings.Repeat("a", MaxSize), "nul": "FROM x\x00", "nested_substitution": "FROM x:1\nRUN " + strings.Repeat("$(", 50_000),
		"unterminated_heredoc": "FROM x\nRUN <<EOF\n", "deep_quotes": "FROM x:1\nCMD " + strings.Repeat("[", 100_000),
	} {
		t.Run(name, func(t *testing.T) { lint(t, text) }) // would take hours, or panic, without the limits
	}
}

func FuzzDockerfile(f *testing.F) {
	for _, c := range Checks() {
		f.Add(c.Bad)
		f.Add(c.Good)
	}
	f.Add("FROM x\nONBUILD RUN <<E\nE\n")
	f.Add("# escape=`\nFROM a AS b\nCOPY --from=b <<E /x\nE\n")
	f.Add("ARG A\nFROM ${A:-b}\nARG A\nENV X=${A%%*}\nHEALTHCHECK NONE\nSTOPSIGNAL $X")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		for _, r := range lint(t, text) {
			if r.Line < 0 || r.Line > lines {
				t.Errorf("%s points to line %d of %d", r.ID, r.Line, lines)
			}
			if r.Reason == "" || r.Location == "" {
				t.Errorf("%s has no reason or place", r.ID)
			}
		}
	})
}
