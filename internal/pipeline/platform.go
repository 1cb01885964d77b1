package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/image"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/vex"
)

// platform is the run over one platform. Each stage writes its own fields; the
// report is put together when all are done.
type platform struct {
	*run
	img    *registry.Image
	man    *registry.Manifest
	inputs *inputs
	name   string // "linux/amd64"
	folder string // prefix of its files in the report directory, "" for the only one

	report   *report.Report
	found    *sbom.SBOM // what was extracted
	files    []report.File
	verified []attest.Verified
	doubtful []attest.Unverified

	// ground is the base that the image stands on. layered is true when the layers of
	// packages are wanted for it. settled is closed when attestations and base are known.
	ground  ground
	layered bool
	settled chan struct{}
	// installed are the packages; renamed has the package URLs under which some of them
	// were matched.
	installed []member
	renamed   map[string]string
	explained []Explained

	billsOnce sync.Once
	billsRead []bill

	mu     sync.Mutex
	faults []error
	// cut says what cut the run short.
	cut string
}

// platform judges one platform. The result is never nil; the error is what kept it
// from being read.
func (r *run) platform(ctx context.Context, img *registry.Image, t target, in *inputs, several bool) (*platform, error) {
	p := &platform{run: r, img: img, inputs: in, name: t.name, report: r.newReport()}
	if several {
		p.folder = r.folderOf(p.name)
	}
	man, err := t.read(ctx)
	if err != nil {
		if several {
			p.report.Platforms = []report.Platform{{Platform: p.name, Path: p.folder + report.FileReport}}
		}
		p.report.Subject = report.Subject{Reference: img.Reference, Source: img.Source, Registry: img.Registry, Repository: img.Repository, Tag: img.Tag, Platform: p.name}
		if img.Index != nil {
			p.report.Subject.IndexDigest = img.Root.Digest.String()
		}
		p.end(failed(report.StageResolve, err))
		return p.finish(), err
	}
	p.man, p.name = man, cmp.Or(t.label, man.Platform.String())
	p.report.Subject = subject(img, man)
	p.report.Subject.Platform = p.name
	if several {
		p.report.Platforms = []report.Platform{{Platform: p.name, Digest: man.Descriptor.Digest.String(), Path: p.folder + report.FileReport}}
	}
	p.end(ends(report.StageResolve, report.Done, "pinned to "+man.Descriptor.Digest.String(), leftOut(man)...))
	p.identity()

	p.report.Policy.Require = p.require()
	var side sync.WaitGroup
	p.settled = make(chan struct{})
	p.findBoundary(diffIDs(man), man.Config.Config.Labels[chainLabel])
	p.layered = p.ground.boundary.State == vex.Derived || p.cfg.Base != ""
	side.Go(func() {
		defer close(p.settled)
		p.end(p.attest(ctx))
		p.observe(p.findBase(ctx)...)
	})
	if p.cfg.RunCheck && p.want.Hardening {
		side.Go(func() { p.end(p.runCheck(ctx)) })
	}
	p.contents(ctx)
	side.Wait()
	p.compare()
	if p.want.Attestations {
		p.claims()
	}
	p.end(p.decide(ctx))
	p.observe(p.substance()...)
	p.observe(p.unlisted()...)
	p.endOf(ctx)
	return p.finish(), errors.Join(p.faults...)
}

// folderOf makes the prefix of a platform's files. What an index calls a platform is
// hostile: the folder has plain characters only, does not begin with a dot, and is no
// other platform's.
func (r *run) folderOf(platform string) string {
	plain := strings.TrimLeft(strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_':
			return c
		}
		return '-'
	}, platform), ".")
	name := plain
	for n := 2; slices.Contains(r.folders, strings.ToLower(name)); n++ {
		name = fmt.Sprintf("%s-%d", plain, n)
	}
	r.folders = append(r.folders, strings.ToLower(name))
	return "platforms/" + name + "/"
}

// require resolves auto: the vendor's preset for images from the vendor's own registry.
func (p *platform) require() []string {
	if len(p.cfg.Require) == 1 && p.cfg.Require[0] == config.RequireAuto {
		if p.img != nil && fromDHI(p.img) {
			return config.RequirePreset("dhi")
		}
		return nil
	}
	return p.cfg.Require
}

// contents reads the layers, lists the packages and matches them.
func (p *platform) contents(ctx context.Context) {
	if !p.want.pull() {
		for _, stage := range []string{report.StagePull, report.StageSBOM, report.StageVuln, report.StageHarden} {
			p.end(skipped(stage))
		}
		return
	}
	img, pulled := p.pull(ctx)
	p.end(pulled)
	if img == nil {
		p.end(p.harden(ctx, nil))
		p.end(blind(report.StageSBOM, "the layers could not be read", ""))
		p.end(p.unmatched("the layers could not be read"))
		return
	}
	defer func() { _ = img.Close() }()
	list, listed := p.packages(ctx, img)
	p.end(listed)
	if list != nil {
		p.members(list, img)
	}
	// The packages have been read: from here on only the checks look at the files.
	var checking sync.WaitGroup
	checking.Go(func() { p.end(p.harden(ctx, img)) })
	defer checking.Wait()
	if list != nil {
		// The documents are written while the packages are matched: both only read them.
		var writing sync.WaitGroup
		writing.Go(func() { p.observe(p.writeSBOMs(list)...) })
		defer writing.Wait()
	}
	if list == nil || !p.want.Vulnerabilities {
		p.end(p.unmatched("they could not be listed"))
		return
	}
	p.found = list
	chosen, seen := p.toMatch(list)
	p.observe(seen...)
	if chosen == nil {
		p.end(blind(report.StageVuln, "sbom-source is attested, and no verified SBOM that lists a package could be read", ""))
		return
	}
	p.end(p.match(ctx, chosen, list))
}

// unmatched is the search for vulnerabilities where there is no list of packages.
func (p *platform) unmatched(why string) ended {
	if !p.want.Vulnerabilities {
		return skipped(report.StageVuln)
	}
	return blind(report.StageVuln, "there are no packages to match, because "+why, "")
}

// pull downloads and verifies the layers; nil when that failed.
func (p *platform) pull(ctx context.Context) (*image.Image, ended) {
	defer p.timings.start(report.StagePull, p.name)()
	p.event(Event{Stage: report.StagePull, Platform: p.name})
	img, err := image.Pull(ctx, p.img, image.Input{
		Tags: p.tags(), RepoDigests: p.repoDigests(),
		ManifestRaw: p.man.Raw, ConfigRaw: p.man.ConfigRaw, Manifest: p.man.Manifest, Config: p.man.Config,
	}, image.Options{TempDir: p.deps.TempDir, Progress: func(l image.Progress) {
		p.event(Event{Stage: report.StagePull, Platform: p.name, Layer: &l})
	}})
	if err != nil {
		return nil, failed(report.StagePull, err)
	}
	e := ends(report.StagePull, report.Done, count(len(img.Layers()), "layer")+", "+bytesText(p.report.Subject.Size))
	for _, w := range img.Warnings() {
		e.seen = append(e.seen, saw(report.StagePull, report.Information, w))
	}
	return img, e
}

// packages extracts the SBOM; nil when that failed.
func (p *platform) packages(ctx context.Context, img *image.Image) (*sbom.SBOM, ended) {
	defer p.timings.start(report.StageSBOM, p.name)()
	p.event(Event{Stage: report.StageSBOM, Platform: p.name})
	list, err := sbom.Extract(ctx, img.Stereoscope(), p.imageName(), sbom.Options{
		Tool: p.deps.Tool.Name, Version: p.deps.Tool.Version, Created: p.written(), TempDir: p.deps.TempDir,
	})
	if err != nil {
		return nil, failed(report.StageSBOM, err)
	}
	p.mu.Lock()
	p.report.Subject.Distro = list.Distro()
	p.report.SBOM.Packages, p.report.SBOM.Types, p.report.SBOM.Generator = list.Packages(), list.Types(), list.Generator()
	p.mu.Unlock()
	e := ends(report.StageSBOM, report.Done, count(list.Packages(), "package"), list.Observations()...)
	switch missing := list.Incomplete(); {
	case len(missing) > 0:
		e.State, e.Reason = report.Failed, "the list is not complete: "+strings.Join(missing, "; ")
	case list.Packages() == 0:
		e.State, e.Reason = report.Missing, "no package was found: the image holds no package database and no manifest that is known"
	}
	return list, e
}

// evidence adds what the verdict rests on, and the files that hold it.
func (p *platform) evidence(list ...report.Evidence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range list {
		if e.Path != "" {
			e.Path = p.folder + e.Path
		}
		p.report.Evidence = append(p.report.Evidence, e)
	}
}

func (p *platform) file(list ...report.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range list {
		f.Path = p.folder + f.Path
		p.files = append(p.files, f)
	}
}

// imageName is what the image is called in its SBOM: the same on every machine, so
// no path of this one.
func (p *platform) imageName() string {
	if p.img.Source == registry.SourceRegistry {
		return p.img.Reference
	}
	return p.img.Source + "@" + p.man.Descriptor.Digest.String()
}

// tags and repoDigests name the image in the SBOM.
func (p *platform) tags() []string {
	if p.img.Repository == "" || p.img.Tag == "" {
		return nil
	}
	return []string{p.img.Repository + ":" + p.img.Tag}
}

func (p *platform) repoDigests() []string {
	if p.img.Repository == "" {
		return nil
	}
	return []string{p.img.Repository + "@" + p.man.Descriptor.Digest.String()}
}
