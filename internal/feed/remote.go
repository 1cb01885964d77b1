package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/imagegate/imagegate/internal/fetch"
)

const (
	hubHost = "github.com"
	// rawHost has the files of GitHub's repositories by commit.
	rawHost = "raw.githubusercontent.com"
	// maxRefs bounds the list of a repository's branches, tags and pull requests, in bytes.
	maxRefs = 32 << 20
)

// remote reads files over HTTPS, one by one.
type remote struct {
	client *fetch.Client
	limit  int64
	base   *url.URL
	// repository and ref are set until the commit of a repository on GitHub is known.
	repository *url.URL
	ref        string
}

// checkURL refuses a URL that no feed can have.
func checkURL(u *url.URL) error {
	switch {
	case u.Host == "":
		return errors.New("the URL names no host")
	case u.Scheme != "https" && (u.Scheme != "http" || !fetch.Loopback(u.Hostname())):
		return errors.New("not https: nothing protects the feed on its way")
	case u.Fragment != "":
		return errors.New("a feed's URL has no fragment")
	}
	return nil
}

func newRemote(u *url.URL, opt Options) (*remote, error) {
	if err := checkURL(u); err != nil {
		return nil, err
	}
	r := &remote{client: opt.Client, limit: opt.MaxFile, base: u}
	if !strings.EqualFold(u.Host, hubHost) {
		return r, nil
	}
	name, ref, _ := strings.Cut(strings.Trim(u.Path, "/"), "@")
	name = strings.TrimSuffix(name, ".git")
	owner, repo, _ := strings.Cut(name, "/")
	if owner == "" || repo == "" || strings.Contains(repo, "/") || u.RawQuery != "" {
		return nil, errors.New("not a repository: want https://github.com/OWNER/NAME, with @ and a branch, tag or commit")
	}
	r.ref = ref
	r.repository = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + name + ".git"}
	r.base = &url.URL{Scheme: u.Scheme, Host: rawHost, Path: "/" + name}
	return r, nil
}

// pin asks a repository which commit its ref is at, and reads by that from then on. The
// commit of another server is a part of its URL, or not told.
func (r *remote) pin(ctx context.Context) (string, error) {
	if r.repository == nil {
		for part := range strings.SplitSeq(r.base.Path, "/") {
			if id := commitID(part); id != "" {
				return id, nil
			}
		}
		return "", nil
	}
	commit := commitID(r.ref)
	if commit == "" {
		var err error
		if commit, err = r.head(ctx); err != nil {
			return "", err
		}
	}
	r.base.Path = path.Join(r.base.Path, commit)
	return commit, nil
}

// head asks for the commit of the branch or tag (gitprotocol-http, "Smart Clients").
func (r *remote) head(ctx context.Context) (string, error) {
	u := r.repository.JoinPath("info", "refs")
	u.RawQuery = "service=git-upload-pack"
	body, err := r.client.Bytes(ctx, u, maxRefs)
	if err != nil {
		return "", fmt.Errorf("ask %s for its branches: %w", fetch.Redact(r.repository), err)
	}
	return commitOfRef(body, r.ref)
}

// commitOfRef finds a branch or tag in a server's list of references; "" is the default
// branch. An annotated tag is the commit that it points to.
func commitOfRef(list []byte, ref string) (string, error) {
	refs := packp.NewAdvRefs()
	if err := refs.Decode(bytes.NewReader(list)); err != nil {
		return "", fmt.Errorf("read the list of branches: %w", err)
	}
	if ref == "" {
		if refs.Head == nil {
			return "", errors.New("the repository has no default branch")
		}
		return refs.Head.String(), nil
	}
	for _, name := range []string{"refs/heads/" + ref, "refs/tags/" + ref, ref} {
		for _, known := range []map[string]plumbing.Hash{refs.Peeled, refs.References} {
			if hash, ok := known[name]; ok {
				return hash.String(), nil
			}
		}
	}
	return "", fmt.Errorf("no branch or tag is called %.100q", ref)
}

func (r *remote) read(ctx context.Context, name string) ([]byte, error) {
	if !local(name) {
		return nil, fmt.Errorf("%.200q is not a path in a repository", name)
	}
	u := *r.base
	u.Path, u.RawPath = path.Join("/", r.base.Path, name), "" // a "%" in the name of a file is one
	data, err := r.client.Bytes(ctx, &u, r.limit)
	var status *fetch.StatusError
	// Another host, such as that of a page to log in on, does not know what this one has.
	if errors.As(err, &status) && status.Elsewhere == "" && (status.Code == http.StatusNotFound || status.Code == http.StatusGone) {
		return nil, fs.ErrNotExist
	}
	return data, err
}
