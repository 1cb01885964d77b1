package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
)

// Newest opens a repository behind a URL at the newest commit of its default branch. What
// was fetched is kept by commit in [Options.CacheDir], so that one request, for the name
// of that commit, is all that is asked when nothing changed. The cache is not trusted:
// every object that is read is compared with its name, and one that is not what it says
// or is not there has the whole fetched again, once. Close the repository after use.
//
// The error is a *[fault.Error]: code Usage for a URL that cannot be one, Unavailable for
// whatever else.
func Newest(ctx context.Context, location string, opt Options) (*Repository, error) {
	n, err := newNewest(location, opt)
	if err != nil {
		return nil, err
	}
	r, err := n.open(ctx)
	if err != nil {
		return nil, errors.Join(fault.New(fault.Unavailable, "read the repository "+n.name, "check that it can be reached from here", err), n.close())
	}
	r.close = n.close
	return r, nil
}

// newest is a repository while it is looked up and fetched.
type newest struct {
	opt  Options
	name string
	url  *url.URL
	// dir has a folder for each commit; temporary says that nothing is kept.
	dir       string
	temporary bool
}

// lookupTimeout bounds the question for the newest commit, so that a network that drops
// packets does not keep the run: the answer is small.
const lookupTimeout = 30 * time.Second

// unfinished begins the name of a folder that is fetched into.
const unfinished = "fetch-"

func newNewest(location string, opt Options) (*newest, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, fault.New(fault.Usage, "read the URL of a repository", "check the URL", fetch.WithoutURL(err))
	}
	n := &newest{opt: opt, name: fetch.Redact(u), url: u}
	if err := checkURL(u); err != nil {
		return nil, fault.New(fault.Usage, "read the repository "+n.name, "give the URL of a repository", err)
	}
	if !strings.HasSuffix(u.Path, ".git") {
		u.Path += ".git"
	}
	return n, nil
}

func (n *newest) open(ctx context.Context) (*Repository, error) {
	refs, err := n.refs(ctx)
	if err != nil {
		return nil, err
	}
	if refs.Head == nil {
		return nil, errors.New("the repository has no default branch")
	}
	if n.dir = n.opt.CacheDir; n.dir == "" {
		n.temporary = true
		if n.dir, err = os.MkdirTemp(n.opt.TempDir, "imagegate-advisories-"); err != nil {
			return nil, err
		}
	}
	commit := refs.Head.String()
	dir := filepath.Join(n.dir, commit)
	fresh := false
	if _, err := os.Stat(dir); err != nil {
		if fresh, err = n.fetch(ctx, refs, dir, false); err != nil {
			return nil, err
		}
	}
	s := openStore(dir)
	if !fresh {
		s.again = func() (*store, error) {
			_, err := n.fetch(ctx, refs, dir, true)
			return openStore(dir), err
		}
	}
	return openAt(s, commit)
}

// close removes what is not to be kept.
func (n *newest) close() error {
	if !n.temporary {
		return nil
	}
	return os.RemoveAll(n.dir)
}

// refs asks which commit is the newest (gitprotocol-http, "Smart Clients").
func (n *newest) refs(ctx context.Context) (*packp.AdvRefs, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, fmt.Errorf("no answer within %s", lookupTimeout))
	defer cancel()
	u := n.url.JoinPath("info", "refs")
	u.RawQuery = "service=git-upload-pack"
	body, err := n.opt.Client.Bytes(ctx, u, maxRefs)
	if err != nil {
		return nil, fmt.Errorf("ask for the newest commit: %w", causeOf(ctx, err))
	}
	refs := packp.NewAdvRefs()
	if err := refs.Decode(bytes.NewReader(body)); err != nil {
		return nil, fmt.Errorf("read the list of branches: %w", err)
	}
	return refs, nil
}

// causeOf says why a context ended, where that is why something failed.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// fetch fetches the newest commit, without those before it, and puts it into a folder in
// one step. It reports whether what lies there is what it fetched: another run may have
// been first, and is let be unless its is to be replaced. Commits before are removed:
// nobody asks for them again.
func (n *newest) fetch(ctx context.Context, refs *packp.AdvRefs, dir string, replace bool) (bool, error) {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return false, err
	}
	tmp, err := os.MkdirTemp(n.dir, unfinished)
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // it is another folder's name by then, or of no use
	if err := n.fetchPack(ctx, refs, tmp); err != nil {
		return false, fmt.Errorf("fetch the commit %s: %w", refs.Head, causeOf(ctx, err))
	}
	if _, err := openAt(openStore(tmp), refs.Head.String()); err != nil {
		return false, fmt.Errorf("fetch the commit: %w", err)
	}
	if replace {
		if err := os.RemoveAll(dir); err != nil {
			return false, err
		}
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, missing := os.Stat(dir); missing != nil || replace {
			return false, err
		}
		return false, nil
	}
	n.prune(dir)
	return true, nil
}

// prune removes the commits before the one in dir, and what interrupted runs left, but for
// those that a run beside this one may still be reading. What has no name of ours stays.
func (n *newest) prune(dir string) {
	entries, _ := os.ReadDir(n.dir) // what cannot be listed stays
	for _, e := range entries {
		rest, begun := strings.CutPrefix(e.Name(), unfinished)
		ours := commitID(e.Name()) != "" || begun && strings.Trim(rest, "0123456789") == ""
		info, err := e.Info()
		if err == nil && ours && e.IsDir() && e.Name() != filepath.Base(dir) && n.opt.Now.Sub(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(filepath.Join(n.dir, e.Name()))
		}
	}
}

// fetchPack asks for the objects of one commit (gitprotocol-pack, "Packfile Negotiation")
// and writes them as git keeps them.
func (n *newest) fetchPack(ctx context.Context, refs *packp.AdvRefs, dir string) error {
	req := packp.NewUploadPackRequest()
	req.Wants = append(req.Wants, *refs.Head)
	req.Depth = packp.DepthCommits(1)
	for _, c := range []capability.Capability{capability.Shallow, capability.OFSDelta, capability.Sideband64k, capability.NoProgress} {
		if !refs.Capabilities.Supports(c) {
			return fmt.Errorf("the server does not know %s, which the protocol calls for", c)
		}
		if err := req.Capabilities.Set(c); err != nil {
			return err
		}
	}
	var question bytes.Buffer
	if err := encode(&question, req); err != nil {
		return err
	}
	answer, err := os.Create(filepath.Join(dir, "answer"))
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(answer.Close(), os.Remove(answer.Name())) }()
	if err := n.opt.Client.Post(ctx, n.url.JoinPath("git-upload-pack"), "application/x-git-upload-pack-request", question.Bytes(), maxArchive, func() (io.Writer, error) {
		_, err := answer.Seek(0, io.SeekStart) // a second attempt starts again
		return answer, errors.Join(err, answer.Truncate(0))
	}); err != nil {
		return err
	}
	if _, err := answer.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unpack(ctx, answer, req, dir)
}
