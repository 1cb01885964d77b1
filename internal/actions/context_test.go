package actions_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/imagegate/imagegate/internal/actions"
)

func TestContext(t *testing.T) {
	vars := map[string]string{
		"GITHUB_EVENT_NAME": "push", "GITHUB_REPOSITORY": "octo/app", "GITHUB_ACTOR": "octocat", "RUNNER_ARCH": "ARM64",
	}
	got, err := actions.New(io.Discard, env(vars)).Context()
	if err != nil {
		t.Fatal(err)
	}
	want := actions.Context{Event: "push", Repository: "octo/app", Actor: "octocat", Platform: "linux/arm64"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Context (-want +got):\n%s", diff)
	}
}

func TestContextOutsideAWorkflow(t *testing.T) {
	got, err := actions.New(io.Discard, env(nil)).Context()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(actions.Context{}, got); diff != "" {
		t.Errorf("Context (-want +got):\n%s", diff)
	}
}

func TestForks(t *testing.T) {
	for _, tt := range []struct {
		name, event, actor, payload string
		fork, restricted, wantErr   bool
	}{
		{"push", "push", "a", ``, false, false, false},
		{"own_branch", "pull_request", "a", `{"pull_request":{"head":{"repo":{"full_name":"Octo/App"}}}}`, false, false, false},
		{"fork", "pull_request", "a", `{"pull_request":{"head":{"repo":{"full_name":"mallory/app"}}}}`, true, true, false},
		{"head_repository_deleted", "pull_request", "a", `{"pull_request":{"head":{"repo":null}}}`, true, true, false},
		{"fork_with_the_base's_workflow", "pull_request_target", "a", `{"pull_request":{"head":{"repo":{"full_name":"mallory/app"}}}}`, true, false, false},
		{"dependabot", "push", "dependabot[bot]", ``, false, true, false},
		{"event_is_not_json", "pull_request", "a", `{`, true, true, true},
		{"event_of_another_form", "pull_request", "a", `{"pull_request":[]}`, true, true, true},
		{"event_over_the_limit", "pull_request", "a", `{"pull_request":{"head":{"repo":{"full_name":"octo/app"}}}}` + strings.Repeat(" ", 25<<20), true, true, true},
		{"no_event_file", "pull_request", "a", "absent", true, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "event.json")
			if tt.payload != "absent" {
				if err := os.WriteFile(path, []byte(tt.payload), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := actions.New(io.Discard, env(map[string]string{
				"GITHUB_EVENT_NAME": tt.event, "GITHUB_ACTOR": tt.actor, "GITHUB_REPOSITORY": "octo/app", "GITHUB_EVENT_PATH": path,
			})).Context()
			if (err != nil) != tt.wantErr {
				t.Errorf("err = %v, want one: %t", err, tt.wantErr)
			}
			if got.Fork != tt.fork || got.Restricted != tt.restricted {
				t.Errorf("fork %t, restricted %t; want %t, %t", got.Fork, got.Restricted, tt.fork, tt.restricted)
			}
		})
	}
}

func TestPlatforms(t *testing.T) {
	for arch, want := range map[string]string{
		"X64": "linux/amd64", "ARM64": "linux/arm64", "ARM": "linux/arm/v7", "X86": "linux/386", "": "", "RISCV": "",
	} {
		got, err := actions.New(io.Discard, env(map[string]string{"RUNNER_ARCH": arch})).Context()
		if err != nil || got.Platform != want {
			t.Errorf("RUNNER_ARCH=%s: platform %q, err %v; want %q", arch, got.Platform, err, want)
		}
	}
}
