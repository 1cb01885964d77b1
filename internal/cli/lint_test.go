package cli_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// checkout is a working directory with files, in which the program runs.
func checkout(t *testing.T, files map[string]string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), env: map[string]string{"HOME": t.TempDir()}}
	for name, text := range files {
		path := w.path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(w.dir)
	return w
}

const pin = "@sha256:0b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccddeeff0"

// good passes every check of a Dockerfile.
const good = `# syntax=docker/dockerfile:1
FROM dhi.io/golang:1.26-debian13-dev` + pin + ` AS build
WORKDIR /src
COPY go.mod main.go ./
RUN CGO_ENABLED=0 go build -o /app .
FROM scratch
LABEL org.opencontainers.image.source="https://git.example/app" org.opencontainers.image.revision="abc" org.opencontainers.image.title="app"
COPY --from=build /app /app
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK CMD ["/app", "health"]
ENTRYPOINT ["/app"]
`

const ignored = ".git\n.env\n.env.*\n"

func TestLintExitCodes(t *testing.T) {
	rootUser := map[string]string{"Dockerfile": "FROM python:3.13\nUSER root\nCMD [\"python\"]\n", ".dockerignore": ignored}
	clean := map[string]string{"Dockerfile": good, ".dockerignore": ignored}
	with := func(files map[string]string, name, text string) map[string]string {
		out := maps.Clone(files)
		out[name] = text
		return out
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		args  []string
		code  fault.Code
		want  string
	}{
		{"clean", clean, nil, fault.OK, "PASS no finding"},
		{"clean_at_every_severity", clean, []string{"--fail-on-severity", "negligible"}, fault.OK, "PASS no finding"},
		{"a_high_finding", rootUser, nil, fault.Policy, "Dockerfile:2: high: HIG-D005"},
		{"one_file_named", rootUser, []string{"Dockerfile"}, fault.Policy, "remedy: "},
		{"only_critical_fails", rootUser, []string{"--fail-on-severity=critical"}, fault.OK, "HIG-D005"},
		{"none_fails", rootUser, []string{"--fail-on-severity=none"}, fault.OK, "HIG-D005"},
		{"fail_build_false", rootUser, []string{"--fail-build=false"}, fault.OK, "FAIL"},
		{"the_configuration_file_counts", with(rootUser, ".imagegate.yaml", "fail-on-severity: critical\n"), nil, fault.OK, "HIG-D005"},
		{"the_configuration_file_names_the_paths", with(with(rootUser, "sub/Dockerfile", good), ".imagegate.yaml", "lint: [sub]\n"), nil, fault.OK, "1 file: sub/Dockerfile"},
		{"excluded", with(clean, "testdata/Dockerfile", rootUser["Dockerfile"]), []string{"--lint-exclude", "testdata"}, fault.OK, "1 file: Dockerfile"},
		{"a_base_that_counts_as_hardened", with(clean, "Dockerfile", strings.Replace(good, "FROM scratch", "FROM reg.example/base:1"+pin, 1)),
			[]string{"--hardened-bases", "reg.example/", "--fail-on-severity", "low"}, fault.OK, "PASS"},
		{"a_build_argument_decides", with(clean, "Dockerfile", "ARG TAG\nFROM dhi.io/static:${TAG}\nUSER 65532:65532\n"), []string{"--build-arg", "TAG=latest", "--fail-on-severity", "low"}, fault.Policy, "latest"},
		{"silenced_with_a_reason", with(clean, "Dockerfile", strings.Replace(good, "USER 65532", "# imagegate: ignore HIG-D005 the test of silence\nUSER root # ", 1)), nil, fault.OK, "PASS"},
		{"a_compose_file", map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    privileged: true\n"}, nil, fault.Policy, "compose.yaml:4:"},
		{"what_cannot_be_parsed_is_a_finding", map[string]string{"Dockerfile": "FROM\n"}, nil, fault.Policy, "HIG-D001"},
		{"nothing_to_look_at", map[string]string{"README.md": "x"}, nil, fault.Unavailable, "nothing was checked"},
		{"no_such_path", clean, []string{"nowhere"}, fault.Usage, "nowhere"},
		{"no_such_path_elsewhere", clean, []string{"../nowhere/at/all"}, fault.Usage, "nowhere"},
		{"a_pattern", with(with(clean, "a/api.dockerfile", rootUser["Dockerfile"]), "b/web.dockerfile", good), []string{"*/*.dockerfile"}, fault.Policy, "2 Dockerfiles"},
		{"a_pattern_that_matches_nothing", clean, []string{"*/*.dockerfile"}, fault.Usage, "*/*.dockerfile"},
		{"too_large", map[string]string{"Dockerfile": "FROM x:1\n#" + strings.Repeat("a", 1<<20)}, nil, fault.Policy, "refused: it is larger than the limit of 1048576 bytes"},
		{"no_dockerfile", map[string]string{"notes.txt": "x"}, []string{"notes.txt"}, fault.Usage, "neither a Dockerfile nor a Compose file"},
		{"no_such_severity", clean, []string{"--fail-on-severity=grave"}, fault.Usage, "grave"},
		{"write_without_fix", clean, []string{"--write"}, fault.Usage, "--fix"},
		{"build_argument_without_value", clean, []string{"--build-arg", "A"}, fault.Usage, "NAME=VALUE"},
		{"bad_exclude", clean, []string{"--lint-exclude", "["}, fault.Usage, "glob"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := checkout(t, tt.files)
			code, stdout, stderr := w.run(append([]string{"lint"}, tt.args...)...)
			if code != tt.code {
				t.Errorf("exit %d, want %d", code, tt.code)
			}
			if !strings.Contains(stdout+stderr, tt.want) {
				t.Errorf("nothing says %q", tt.want)
			}
			if t.Failed() {
				t.Logf("%s\n%s", stdout, stderr)
			}
		})
	}
}

// TestLintOfPathsElsewhere: a path that does not lie below the working directory is
// told as it was named.
func TestLintOfPathsElsewhere(t *testing.T) {
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "Dockerfile"), []byte("FROM python:3.13\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := checkout(t, map[string]string{"Dockerfile": good, ".dockerignore": ignored})
	code, stdout, _ := w.run("lint", ".", other, filepath.Join(w.dir, "Dockerfile"))
	if code != fault.Policy || !strings.Contains(stdout, filepath.ToSlash(other)+"/Dockerfile:1: ") || !strings.Contains(stdout, "2 Dockerfiles") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
}

// TestLintFollowsNoLinkOut: the checkout of a pull request is hostile, and what a link
// in it leads to must not be quoted in a report.
func TestLintFollowsNoLinkOut(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("FROM the-secret-of-the-runner\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := checkout(t, map[string]string{"a/Dockerfile": good, "compose.yaml": "services:\n  a:\n    image: a:1\n    env_file: [linked.env]\n"})
	for _, link := range []string{"Dockerfile", "linked.env", "a/.dockerignore"} {
		if err := os.Symlink(secret, w.path(link)); err != nil {
			t.Skip("no symbolic links here")
		}
	}
	for _, args := range [][]string{{"lint"}, {"lint", "Dockerfile"}, {"lint", "--fix"}, {"lint", "--fix", "--write"}} {
		code, stdout, stderr := w.run(args...)
		if strings.Contains(stdout+stderr, "the-secret-of-the-runner") {
			t.Errorf("%v quotes what the link leads to:\n%s%s", args, stdout, stderr)
		}
		if len(args) == 2 && args[1] == "Dockerfile" && code != fault.Unavailable {
			t.Errorf("a link out: exit %d, want %d: %s", code, fault.Unavailable, stderr)
		}
	}
}

// TestLintFollowsLinksWithin: a finding must not hide behind a link that a build follows.
func TestLintFollowsLinksWithin(t *testing.T) {
	w := checkout(t, map[string]string{"hidden/x.txt": "FROM python:3.13\nUSER root\n", ".dockerignore": ignored})
	if err := os.Symlink("hidden/x.txt", w.path("Dockerfile")); err != nil {
		t.Skip("no symbolic links here")
	}
	if err := os.Symlink("/etc/hostname", w.path("x.Dockerfile")); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := w.run("lint")
	if code != fault.Policy || !strings.Contains(stdout, "Dockerfile:2: high: HIG-D005") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if !strings.Contains(stdout, "warning: x.Dockerfile is a link that was not followed") {
		t.Errorf("the link that leads out is not told:\n%s", stdout)
	}
}

func TestLintReport(t *testing.T) {
	w := checkout(t, map[string]string{"svc/Dockerfile": "FROM python:3.13\nUSER root\n", ".dockerignore": ignored})
	code, _, stderr := w.run("lint", "--report-dir", w.path("report"), "--sarif-file", w.path("out/lint.sarif"))
	r := w.report()
	must(t, code, r, stderr, fault.Policy, report.Fail)
	if r.Subject.Source != report.SourceFiles || r.Policy.FailOnCheck != "high" || r.Score == nil || r.Score.Total != 12 || r.Compliance.Failed == 0 {
		t.Errorf("the report says %+v, %+v, %+v", r.Subject, r.Policy, r.Score)
	}
	var log struct {
		Runs []struct {
			AutomationDetails struct{ ID string }
			Results           []struct {
				RuleID, Level string
				Locations     []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	for _, name := range []string{w.path("report/results.sarif"), w.path("out/lint.sarif")} {
		data, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(data, &log)
		}
		if err != nil {
			t.Fatal(err)
		}
		if id := log.Runs[0].AutomationDetails.ID; id != "hardened-image-gate/lint/" {
			t.Errorf("category %q", id)
		}
		found := false
		for _, res := range log.Runs[0].Results {
			at := res.Locations[0].PhysicalLocation
			if at.ArtifactLocation.URI != "svc/Dockerfile" || at.Region.StartLine < 1 {
				t.Errorf("%s is at %+v", res.RuleID, at)
			}
			found = found || res.RuleID == "HIG-D005" && res.Level == "error" && at.Region.StartLine == 2
		}
		if !found {
			t.Errorf("%s lacks the error HIG-D005 at line 2: %s", name, data)
		}
	}
	summary := w.file("summary.md")
	if !strings.Contains(summary, "Scorecard") || strings.Contains(summary, "Vulnerabilities were not decided") || strings.Contains(summary, "Attestations") {
		t.Errorf("the summary speaks of an image, or of no score:\n%s", summary)
	}
}

func TestLintSarifAlone(t *testing.T) {
	w := checkout(t, map[string]string{"Dockerfile": good, ".dockerignore": ignored})
	if code, _, stderr := w.run("lint", "--sarif-file", "lint.sarif"); code != fault.OK {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if _, err := os.Stat("lint.sarif"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("imagegate-report"); err == nil {
		t.Error("a report directory was written that nobody asked for")
	}
}

const fixable = "FROM scratch\nCOPY app /app\nUSER 65532:65532\nCMD /app serve\n"

func TestLintFix(t *testing.T) {
	files := map[string]string{"svc/Dockerfile": fixable, "compose.yaml": "services:\n  web:\n    image: a:1\n    user: \"1000:1000\"\n"}
	w := checkout(t, files)
	_, diff, stderr := w.run("lint", "--fix")
	if !strings.HasPrefix(diff, "--- a/") || !strings.Contains(diff, "+CMD [\"/app\", \"serve\"]") || !strings.Contains(diff, "no-new-privileges") {
		t.Errorf("standard output is no diff of the two files:\n%s", diff)
	}
	if !strings.Contains(stderr, "HIG-D008") {
		t.Errorf("the findings are not on standard error:\n%s", stderr)
	}
	for name, want := range files {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s was changed (%v)", name, err)
		}
	}
	if git, err := exec.LookPath("git"); err == nil {
		cmd := exec.Command(git, "apply", "--check", "-")
		cmd.Stdin = strings.NewReader(diff)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("git does not apply the diff: %v\n%s\n%s", err, out, diff)
		}
	}

	if err := os.Chmod("svc/Dockerfile", 0o600); err != nil {
		t.Fatal(err)
	}
	_, stdout, stderr := w.run("lint", "--fix", "--write")
	if stdout != "" || !strings.Contains(stderr, "changed svc/Dockerfile for HIG-D008") {
		t.Errorf("got %q, %q", stdout, stderr)
	}
	got, err := os.ReadFile("svc/Dockerfile")
	if err != nil || string(got) != strings.Replace(fixable, "CMD /app serve", `CMD ["/app", "serve"]`, 1) {
		t.Errorf("the file is now %q, %v", got, err)
	}
	if info, err := os.Stat("svc/Dockerfile"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile("plain.txt", []byte(fixable), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("plain.txt", "Dockerfile"); err != nil {
		t.Skip("no symbolic links here")
	}
	if _, _, stderr := w.run("lint", "--fix", "--write", "Dockerfile"); !strings.Contains(stderr, "not changed: Dockerfile is a link") {
		t.Errorf("a link: %s", stderr)
	}
	if err := os.Remove("Dockerfile"); err != nil {
		t.Fatal(err)
	}
	if _, diff, _ := w.run("lint", "--fix"); diff != "" {
		t.Errorf("there is more to fix:\n%s", diff)
	}
}

// TestLintHostileText: names and contents of files reach the log of a workflow.
func TestLintHostileText(t *testing.T) {
	const evil = "::error::forged\x1b[31m\u202e ##[group]x"
	w := checkout(t, map[string]string{
		"Dockerfile":           "FROM python:3.13\nENV PASSWORD=\"" + evil + "\"\nLABEL x=\"" + evil + "\"\nUSER root\nRUN <<EOF\n  ::error::forged\x1b[31m\nEOF\nCMD /app serve\n",
		"::x\u202e/Dockerfile": "FROM " + evil + "\n",
		"compose.yaml":         "services:\n  \"" + `::error::x\u001b[31m` + "\":\n    image: \"" + `\u202e::x` + "\"\n",
	})
	for _, env := range []string{"", "true"} {
		w.env["GITHUB_ACTIONS"] = env
		_, stdout, stderr := w.run("lint", "--report-dir", w.path("report"))
		neutral(t, "standard output", stdout)
		neutral(t, "standard error", stderr)
	}
	_, diff, stderr := w.run("lint", "--fix")
	neutral(t, "the diff in a workflow", diff)
	neutral(t, "standard error", stderr)
	if diff == "" {
		t.Error("there is no diff to look at")
	}
}

func TestChecksCommand(t *testing.T) {
	w := checkout(t, nil)
	code, stdout, _ := w.run("checks")
	if code != fault.OK || !strings.Contains(stdout, "HIG-I001  high") || !strings.Contains(stdout, "Container (imagegate run-check") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	code, stdout, _ = w.run("checks", "hig-d002")
	for _, want := range []string{"HIG-D002", "Remedy: ", "References: CIS Docker 4.2", "Fails:", "Passes:", "USER 65532:65532"} {
		if code != fault.OK || !strings.Contains(stdout, want) {
			t.Errorf("exit %d, nothing says %q:\n%s", code, want, stdout)
		}
	}
	if code, _, stderr := w.run("checks", "HIG-X999"); code != fault.Usage || !strings.Contains(stderr, "hint: ") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestOwnRepositoryIsClean lints this very repository as its users would, and wants no
// finding of any severity.
func TestOwnRepositoryIsClean(t *testing.T) {
	t.Chdir(root)
	w := &world{t: t, env: map[string]string{"HOME": t.TempDir()}}
	if code, stdout, stderr := w.run("lint", "--fail-on-severity", "negligible"); code != fault.OK || strings.Contains(stdout, "undecided") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}
