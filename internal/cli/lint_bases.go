package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

// base is an image that a file starts from, and what its registry says of its tag.
type base struct {
	harden.Base
	// asked is the reference that was resolved: with the tag and without the digest,
	// where there is a tag.
	asked string
	// digest is what the tag is now; "" when err says why it is not known.
	digest string
	// subject has the dates of one platform; empty when only the digest could be had.
	subject report.Subject
	// hardened names the equivalent that the trust table knows a signer for, or the
	// vendor that the image is of already.
	hardened string
	now      time.Time
	err      error
}

// atOnce is how many registries are asked side by side.
const atOnce = 4

// resolveBases asks the registries about the images that the files at paths start
// from, each image once. What a file names may be anybody's registry: the login of the
// options goes to host alone, and any other gets what the Docker configuration has for
// it by name.
func (a *app) resolveBases(ctx context.Context, cfg *config.Config, paths []string, opt harden.Options, host string) ([]base, error) {
	table, err := pipeline.TrustTable(cfg, readFile)
	if err != nil {
		return nil, err
	}
	roots, err := pipeline.Roots(cfg, readFile)
	if err != nil {
		return nil, err
	}
	var bases []base
	err = eachRoot(paths, func(r lintRoot, root *os.Root) error {
		list, err := harden.Bases(ctx, root.FS(), r.paths, opt)
		for _, b := range list {
			b.Path = r.show(b.Path)
			bases = append(bases, base{Base: b, hardened: equivalent(table, b), now: a.Now().UTC()})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	options := registry.Options{
		PlainHTTP: cfg.PlainHTTP, RootCAs: roots,
		Timeout: cfg.Timeout, UserAgent: tool().Name + "/" + tool().Version,
	}
	known := map[string]*base{} // by the reference that is asked for
	var group sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range bases {
		b := &bases[i]
		if b.Problem != "" {
			continue
		}
		b.asked, _, _ = strings.Cut(b.Image, "@")
		if !hasTag(b.asked) {
			b.asked = b.Image // a digest alone, or a name alone, which means latest
		}
		if known[b.asked] != nil {
			continue
		}
		known[b.asked] = b
		options := options
		if registryOf(b.asked) == host {
			options.Username, options.Password = cfg.RegistryUsername, cfg.RegistryPassword
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			b.resolve(ctx, cfg, options)
		})
	}
	group.Wait()
	for i := range bases {
		if from := known[bases[i].asked]; from != nil && from != &bases[i] {
			bases[i].digest, bases[i].subject, bases[i].err = from.digest, from.subject, from.err
		}
	}
	return bases, ctx.Err()
}

// hasTag says whether a reference without a digest has a tag: a colon after the last
// slash, since one before it belongs to a port.
func hasTag(ref string) bool {
	return strings.Contains(ref[strings.LastIndexByte(ref, '/')+1:], ":")
}

// registryOf is the host that a reference leads to. A first part without a dot, a port
// and the name localhost is a namespace of Docker Hub.
func registryOf(ref string) string {
	first, _, several := strings.Cut(ref, "/")
	if !several || !strings.ContainsAny(first, ".:") && first != "localhost" {
		return "docker.io"
	}
	return first
}

// resolve asks one registry. The digest is what matters; an image of other platforms
// than ours only lacks its dates.
func (b *base) resolve(ctx context.Context, cfg *config.Config, opt registry.Options) {
	img, err := registry.Open(ctx, b.asked, opt)
	if err != nil {
		b.err = err
		return
	}
	defer func() { _ = img.Close() }()
	b.digest = img.Root.Digest.String()
	if want, err := v1.ParsePlatform(cfg.Platform); err == nil {
		if man, err := img.Manifest(ctx, *want); err == nil {
			b.subject = pipeline.Subject(img, man)
			return
		}
	}
	entries, _ := img.Entries(ctx) // an error leaves none, and of the dates none is told
	for _, e := range entries {
		if man, err := img.Read(ctx, e); err == nil {
			b.subject = pipeline.Subject(img, man)
			return
		}
		if ctx.Err() != nil {
			break
		}
	}
	b.err = ctx.Err()
}

// equivalent says whether a hardened image of the same name is known: by name alone,
// to whoever wants to look it up.
func equivalent(table trust.Table, b harden.Base) string {
	if b.Vendor != "" {
		return "it is hardened already, by " + b.Vendor
	}
	if b.Equivalent == "" {
		return ""
	}
	row, ok := table.For(b.Equivalent, false)
	if !ok || len(row.Keys)+len(row.Identities) == 0 {
		return ""
	}
	signer := "an identity of the trust table"
	if len(row.Keys) > 0 {
		signer = row.Keys[0].String()
	}
	return fmt.Sprintf("look for %s, signed by %s", b.Equivalent, signer)
}

// digests is what --fix pins bases to.
func digests(bases []base) func(string) (string, bool) {
	known := map[string]string{}
	for _, b := range bases {
		if b.digest != "" {
			known[b.Image], known[b.asked] = b.digest, b.digest
		}
	}
	return func(image string) (string, bool) {
		d, ok := known[image]
		return d, ok
	}
}

// addBases puts what was learned into the report. The error says which images could
// not be asked for.
func addBases(rep *report.Report, bases []base) error {
	var errs []error
	told := map[string]bool{}
	for _, b := range bases {
		saw := func(kind report.Kind, format string, args ...any) {
			rep.Observations = append(rep.Observations, report.Observation{Stage: report.StageHarden, Kind: kind,
				Message: fmt.Sprintf("%s:%d: ", b.Path, b.Line) + fmt.Sprintf(format, args...)})
		}
		switch {
		case b.err != nil:
			saw(report.Unread, "%s could not be resolved: %v", b.asked, b.err)
			if !told[b.asked] {
				errs = append(errs, fault.New(fault.Unavailable, "resolve "+b.asked, fault.HintOf(b.err), b.err))
			}
		case b.digest == "":
		default:
			if !told[b.asked] {
				rep.Evidence = append(rep.Evidence, report.Evidence{Kind: "base", Name: b.asked, Digest: b.digest})
			}
			if b.Digest != "" && b.Digest != b.digest {
				saw(report.Information, "the tag of %s has moved on: pinned is %s, now it is %s", b.asked, b.Digest, b.digest)
			}
			if b.subject.PastEndOfLife(b.now) {
				saw(report.Information, "%s is past its end of life, %s", b.asked, b.subject.EndOfLife.UTC().Format(time.DateOnly))
			}
		}
		told[b.asked] = true
	}
	return errors.Join(errs...)
}

// showBases lists the images with what was learned.
func showBases(w io.Writer, bases []base) {
	for _, b := range bases {
		line := func(format string, args ...any) {
			fmt.Fprintf(w, "    %s\n", render.Terminal(fmt.Sprintf(format, args...)))
		}
		fmt.Fprintln(w, render.Terminal(fmt.Sprintf("base %s:%d: %s", b.Path, b.Line, cmp.Or(b.Image, "?"))))
		switch {
		case b.Problem != "":
			line("not resolved: %s", b.Problem)
			continue
		case b.err != nil:
			line("not resolved: %v", b.err)
		case b.Digest == "":
			line("now %s, not pinned", b.digest)
		case b.Digest == b.digest:
			line("now %s, as pinned", b.digest)
		default:
			line("now %s; pinned is %s", b.digest, b.Digest)
		}
		if b.err == nil {
			line("%s; %s", age(b.subject, b.now), endOfLife(b.subject, b.now))
		}
		line("hardened: %s", cmp.Or(b.hardened, "no equivalent is known by name"))
	}
}

func age(s report.Subject, now time.Time) string {
	old, why := s.Age(now)
	if why != "" {
		return why
	}
	days, ago := int(old.Hours()/24), "days ago"
	if days == 1 {
		ago = "day ago"
	}
	return fmt.Sprintf("created %s, %d %s", s.Created.UTC().Format(time.DateOnly), days, ago)
}

func endOfLife(s report.Subject, now time.Time) string {
	switch {
	case s.EndOfLife == nil:
		return "no end of life is stated"
	case s.PastEndOfLife(now):
		return "past its end of life, " + s.EndOfLife.UTC().Format(time.DateOnly)
	}
	return "end of life " + s.EndOfLife.UTC().Format(time.DateOnly)
}
