// Package demo is a small world in which the gate can be tried without an account: a
// registry that wants a login, a hardened Python image with signed attestations, the
// vendor's advisories, and a vulnerability database. The pipeline that reads it is the
// real one, over HTTP.
//
// The image is laid out as Docker Hardened Images publishes its own, and its packages
// and vulnerabilities are real: Debian 12 with the glibc that bookworm-security held in
// 2024. The statements about them are the demo's and are signed by a key that is made
// for the run, so nothing here passes for Docker's word.
//
// What to expect of the gate with its default policy: one high finding that the VEX
// explains away, a newer statement that takes back an older one, a statement that
// misses by one version, and a pass. With [Options.Tamper] one bit of the VEX is
// another, the signature chain breaks, and the gate fails.
//
// Start reading at [Start].
package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/imagegate/imagegate/internal/testkit"
)

// What the demo publishes.
const (
	Repository = "dhi/python"
	Tag        = "3.13-debian12"
	Username   = "demo"
)

// Options configure the demo.
type Options struct {
	// Dir is where the database archive and the public key are written; it must exist.
	// "" means a temporary directory that Close removes.
	Dir string

	// Now is the present: the image was built six hours before it. It is wanted.
	Now time.Time

	// Tamper makes the registry serve the VEX statement with one bit changed, on every
	// platform.
	Tamper bool

	// Seed makes the key and the password, and so every digest, the same in each run
	// with the same Now. "" means fresh ones.
	Seed string

	// More are attestations of each platform beside the demo's own, signed by its key unless
	// they say otherwise.
	More []testkit.Attestation

	// Log reports what is published where, at level Info. nil discards.
	Log *slog.Logger
}

// Demo is a running demo.
type Demo struct {
	// Reference is the image, Platforms what it runs on.
	Reference string
	Platforms []string
	// Username and Password are the registry's login.
	Username, Password string
	// KeyPEM is the public key of the attestations; KeyFile holds it.
	KeyPEM  []byte
	KeyFile string
	// DBArchive is the Grype database, packed as Anchore's are.
	DBArchive string
	// Created is when the image claims to be built.
	Created time.Time
	// Image is what was pushed, and Registry where to.
	Image    *testkit.Built
	Registry *testkit.Registry
	// Advisories is the vendor's repository, with records of its own components, which the
	// database does not speak of.
	Advisories *testkit.GitServer
	// Tampered explains the change that Options.Tamper made; "" without it.
	Tampered string

	remove string // the directory that Close removes
}

// Start publishes everything. The caller closes the demo.
func Start(ctx context.Context, opt Options) (*Demo, error) {
	if opt.Now.IsZero() {
		return nil, errors.New("start the demo: Options.Now is not set")
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	d := &Demo{Username: Username, Created: opt.Now.UTC().Truncate(time.Second).Add(-6 * time.Hour)}
	if err := d.start(ctx, opt); err != nil {
		return nil, errors.Join(fmt.Errorf("start the demo: %w", err), d.Close())
	}
	return d, nil
}

func (d *Demo) start(ctx context.Context, opt Options) error {
	key, err := d.login(opt.Seed)
	if err != nil {
		return err
	}
	if opt.Dir == "" {
		if opt.Dir, err = os.MkdirTemp("", "imagegate-demo-"); err != nil {
			return err
		}
		d.remove = opt.Dir
	}
	d.KeyPEM = key.PublicPEM()
	d.KeyFile = filepath.Join(opt.Dir, "demo.pub")
	if err := os.WriteFile(d.KeyFile, d.KeyPEM, 0o644); err != nil {
		return err
	}
	d.DBArchive = filepath.Join(opt.Dir, "vulnerability-db.tar.zst")
	if err := writeDatabase(d.DBArchive, d.Created.Add(4*time.Hour)); err != nil {
		return err
	}
	opt.Log.Info("vulnerability database written", "path", d.DBArchive)

	img, err := image(key, d.Created)
	if err != nil {
		return err
	}
	img = img.Plus(opt.More...)
	repository, err := advisories(key, d.Created)
	if err != nil {
		return err
	}
	if d.Advisories, err = repository.Serve(); err != nil {
		return err
	}
	d.Registry, err = testkit.StartRegistry(testkit.RegistryOptions{
		Username: d.Username, Password: d.Password, Auth: testkit.Bearer, PageSize: 3,
	})
	if err != nil {
		return err
	}
	if d.Image, err = img.Push(ctx, d.Registry.Repository(Repository)); err != nil {
		return err
	}
	d.Reference = d.Registry.Host() + "/" + Repository + ":" + Tag
	for _, p := range d.Image.Platforms {
		d.Platforms = append(d.Platforms, p.Platform.String())
	}
	opt.Log.Info("image published", "reference", d.Reference, "digest", d.Image.Root.Digest().String(), "key", key.Fingerprint())
	if opt.Tamper {
		return d.tamper(opt.Log)
	}
	return nil
}

// login makes the key and the password.
func (d *Demo) login(seed string) (*testkit.Key, error) {
	if seed != "" {
		d.Password = seed
		return testkit.SeededKey(seed)
	}
	d.Password = rand.Text()
	return testkit.NewKey()
}

// tamper changes one bit of each platform's VEX on its way out of the registry. The
// statement that missed by one version would then hit: an attacker hides a finding.
func (d *Demo) tamper(log *slog.Logger) error {
	for _, p := range d.Image.Platforms {
		vex := p.Attestation(testkit.PredicateOpenVEX)
		at := bytes.Index(vex.Statement.Data, []byte(missedVersion))
		if at < 0 {
			return fmt.Errorf("the VEX of %s does not name %s", p.Platform, missedVersion)
		}
		at += len(missedVersion) - 1
		d.Registry.Inject(testkit.Asks(testkit.KindBlob, vex.Statement.Digest().String()), testkit.Flip(at), 0)
		log.Info("VEX statement tampered with", "platform", p.Platform.String(), "digest", vex.Statement.Digest().String(), "byte", at)
	}
	d.Tampered = fmt.Sprintf("one bit of the VEX turns %q into %q, which would hide %s", missedVersion, libcVersion, missedCVE)
	return nil
}

// Close stops the registry and removes what the demo has made for itself.
func (d *Demo) Close() error {
	var err error
	if d.Registry != nil {
		err = d.Registry.Close()
	}
	if d.Advisories != nil {
		err = errors.Join(err, d.Advisories.Close())
	}
	if d.remove != "" {
		err = errors.Join(err, os.RemoveAll(d.remove))
	}
	return err
}

// Describe writes in a few lines what is there to be seen.
func (d *Demo) Describe(w io.Writer) error {
	_, err := fmt.Fprintf(w, "registry   %s (login %s)\nimage      %s\ndigest     %s\nplatforms  %v\nkey        %s\ndatabase   %s\n",
		d.Registry.URL(), d.Username, d.Reference, d.Image.Root.Digest(), d.Platforms, d.KeyFile, d.DBArchive)
	if err == nil && d.Tampered != "" {
		_, err = fmt.Fprintf(w, "tampered   %s\n", d.Tampered)
	}
	return err
}
