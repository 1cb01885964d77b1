package pipeline

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/vex"
)

// inputs are the files that the user named, read before anything else so that a
// mistake in them is told before a download.
type inputs struct {
	roots      *x509.CertPool
	keys       []trust.Key
	identities []trust.Identity
	sigstore   []*trust.Root
	table      trust.Table
	stores     []attest.Store // on disk, beside the registry's
	vex        []vexFile
	docker     *dockerRepository // nil when auto is asked for nowhere
	feeds      []*lazyFeed
	accept     []vex.AcceptRule
	advisories *lazyAdvisories
	baseSBOM   *sbom.SBOM
}

type vexFile struct {
	name string
	data []byte
}

// readInputs reads keys, identities, trusted roots and VEX files. The error joins all
// mistakes.
func (r *run) readInputs() (*inputs, error) {
	in := &inputs{}
	var errs []error
	var err error
	if in.roots, err = r.readRoots(); err != nil {
		errs = append(errs, err)
	}
	for _, k := range r.cfg.Keys {
		keys, err := trust.LoadKeys(k, r.deps.ReadFile)
		if err != nil {
			errs = append(errs, err)
		}
		in.keys = append(in.keys, keys...)
	}
	if in.identities, err = identities(r.cfg); err != nil {
		errs = append(errs, err)
	}
	if name := r.cfg.TrustedRoot; name != "" {
		data, err := r.deps.ReadFile(name)
		if err == nil {
			in.sigstore, err = trust.ParseRoots(name, data)
		}
		if err != nil {
			errs = append(errs, fault.New(fault.Usage, "read the trusted root "+name, "it is the JSON file that cosign trusted-root create writes", err))
		}
	}
	if in.table, err = TrustTable(r.cfg, r.deps.ReadFile); err != nil {
		errs = append(errs, err)
	}
	if r.want.Attestations {
		if in.stores, err = openLocal(r.cfg, attest.Options{}); err != nil {
			errs = append(errs, err)
		}
	}
	if r.want.VEX && r.cfg.VEXPolicy != config.VEXOff {
		files, err := r.readVEX()
		if err != nil {
			errs = append(errs, err)
		}
		in.vex = files
		if files, err = r.readVEXFolder(); err != nil {
			errs = append(errs, err)
		}
		in.vex = append(in.vex, files...)
	}
	if isAuto(r.cfg.Advisories) || isAuto(r.cfg.VEXFeeds) {
		in.docker = r.docker(in)
	}
	if in.feeds, err = r.openFeeds(in); err != nil {
		errs = append(errs, err)
	}
	if err := r.readEvidence(in); err != nil {
		errs = append(errs, err)
	}
	return in, errors.Join(errs...)
}

// readRoots reads ca-file on top of the system's authorities; nil means only those.
func (r *run) readRoots() (*x509.CertPool, error) {
	if r.cfg.CAFile == "" {
		return nil, nil
	}
	const op = "read the certificate authorities of ca-file"
	data, err := r.deps.ReadFile(r.cfg.CAFile)
	if err != nil {
		return nil, fault.New(fault.Usage, op, "", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fault.Usagef(op, "want PEM blocks of type CERTIFICATE", "%s holds no certificate", r.cfg.CAFile)
	}
	return pool, nil
}

// identities reads the four certificate options: a signer is an identity and an
// issuer, as in cosign, and one without the other is a mistake.
func identities(cfg *config.Config) ([]trust.Identity, error) {
	id := trust.Identity{
		Subject: cfg.CertificateIdentity, SubjectRegexp: cfg.CertificateIdentityRegexp,
		Issuer: cfg.CertificateOIDCIssuer, IssuerRegexp: cfg.CertificateOIDCIssuerRegexp,
	}
	if id == (trust.Identity{}) {
		return nil, nil
	}
	if err := id.Check(); err != nil {
		return nil, fault.New(fault.Usage, "read the certificate options",
			"give certificate-identity or certificate-identity-regexp together with certificate-oidc-issuer or certificate-oidc-issuer-regexp", err)
	}
	return []trust.Identity{id}, nil
}

// maxVEX bounds one VEX file, in bytes.
const maxVEX = 64 << 20

// readVEX reads the files that vex names. A name that leads to nothing is an error: a
// gate must not silently run without the file that it was told to use.
func (r *run) readVEX() ([]vexFile, error) {
	var out []vexFile
	var errs []error
	for _, pattern := range r.cfg.VEX {
		names, err := r.deps.Glob(pattern)
		if err == nil && len(names) == 0 {
			err = fs.ErrNotExist
		}
		if err != nil {
			errs = append(errs, fault.New(fault.Usage, "find the VEX files "+pattern, "give a file, a folder or a glob", err))
			continue
		}
		slices.Sort(names)
		for _, name := range names {
			data, err := r.deps.ReadFile(name)
			if err == nil && len(data) > maxVEX {
				err = fmt.Errorf("larger than %d bytes", maxVEX)
			}
			if err != nil {
				errs = append(errs, fault.New(fault.Usage, "read the VEX file "+name, "", err))
				continue
			}
			out = append(out, vexFile{name, data})
		}
	}
	return out, errors.Join(errs...)
}

// attestOptions says who may sign. A log policy of auto leaves the word to the trust row.
func (in *inputs) attestOptions(cfg *config.Config, deps Deps) attest.Options {
	opt := attest.Options{
		Keys: in.keys, Identities: in.identities, Roots: in.sigstore, Table: in.table,
		Log: trust.LogPolicy(cfg.TransparencyLog), Now: deps.Now, Logger: deps.Logger,
	}
	if opt.Log == trust.LogAuto {
		opt.Log = ""
	}
	return opt
}

// SignerOptions are the verifier's options for evidence that is on disk already: the
// keys, identities, roots and trust rows that the configuration gives.
func SignerOptions(cfg *config.Config, now time.Time, read func(string) ([]byte, error)) (attest.Options, error) {
	r := &run{cfg: cfg, deps: Deps{ReadFile: read, Now: now}}
	in, err := r.readInputs()
	if err != nil {
		return attest.Options{}, err
	}
	return in.attestOptions(cfg, r.deps), nil
}
