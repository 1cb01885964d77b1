package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vex"
	"github.com/imagegate/imagegate/internal/vuln/advisory"
)

// readVEXFolder reads the folder of VEX files that a repository may hold, if there is
// one. Whoever can write there can suppress findings, as whoever can write the workflow
// can.
func (r *run) readVEXFolder() ([]vexFile, error) {
	folder := r.cfg.VEXFolder
	if folder == "" || folder == config.None {
		return nil, nil
	}
	names, err := r.deps.Glob(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0 {
		return nil, nil
	}
	return r.readNamed("vex-folder", folder)
}

// readRules reads the rules of vex-accept.
func (r *run) readRules() ([]vex.AcceptRule, error) {
	var out []vex.AcceptRule
	var errs []error
	for _, text := range r.cfg.VEXAccept {
		rule, err := vex.ParseAcceptRule(text)
		if err != nil {
			errs = append(errs, fault.New(fault.Usage, "read the vex-accept rule "+text, fault.HintOf(err), err))
		}
		out = append(out, rule)
	}
	return out, errors.Join(errs...)
}

// vexOptions are the rules that decide.
func (p *platform) vexOptions() vex.Options {
	return vex.Options{
		Policy: vex.Policy(p.cfg.VEXPolicy), Unversioned: vex.Unversioned(p.cfg.VEXUnversioned),
		Now: p.written(), Clock: p.deps.Now, MaxAge: p.cfg.VEXMaxAge, Accept: p.inputs.accept,
		VendorJudged: judgedByVendor,
	}
}

// judgedByVendor tells the findings of the coming model's advisories, which are
// authoritative there, while the VEX beside them is context.
func judgedByVendor(v report.Vulnerability) bool {
	return v.Match == advisory.MatchedBy && advisory.ModelOf(v.Package.PURL) == advisory.OSPackage
}

// objectionResult is what an objection comes to in the verdict; "" for nothing.
func objectionResult(option string) report.Result {
	switch option {
	case config.ObjectionIgnore:
		return ""
	case config.ObjectionFail:
		return report.Fail
	default:
		return report.Warn
	}
}

// vexRules writes the rules into the report, where they are not the default.
func (r *run) vexRules(rep *report.Report) {
	if r.cfg.VEXUnversioned != config.VEXStrict {
		rep.Policy.VEXUnversioned = r.cfg.VEXUnversioned
	}
	if r.cfg.VEXObjection != config.ObjectionWarn {
		rep.Policy.VEXUnverifiedObjection = r.cfg.VEXObjection
	}
	rep.Policy.VEXAccept = strings.Join(r.cfg.VEXAccept, "; ")
	if r.cfg.VEXMaxAge > 0 {
		rep.Policy.VEXMaxAge = r.cfg.VEXMaxAge.String()
	}
	limits := make([]string, 0, len(r.cfg.VEXLimits))
	for _, l := range r.cfg.VEXLimits {
		limits = append(limits, fmt.Sprintf("%s=%d", l.Name, l.Max))
	}
	rep.Policy.VEXLimits = strings.Join(limits, ", ")
}

// decide applies VEX to the findings.
func (p *platform) decide(ctx context.Context) ended {
	p.origins()
	switch {
	case !p.want.VEX:
		return skipped(report.StageVEX)
	case p.cfg.VEXPolicy == config.VEXOff:
		return ends(report.StageVEX, report.Skipped, "vex-policy is off: nothing is suppressed")
	}
	defer p.timings.start(report.StageVEX, p.name)()
	in := p.documents(ctx)
	docs, seen := in.docs, in.seen
	image, opt := p.vexImage(), p.vexOptions()
	// The order of a canonical report, so that the ledger of equal evidence is equal.
	res, err := vex.Decide((&report.Report{Vulnerabilities: p.report.Vulnerabilities}).Canonical().Vulnerabilities, docs, image, opt)
	if err != nil {
		return failed(report.StageVEX, err, seen...)
	}
	seen = append(seen, p.explain(res.Vulnerabilities, docs, image, opt)...)
	res.Documents = append(res.Documents, in.rejected...)
	p.report.Vulnerabilities, p.report.VEX.Documents, p.report.VEX.Hygiene = res.Vulnerabilities, res.Documents, &res.Hygiene
	seen = slices.Concat(seen, res.Observations, p.ledger(res, image, opt))
	if len(p.report.VEX.Documents) == 0 {
		return ends(report.StageVEX, report.Missing, "there is no VEX document", seen...)
	}
	suppressed := report.CountVulnerabilities(res.Vulnerabilities).Suppressed
	return ends(report.StageVEX, report.Done, fmt.Sprintf("%d of %s suppressed by %s", suppressed,
		count(len(res.Vulnerabilities), "finding"), count(len(docs), "document")), seen...)
}

// ledger writes what became of each finding and document.
func (p *platform) ledger(res vex.Result, image vex.Image, opt vex.Options) []report.Observation {
	canonical := (&report.Report{Vulnerabilities: res.Vulnerabilities, VEX: report.VEX{Documents: res.Documents}}).Canonical()
	res.Vulnerabilities, res.Documents = canonical.Vulnerabilities, canonical.VEX.Documents
	var b bytes.Buffer
	ledger := vex.NewLedger(res, image, opt)
	ledger.Advisories = (&report.Report{Advisories: p.report.Advisories}).Canonical().Advisories
	if err := ledger.Write(&b); err != nil {
		return []report.Observation{saw(report.StageVEX, report.LeftOut, "the ledger was not written: "+err.Error())}
	}
	p.file(report.File{Path: report.FileLedger, MediaType: "application/json", Data: b.Bytes()})
	return nil
}

// Explained is everything that was said of one finding.
type Explained struct {
	Finding    report.Vulnerability
	Statements []vex.Considered
	// More statements were left out.
	More int
}

// explain tells of the vulnerability that Want.Explain names.
func (p *platform) explain(vs []report.Vulnerability, docs []vex.Document, image vex.Image, opt vex.Options) []report.Observation {
	name := p.want.Explain
	if name == "" {
		return nil
	}
	for _, v := range vs {
		if !strings.EqualFold(v.ID, name) && !slices.ContainsFunc(v.Aliases, func(a string) bool { return strings.EqualFold(a, name) }) {
			continue
		}
		list, more, err := vex.Explain(v, docs, image, opt)
		if err != nil {
			return []report.Observation{saw(report.StageVEX, report.LeftOut, name+" was not explained: "+err.Error())}
		}
		v.Platform = p.name
		p.explained = append(p.explained, Explained{v, list, more})
	}
	return nil
}

// vexImage says what the image is called, for VEX. Its canonical name among Docker
// Hardened Images counts only when Docker's key vouched for this very digest and the
// index carries Docker's marks: the label alone is inherited by whatever is built on top.
func (p *platform) vexImage() vex.Image {
	s := p.report.Subject
	im := vex.Image{
		Digest: s.Digest, IndexDigest: s.IndexDigest, Repository: s.Repository, Platform: s.Platform, Distro: s.Distro,
		BaseDigests: p.ground.digests, BaseRepository: p.ground.repository,
	}
	if s.Source == registry.SourceRegistry {
		im.References = []string{s.Reference}
	}
	if s.DHI != nil {
		im.DHIName = s.DHI.Name
		im.DHINameVerified = s.DHI.Index && p.vouched()
	}
	return im
}
