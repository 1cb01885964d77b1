package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vex"
)

// A feed is a checkout of a vendor's advisories repository: one document for each image
// (vex/NAME/dhi-NAME.vex.json), and one for each package, found by index.json (VEX
// Repository Specification). Each has a detached signature beside it. Nothing of it
// counts without that, and then only for images of the vendor.

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

// feedDocuments reads, from the feeds that vex-feed names, the documents about the image,
// its base and the packages with findings. add takes each, or why it was not taken.
func (p *platform) feedDocuments(ctx context.Context, add func(source, digest, signer, trust string, d vex.Document, err error)) {
	repos := p.vendorRepositories()
	for _, root := range p.cfg.VEXFeeds {
		at := root
		if commit := p.commitOf(root); commit != "" {
			at += "@" + commit
		}
		if len(repos) == 0 {
			p.warn(report.StageVEX, fmt.Sprintf("the feed %s was not used: it speaks of images of %s, and neither the image nor its base is shown to be one", at, strings.TrimSuffix(dhiRegistry, "/")))
			continue
		}
		read := 0
		for _, l := range p.feedLocations(root, repos) {
			location := l.path
			data, err := p.deps.ReadFile(filepath.Join(root, filepath.FromSlash(location)))
			if errors.Is(err, fs.ErrNotExist) {
				continue // the vendor has nothing to say of it
			}
			read++
			source, digest := at+" "+location, digestOf(data)
			var d vex.Document
			signer, trust := "", report.TrustUnverified
			if err == nil {
				var f feedFile
				if f, err = p.signedFile(ctx, root, location, source, data, l.repos[0]); err == nil {
					signer, trust = f.signer, report.TrustVerified
					d, err = vex.FromFeed(f, l.repos)
					p.evidence(report.Evidence{Kind: "vex", Name: source, Digest: digest, Size: int64(len(data))})
				}
			}
			add(source, digest, signer, trust, d, err)
		}
		if read == 0 {
			p.warn(report.StageVEX, fmt.Sprintf("the feed %s has no document about %s or a package with a finding", at, strings.Join(repos, ", ")))
		}
	}
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

// signedFile verifies the signature beside a file of a feed.
func (p *platform) signedFile(ctx context.Context, root, location, source string, data []byte, repository string) (feedFile, error) {
	op := "verify the feed's file " + source
	sig, err := p.deps.ReadFile(filepath.Join(root, filepath.FromSlash(location)) + ".sig")
	if err != nil {
		return feedFile{}, fault.New(fault.Unavailable, op, "check the feed out with its .sig files", err)
	}
	sum := sha256.Sum256(data)
	if signed := messageDigest(sig); signed != nil && !bytes.Equal(signed, sum[:]) {
		return feedFile{}, fault.Unavailablef(op, "check out one commit: document and signature are updated together", "the signature is for another version of the file")
	}
	opt := p.inputs.attestOptions(p.cfg, p.deps)
	if len(opt.Keys) == 0 && len(opt.Identities) == 0 {
		row, _ := opt.Table.For(repository, true)
		opt.Keys, opt.Identities = row.Keys, row.Identities
	}
	res, err := attest.VerifyBundle(ctx, attest.Artifact{Name: source, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}, sig, opt)
	if err != nil {
		return feedFile{}, fault.New(fault.Unavailable, op, "", err)
	}
	return feedFile{name: source, digest: digestOf(data), signer: res.Signer, data: data, at: res.SignedAt}, nil
}

// messageDigest is the SHA-256 that a bundle says it signs; nil when it does not say.
// It only explains: the verifier compares for itself.
func messageDigest(bundle []byte) []byte {
	var b struct {
		Message struct {
			Digest struct {
				Algorithm, Digest string
			} `json:"messageDigest"`
		} `json:"messageSignature"`
	}
	if json.Unmarshal(bundle, &b) != nil || b.Message.Digest.Algorithm != "SHA2_256" {
		return nil
	}
	sum, err := base64.StdEncoding.DecodeString(b.Message.Digest.Digest)
	if err != nil {
		return nil
	}
	return sum
}

// location is a file of a feed, by its path in it, and the repositories it speaks of.
type location struct {
	path  string
	repos []string
}

// maxLocations bounds the files of one feed that are read.
const maxLocations = 5000

// feedLocations are the files of a feed that may matter. The document of an image is
// about that image only, that of a package about all of the vendor's.
func (p *platform) feedLocations(root string, repos []string) []location {
	var out []location
	add := func(at string, repos []string) {
		if len(out) < maxLocations && fs.ValidPath(at) && filepath.IsLocal(filepath.FromSlash(at)) &&
			!slices.ContainsFunc(out, func(l location) bool { return l.path == at }) {
			out = append(out, location{at, repos})
		}
	}
	for _, r := range repos {
		name := strings.TrimPrefix(r, dhiRegistry)
		add("vex/"+name+"/dhi-"+path.Base(name)+".vex.json", []string{r})
	}
	data, err := p.deps.ReadFile(filepath.Join(root, "index.json"))
	if err != nil {
		return out
	}
	var index struct {
		Packages []struct{ ID, Location string }
	}
	if err := json.Unmarshal(data, &index); err != nil {
		p.warn(report.StageVEX, fmt.Sprintf("the index of the feed %s cannot be read: %v", root, err))
		return out
	}
	wanted := p.findingNames()
	for _, entry := range index.Packages {
		if id, err := url.PathUnescape(entry.ID); err == nil && wanted[id] {
			// The specification has locations relative to the index, an older layout relative
			// to the folder pkg.
			add(entry.Location, repos)
			if !strings.HasPrefix(entry.Location, "pkg/") {
				add("pkg/"+entry.Location, repos)
			}
		}
	}
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
