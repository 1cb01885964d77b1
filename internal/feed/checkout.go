package feed

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// checkout is a repository on disk.
type checkout struct {
	root     string
	readFile func(string) ([]byte, error)
	limit    int64
}

func (c *checkout) read(_ context.Context, name string) ([]byte, error) {
	if !local(name) {
		return nil, fmt.Errorf("%.200q is no path in a repository", name)
	}
	data, err := c.readFile(filepath.Join(c.root, filepath.FromSlash(name)))
	if err == nil && int64(len(data)) > c.limit {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(data), c.limit)
	}
	return data, err
}

// pin reads the commit that the checkout is at (gitrepository-layout, "HEAD"); "" for a
// folder that is no checkout. A worktree and a submodule keep it elsewhere, and so do
// reftables: nothing is told then.
func (c *checkout) pin(context.Context) (string, error) { return c.commit(), nil }

// CommitOf is the commit that a folder is checked out at; "" when nothing tells it.
func CommitOf(root string, readFile func(string) ([]byte, error)) string {
	return (&checkout{root: root, readFile: readFile}).commit()
}

func (c *checkout) commit() string {
	const most = 4096
	git := filepath.Join(c.root, ".git")
	head, err := c.readFile(filepath.Join(git, "HEAD"))
	if err != nil || len(head) > most {
		return ""
	}
	text := strings.TrimSpace(string(head))
	if ref, ok := strings.CutPrefix(text, "ref: "); ok {
		if !fs.ValidPath(ref) {
			return ""
		}
		data, err := c.readFile(filepath.Join(git, filepath.FromSlash(ref)))
		if err != nil {
			return c.packedRef(git, ref)
		}
		text = strings.TrimSpace(string(data))
	}
	return commitID(text)
}

// packedRef finds a branch that git keeps in one file with others.
func (c *checkout) packedRef(git, ref string) string {
	data, err := c.readFile(filepath.Join(git, "packed-refs"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if id, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == ref {
			return commitID(id)
		}
	}
	return ""
}

// commitID is text when it is one (SHA-1 or SHA-256, in hex), else "".
func commitID(text string) string {
	if (len(text) == 40 || len(text) == 64) && strings.Trim(text, "0123456789abcdef") == "" {
		return text
	}
	return ""
}
