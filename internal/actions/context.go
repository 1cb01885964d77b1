package actions

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxEvent is the largest event file that is read, in bytes. GitHub caps webhook
// payloads at 25 MB.
const maxEvent = 25 << 20

// Context is what the runner says about the run.
type Context struct {
	// Event is the name of the event, such as push or pull_request.
	Event string
	// Repository is owner/name.
	Repository string
	Actor      string
	// Platform is the image platform that matches the runner's processor, such as
	// linux/amd64; "" when the runner does not say.
	Platform string
	// Fork is true for a pull request from another repository.
	Fork bool
	// Restricted is true when GitHub gives the run no secrets and a read-only token:
	// pull requests from forks and runs that Dependabot started. A missing credential
	// is then no mistake of the workflow's author.
	Restricted bool
}

// Context returns what the runner says. The error tells that the event file could not
// be read or understood; the rest of the Context is filled in all the same, and a pull
// request is then taken to be from a fork, which promises the least.
func (r *Runner) Context() (Context, error) {
	c := Context{
		Event:      r.getenv("GITHUB_EVENT_NAME"),
		Repository: r.getenv("GITHUB_REPOSITORY"),
		Actor:      r.getenv("GITHUB_ACTOR"),
		Platform:   platforms(r.getenv("RUNNER_ARCH")),
	}
	var err error
	if strings.HasPrefix(c.Event, "pull_request") {
		c.Fork, err = fromFork(r.getenv("GITHUB_EVENT_PATH"), c.Repository)
	}
	// pull_request_target runs the base's workflow, with secrets, even for a fork.
	c.Restricted = c.Fork && c.Event != "pull_request_target" || c.Actor == "dependabot[bot]"
	return c, err
}

// platforms translates RUNNER_ARCH. Images are for Linux on every runner.
func platforms(arch string) string {
	switch strings.ToUpper(arch) {
	case "X64":
		return "linux/amd64"
	case "ARM64":
		return "linux/arm64"
	case "ARM":
		return "linux/arm/v7"
	case "X86":
		return "linux/386"
	}
	return ""
}

// fromFork reads from the event whether the head of the pull request is in another
// repository than the run. A head repository that was deleted is null, and foreign.
func fromFork(path, repository string) (bool, error) {
	if path == "" {
		return true, fmt.Errorf("read the event: GITHUB_EVENT_PATH is unset: %w", ErrNotOffered)
	}
	f, err := os.Open(path)
	if err != nil {
		return true, fmt.Errorf("read the event: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxEvent+1))
	if err != nil {
		return true, fmt.Errorf("read the event: %w", err)
	}
	if len(data) > maxEvent {
		return true, fmt.Errorf("read the event: more than %d bytes: %w", maxEvent, ErrTooLarge)
	}
	var event struct {
		PullRequest struct {
			Head struct {
				Repo *struct {
					FullName string `json:"full_name"`
				} `json:"repo"`
			} `json:"head"`
		} `json:"pull_request"`
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return true, fmt.Errorf("read the event %s: %w", path, err)
	}
	head := event.PullRequest.Head.Repo
	return head == nil || !strings.EqualFold(head.FullName, repository), nil
}
