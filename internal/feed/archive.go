package feed

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
)

// Archive is a repository, or a part of one, packed into one file.
type Archive struct {
	// Name is where it came from, without secrets.
	Name string
	// Commit is the one that was asked for; "" for an archive of another server.
	Commit string
	Data   []byte
}

// maxArchive bounds an archive, in bytes as sent.
const maxArchive = 512 << 20

// Download downloads the repository on GitHub that a URL names as in [Open], at one
// commit, or the archive under any other URL. Only Options.Client is used.
//
// The error is a *[fault.Error]: code Usage for a URL that cannot be one, Unavailable for
// whatever else.
func Download(ctx context.Context, location string, opt Options) (Archive, error) {
	u, err := url.Parse(location)
	if err != nil {
		return Archive{}, fault.New(fault.Usage, "read the URL of an archive", "check the URL", fetch.WithoutURL(err))
	}
	out := Archive{Name: fetch.Redact(u)}
	op := "download " + out.Name
	r, err := newRemote(u, opt)
	if err != nil {
		return Archive{}, fault.New(fault.Usage, op, "give the URL of an archive, or of a repository such as https://github.com/OWNER/NAME@BRANCH", err)
	}
	if r.repository != nil {
		if out.Commit, err = r.pin(ctx); err != nil {
			return Archive{}, fault.New(fault.Unavailable, op, "check that the repository can be reached from here, or give a checkout of it", err)
		}
		// GitHub Docs, "Downloading source code archives", by commit.
		repository := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path.Dir(r.base.Path)}
		out.Name = repository.String()
		u = repository.JoinPath("archive", out.Commit+".tar.gz")
	}
	out.Data, err = opt.Client.Bytes(ctx, u, maxArchive)
	var status *fetch.StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		return Archive{}, fault.New(fault.Unavailable, op, "check the URL and the commit", err)
	}
	if err != nil {
		return Archive{}, fault.New(fault.Unavailable, op, "check that the server can be reached from here, or give a folder", err)
	}
	return out, nil
}
