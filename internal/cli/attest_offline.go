package cli

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

// digestPattern is a digest given instead of a file.
var digestPattern = regexp.MustCompile(`^sha(256|384|512):[0-9a-f]+$`)

// maxBundle bounds a bundle file, in bytes.
const maxBundle = 64 << 20

func attestVerifyBundleCommand(a *app) *cobra.Command {
	var bundle string
	cmd := &cobra.Command{
		Use:   "verify-bundle --bundle FILE [flags] FILE|sha256:DIGEST",
		Short: "Verify a Sigstore bundle over a file or a digest",
		Long: "Verify-bundle exits 0 only when the bundle is a signature over the file by the key, or by the\n" +
			"certificate identity and issuer, that you give. It is the command line of the clients of\n" +
			"sigstore-conformance, and of detached signatures beside feeds.\n\n" + exitCodes(),
		Example: "  imagegate attest verify-bundle --bundle dhi-python.vex.json.sig --key dhi-2 dhi-python.vex.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("key") && (cmd.Flags().Changed("certificate-identity") || cmd.Flags().Changed("certificate-identity-regexp")) {
				return fault.Usagef("read the arguments", "give --key, or --certificate-identity and --certificate-oidc-issuer", "one signature is made by a key or by an identity, not by both")
			}
			opt, err := pipeline.SignerOptions(cfg, a.Now().UTC(), readFile)
			if err != nil {
				return err
			}
			data, err := readBounded(bundle, maxBundle)
			if err != nil {
				return fault.New(fault.Usage, "read the bundle", "give the bundle's file with --bundle", err)
			}
			artifact := attest.Artifact{Name: args[0], Open: func() (io.ReadCloser, error) { return os.Open(args[0]) }}
			if digestPattern.MatchString(args[0]) {
				artifact = attest.Artifact{Name: args[0], Digest: args[0]}
			} else if _, err := os.Stat(args[0]); err != nil {
				return fault.New(fault.Usage, "read the signed file", "give a file, or a digest as sha256:…", err)
			}
			res, err := attest.VerifyBundle(cmd.Context(), artifact, data, opt)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Stdout, "verified: %s\nsigned by %s\n", render.Terminal(args[0]), render.Terminal(res.Signer))
			if !res.SignedAt.IsZero() {
				fmt.Fprintf(a.Stdout, "signed at %s\n", res.SignedAt.UTC().Format("2006-01-02 15:04:05Z"))
			}
			for _, line := range [][2]string{{"log", res.Log}, {"predicate type", res.PredicateType}, {"$", res.Command}} {
				if line[1] != "" {
					fmt.Fprintf(a.Stdout, "%s %s\n", line[0], render.Terminal(line[1]))
				}
			}
			return nil
		},
	}
	bind(cmd, "Trust", "Terminal")
	cmd.Flags().StringVar(&bundle, "bundle", "", "The Sigstore bundle (JSON, or several as JSON lines)")
	return cmd
}

// readBounded reads a file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, err
}

// reverify verifies the evidence of a report directory again, without a network.
func (a *app) reverify(cmd *cobra.Command, cfg *config.Config, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fault.New(fault.Usage, "open the report directory", "give the directory that an earlier run wrote", err)
	}
	defer func() { _ = root.Close() }()
	again, err := pipeline.Reverify(cmd.Context(), cfg, pipeline.Deps{Tool: tool(), Now: a.Now().UTC(), ReadFile: readFile}, root.FS())
	if err != nil {
		return err
	}
	code := fault.OK
	for _, one := range again {
		r := one.Report
		if one.Base {
			fmt.Fprintln(a.Stdout, "The base image:")
		}
		if err := render.AttestationProof(a.Stdout, r); err != nil {
			return err
		}
		c := fault.OK // of a base nothing is required
		if !one.Base {
			c, _ = attestExit(r, nil)
		}
		if slices.ContainsFunc(r.Attestations, func(at report.Attestation) bool { return at.State == report.Invalid }) {
			c = fault.Policy // the kept evidence was changed, or was never good
		}
		code = worse(code, c)
	}
	a.code = code
	return nil
}

// worse is the graver of two exit codes: a definite failure outranks missing evidence.
func worse(a, b fault.Code) fault.Code {
	if a == fault.Policy || b == fault.Policy {
		return fault.Policy
	}
	return max(a, b)
}
