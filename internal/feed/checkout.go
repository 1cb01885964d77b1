package feed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// folder is a repository on disk that git does not keep: its files are all there is.
type folder struct {
	root     string
	readFile func(string) ([]byte, error)
	limit    int64
}

func (c *folder) pin(context.Context) (string, error) { return "", nil }

func (c *folder) read(_ context.Context, name string) ([]byte, error) {
	if !local(name) {
		return nil, fmt.Errorf("%.200q is not a path in a repository", name)
	}
	data, err := c.readFile(filepath.Join(c.root, filepath.FromSlash(name)))
	if err == nil && int64(len(data)) > c.limit {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(data), c.limit)
	}
	return data, err
}

// checkout is a repository that git keeps, at the commit that is checked out.
type checkout struct {
	root string
	repo *Repository // nil until it is opened
}

func (c *checkout) pin(context.Context) (string, error) {
	if c.repo == nil {
		var err error
		if c.repo, err = Checkout(c.root); err != nil {
			return "", err
		}
	}
	return c.repo.Commit(), nil
}

func (c *checkout) read(_ context.Context, name string) ([]byte, error) { return c.repo.Read(name) }

// git is where git keeps a repository: own has what is the worktree's own, common the
// rest (gitrepository-layout, "commondir").
type git struct{ own, common string }

// IsCheckout reports whether a folder is the top of a checkout.
func IsCheckout(folder string) bool {
	_, err := os.Lstat(filepath.Join(folder, ".git"))
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// gitDir finds it. In a worktree and in a submodule .git is a file that names the folder.
func gitDir(folder string) (git, error) {
	at := filepath.Join(folder, ".git")
	info, err := os.Stat(at)
	if err != nil {
		return git{}, err
	}
	if !info.IsDir() {
		text, err := readRef(at)
		name, ok := strings.CutPrefix(text, "gitdir: ")
		if err != nil || !ok {
			return git{}, fmt.Errorf("%s does not name the folder of a repository", at)
		}
		at = beside(folder, name)
	}
	dir := git{own: at, common: at}
	text, err := readRef(filepath.Join(at, "commondir"))
	switch {
	case err == nil:
		dir.common = beside(at, text)
	case !errors.Is(err, fs.ErrNotExist):
		return git{}, fmt.Errorf("find the repository of a worktree: %w", err)
	}
	return dir, nil
}

func beside(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

// head reads the commit that is checked out (gitrepository-layout, "HEAD").
func (g git) head() (string, error) {
	ref, err := readRef(filepath.Join(g.own, "HEAD"))
	if err != nil {
		return "", fmt.Errorf("find the commit that is checked out: %v", err)
	}
	if name, ok := strings.CutPrefix(ref, "ref: "); ok {
		if !local(name) {
			return "", fmt.Errorf("HEAD names no branch: %.200q", name)
		}
		if ref, err = readRef(filepath.Join(g.common, filepath.FromSlash(name))); err != nil {
			ref = g.packedRef(name)
		}
	}
	if commit := commitID(ref); commit != "" {
		return commit, nil
	}
	return "", errors.New("nothing tells which commit is checked out")
}

// packedRef finds a branch that git keeps in one file with others.
func (g git) packedRef(ref string) string {
	data, err := os.ReadFile(filepath.Join(g.common, "packed-refs"))
	if err != nil {
		return ""
	}
	return findRef(string(data), ref)
}

func findRef(packed, ref string) string {
	for line := range strings.Lines(packed) {
		if id, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == ref {
			return id
		}
	}
	return ""
}

// readRef reads a file of one line.
func readRef(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	text := make([]byte, 4097)
	n, err := f.Read(text)
	if err != nil || n == len(text) {
		return "", fmt.Errorf("%s: not one line: %v", name, err)
	}
	return strings.TrimSpace(string(text[:n])), nil
}

// commitID is text when it is one (SHA-1 or SHA-256, in hex), else "".
func commitID(text string) string {
	if (len(text) == 40 || len(text) == 64) && strings.Trim(text, "0123456789abcdef") == "" {
		return text
	}
	return ""
}
