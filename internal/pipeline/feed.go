package pipeline

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/feed"
	"github.com/imagegate/imagegate/internal/fetch"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vex"
)

// dhiRegistry is where the images live that Docker's feed speaks of.
const dhiRegistry = "dhi.io/"

// feedFile is a file of a feed whose signature was verified.
type feedFile struct {
	name, digest, signer string
	data                 []byte
	at                   time.Time
}

func (f feedFile) OK() bool            { return f.signer != "" }
func (f feedFile) Name() string        { return f.name }
func (f feedFile) Bytes() []byte       { return f.data }
func (f feedFile) Digest() string      { return f.digest }
func (f feedFile) Signer() string      { return f.signer }
func (f feedFile) SignedAt() time.Time { return f.at }

// lazyFeed is a feed whose commit and index are read in the background, from the start of
// the run when the user named it, and else when it is needed.
type lazyFeed struct {
	*feed.Feed // nil until it is opened
	location   string
	// docker is set where nobody named a feed.
	docker *dockerRepository
	begun  sync.Once
	done   chan struct{}
	err    error
}

// openFeeds opens what vex-feed names. A location that cannot be one is told before
// anything is asked for.
func (r *run) openFeeds(in *inputs) ([]*lazyFeed, error) {
	if !r.want.VEX || r.cfg.VEXPolicy == config.VEXOff {
		return nil, nil
	}
	if isAuto(r.cfg.VEXFeeds) {
		if in.docker == nil {
			return nil, nil
		}
		return []*lazyFeed{{location: in.docker.location, docker: in.docker, done: make(chan struct{})}}, nil
	}
	client := r.webClient(in)
	out := make([]*lazyFeed, 0, len(r.cfg.VEXFeeds))
	for _, location := range r.cfg.VEXFeeds {
		f, err := feed.Open(location, feed.Options{ReadFile: r.deps.ReadFile, Client: client})
		if err != nil {
			return nil, err
		}
		out = append(out, &lazyFeed{Feed: f, location: f.Location(), done: make(chan struct{})})
	}
	return out, nil
}

// webClient downloads from servers that are no registry, with a registry's patience.
func (r *run) webClient(in *inputs) *fetch.Client {
	return fetch.New(fetch.Options{RootCAs: in.roots, UserAgent: r.deps.Tool.Name + "/" + r.deps.Tool.Version, Logger: r.deps.Logger,
		IdleTimeout: r.deps.Registry.IdleTimeout, RetryWait: r.deps.Registry.Backoff})
}

// start reads commit and index, once.
func (l *lazyFeed) start(ctx context.Context) {
	l.begun.Do(func() {
		go func() {
			defer close(l.done)
			if l.docker != nil {
				var repo *feed.Repository
				if repo, l.err = l.docker.wait(ctx); l.err != nil {
					return
				}
				l.Feed = feed.Of(repo, l.location, l.docker.opt)
			}
			l.err = l.Pin(ctx)
		}()
	})
}

// wait returns once commit and index are there, or cannot be had.
func (l *lazyFeed) wait(ctx context.Context) error {
	l.start(ctx)
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "read the feed "+l.location, "raise timeout, or give a checkout of it", context.Cause(ctx))
	}
}

// feedDocuments reads, from the feeds that vex-feed names or stands for, the documents about the image,
// its base and the packages with findings.
func (p *platform) feedDocuments(ctx context.Context, into *heard) {
	repos := p.vendorRepositories()
	var images []string
	for _, r := range repos {
		images = append(images, strings.TrimPrefix(r, dhiRegistry))
	}
	for _, f := range p.inputs.feeds {
		if f.docker != nil && (len(repos) == 0 || len(p.report.Vulnerabilities) == 0) {
			continue // it could decide nothing
		}
		switch err := f.wait(ctx); {
		case err != nil && f.docker != nil:
			into.see(saw(report.StageVEX, report.Unread, fmt.Sprintf("whether Docker has a newer statement about %s is not known, because its repository could not be read: %v; let it be reached from here, or give vex-feed a checkout or none",
				strings.Join(repos, ", "), err)))
			continue
		case err != nil:
			into.add(f.location, "", "", report.TrustNamed, vex.Document{}, err) // the user named it, and has to hear of it
			continue
		}
		if len(repos) == 0 {
			into.see(saw(report.StageVEX, report.Information, fmt.Sprintf("the feed %s was not used: it speaks of images of %s, and neither the image nor its base is shown to be one", f.Name(), strings.TrimSuffix(dhiRegistry, "/"))))
			continue
		}
		docs, left := f.Documents(images, p.findingNames())
		if left > 0 {
			into.see(report.Observation{Stage: report.StageVEX, Kind: report.LeftOut, Count: left,
				Message: fmt.Sprintf("%s of the feed %s about packages with findings not read: there are too many, or they lead out of it", count(left, "row"), f.Name())})
		}
		files := f.Files(ctx, docs)
		for _, file := range files {
			p.feedDocument(ctx, f.Name(), file, repos, into)
		}
		if len(files) == 0 {
			into.see(saw(report.StageVEX, report.Information, fmt.Sprintf("the feed %s has no document about %s or a package with a finding", f.Name(), strings.Join(repos, ", "))))
		}
	}
}

// feedDocument verifies one file of a feed and reads it. The document of an image is
// about that image only, that of a package about all of the vendor's.
// One that cannot be read or verified may take back a statement that was.
func (p *platform) feedDocument(ctx context.Context, name string, file feed.File, repos []string, into *heard) {
	source, digest := name+" "+file.Path, digestOf(file.Data)
	if file.Image != "" {
		repos = []string{dhiRegistry + file.Image}
	}
	signed, err := p.signedFile(ctx, source, file, repos[0])
	if err != nil {
		into.unread(source, digest, "", report.TrustUnverified, err)
		return
	}
	kept := report.FolderFeed + "/" + strings.TrimPrefix(digest, "sha256:") + ".json"
	p.file(report.File{Path: kept, MediaType: "application/json", Data: file.Data})
	p.file(report.File{Path: kept + ".sig", MediaType: "application/json", Data: file.Signature})
	p.evidence(report.Evidence{Kind: "vex", Name: source, Digest: digest, Size: int64(len(file.Data)), Path: kept})
	d, err := vex.FromFeed(signed, repos)
	into.add(source, digest, signed.signer, report.TrustVerified, d, err)
}

// vendorRepositories are the names that the image and its base have at the vendor, as
// far as they are proven: by where they were read, or by the vendor's signature.
func (p *platform) vendorRepositories() []string {
	var out []string
	add := func(repository string) {
		if name, ok := strings.CutPrefix(repository, "docker.io/dhi/"); ok {
			repository = dhiRegistry + name
		}
		if strings.HasPrefix(repository, dhiRegistry) && !slices.Contains(out, repository) {
			out = append(out, repository)
		}
	}
	im := p.vexImage()
	add(im.Repository)
	if im.DHINameVerified {
		add(dhiRegistry + strings.TrimPrefix(im.DHIName, "dhi/"))
	}
	add(im.BaseRepository)
	return out
}

// findingNames are the packages with findings, and their source packages, as package
// URLs without version and qualifiers.
func (p *platform) findingNames() map[string]bool {
	out := map[string]bool{}
	for _, v := range p.report.Vulnerabilities {
		name, query, _ := strings.Cut(v.Package.PURL, "?")
		if i := strings.LastIndexByte(name, '@'); i > 0 {
			name = name[:i]
		}
		name, err := url.PathUnescape(name)
		if err != nil || name == "" {
			continue
		}
		out[name] = true
		folder := name[:strings.LastIndexByte(name, '/')+1]
		for _, up := range v.Package.Upstreams {
			out[folder+up.Name] = true
		}
		if values, err := url.ParseQuery(query); err == nil && values.Get("upstream") != "" {
			up, _, _ := strings.Cut(values.Get("upstream"), "@")
			out[folder+up] = true
		}
	}
	return out
}
