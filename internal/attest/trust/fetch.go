package trust

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/moby/policy-helpers/roots"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/imagegate/imagegate/internal/words"
)

// Fetch keeps the trusted root of a Sigstore instance fresh through its TUF repository
// (theupdateframework.io). The zero value asks Sigstore's public-good instance.
type Fetch struct {
	// Mirror is the TUF repository. "" means Sigstore's.
	Mirror string
	// Anchor is the first root.json, from which the chain of trust starts. Nil means
	// Sigstore's, which is embedded.
	Anchor []byte
	// CacheDir keeps what was fetched between runs. "" keeps nothing.
	CacheDir string
	// Client makes the requests. Nil means http.DefaultClient.
	Client *http.Client
	// Timeout bounds all of it. 0 means 15 s: the embedded root stands in.
	Timeout time.Duration
}

// Root returns the freshest trusted root that can be had: from the repository, else from
// the cache while its metadata has not expired, else, for Sigstore's own instance, the
// one that is embedded. warning says why it is not the first; it is "" when it is. The
// error is that there is none at all, or the context's own.
func (f Fetch) Root(ctx context.Context) (r *Root, warning string, err error) {
	mirror, anchor, own := f.Mirror, f.Anchor, f.Anchor == nil
	if mirror == "" {
		mirror = tuf.DefaultMirror
	}
	if own {
		if anchor, err = fs.ReadFile(roots.EmbeddedTUF, "tuf-root/root.json"); err != nil {
			return nil, "", fmt.Errorf("read the embedded TUF root: %w", err)
		}
	}
	timeout := f.Timeout
	if timeout == 0 {
		timeout = 15 * time.Second
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	opt := &tuf.Options{
		Root: anchor, RepositoryBaseURL: mirror, CachePath: f.CacheDir, DisableLocalCache: f.CacheDir == "",
		Fetcher: &fetcher{ctx: limited, client: f.Client}, Context: limited,
	}
	fresh, why := fromTUF(opt, "TUF repository "+mirror)
	if why == nil {
		return fresh, "", nil
	}
	if ctx.Err() != nil {
		return nil, "", fmt.Errorf("fetch the trusted root: %w", ctx.Err())
	}
	if f.CacheDir != "" {
		opt.ForceCache = true
		if cached, err := fromTUF(opt, "TUF cache "+f.CacheDir); err == nil {
			return cached, fmt.Sprintf("the trusted root could not be refreshed (%s); the cached one is used", line(why)), nil
		}
	}
	if !own {
		return nil, "", fmt.Errorf("fetch the trusted root from %s: %w", mirror, why)
	}
	if r, err = Embedded(); err != nil {
		return nil, "", err
	}
	return r, fmt.Sprintf("the trusted root could not be refreshed (%s); the embedded one is used, which was promised to be fresh until %s",
		line(why), r.Expires.UTC().Format(time.DateOnly)), nil
}

func fromTUF(opt *tuf.Options, source string) (*Root, error) {
	c, err := tuf.New(opt)
	if err != nil {
		return nil, err
	}
	text, err := c.GetTarget("trusted_root.json")
	if err != nil {
		return nil, err
	}
	return ParseRoot(source, text)
}

// fetcher downloads for the TUF client, within the run's context.
type fetcher struct {
	ctx    context.Context //nolint:containedctx // the client's interface has no context, and one fetcher lives for one call
	client *http.Client
}

// DownloadFile implements go-tuf's Fetcher.
func (f *fetcher) DownloadFile(url string, limit int64, _ time.Duration) ([]byte, error) {
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := f.client
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if res.StatusCode != http.StatusOK {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: res.StatusCode, URL: url}
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, &metadata.ErrDownloadLengthMismatch{Msg: fmt.Sprintf("%s has more than %d bytes", url, limit)}
	}
	return data, err
}

// line is an error's first line, of bounded length.
func line(err error) string {
	var te interface{ Timeout() bool }
	if errors.As(err, &te) && te.Timeout() {
		return "no answer in time"
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return words.Clip(text, 200)
}
