package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

func attestCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "attest",
		Short: "List, get and verify the attestations of an image",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(attestListCommand(a), attestGetCommand(a), attestVerifyCommand(a), attestVerifyBundleCommand(a))
	return cmd
}

// attestations is what the three commands share: find and verify, and nothing else.
func (a *app) attestations(cmd *cobra.Command, args []string, opt gateOptions) (*config.Config, error) {
	cfg, err := a.loadImage(cmd, args)
	if err != nil {
		return nil, err
	}
	opt.publish = reports(cmd)
	return cfg, a.gate(cmd.Context(), cfg, pipeline.Want{Attestations: true}, opt)
}

func attestListCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [flags] REF",
		Short: "Show where attestations were looked for, and each one with its state",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := a.attestations(cmd, args, gateOptions{
				show: func(r *report.Report) error { return render.AttestationList(a.Stdout, r) },
				exit: func(r *report.Report, err error) (fault.Code, string) {
					if err == nil && blind(r) {
						return fault.Unavailable, ""
					}
					return fault.CodeOf(err), ""
				},
			})
			return err
		},
	}
	bind(cmd, "Image", "Access", "Trust", "Reports", "Terminal")
	return cmd
}

func attestVerifyCommand(a *app) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "verify [flags] REF | verify --from REPORT_DIR [flags]",
		Short: "Verify the attestations, and print the same check for cosign",
		Long: "Verify exits 0 only when at least one attestation of each platform verified, nothing that is required failed, and no\n" +
			"attestation is invalid without a verified one of its family beside it. With --from it verifies the evidence that an earlier run kept, without a network.\n\n" + exitCodes(),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if from != "" {
				cfg, err := a.load(cmd, nil)
				if err != nil {
					return err
				}
				return a.reverify(cmd, cfg, from)
			}
			_, err := a.attestations(cmd, args, gateOptions{
				show: func(r *report.Report) error { return render.AttestationProof(a.Stdout, r) },
				exit: attestExit,
			})
			return err
		},
	}
	bind(cmd, "Image", "Access", "Trust", "Reports", "Terminal")
	bindNamed(cmd, "require")
	cmd.Flags().StringVar(&from, "from", "", "Report directory whose evidence is verified again")
	return cmd
}

// provenanceCommand is attest verify under the name that some workflows know.
func provenanceCommand(a *app) *cobra.Command {
	cmd := attestVerifyCommand(a)
	cmd.Use, cmd.Aliases, cmd.Hidden = "verify-provenance [flags] REF", nil, true
	return cmd
}

// attestExit is stricter than the verdict: nothing verified is a failure here, for any
// platform, and so is an invalid attestation that no verified one of its family stands
// beside. Beside one it is shown and fails only what is required, because whoever may push
// to the repository can attach garbage. It says why where the verdict does not.
func attestExit(r *report.Report, err error) (code fault.Code, why string) {
	if code := fault.CodeOf(err); code != fault.OK {
		return code, ""
	}
	platforms := map[string]bool{}
	if len(r.Platforms) < 2 {
		platforms[r.Subject.Platform] = false
	}
	for _, p := range r.Platforms {
		platforms[p.Platform] = false
	}
	type kind struct{ platform, family string }
	verified := map[kind]bool{}
	of := func(at report.Attestation) kind {
		if len(r.Platforms) < 2 {
			at.Platform = r.Subject.Platform
		}
		return kind{at.Platform, at.Family}
	}
	for _, at := range r.Attestations {
		if k := of(at); at.State == report.Verified {
			verified[k], platforms[k.platform] = true, true
		}
	}
	alone := slices.ContainsFunc(r.Attestations, func(at report.Attestation) bool { return at.State == report.Invalid && !verified[of(at)] })
	none := false
	for _, some := range platforms {
		none = none || !some
	}
	switch {
	case r.Verdict.Result == report.Fail:
		return fault.Policy, ""
	case alone:
		return fault.Policy, "an attestation is invalid, and no verified one of its family stands beside it"
	case r.Verdict.Result == report.Error:
		return fault.Unavailable, ""
	case none && (blind(r) || unread(r)):
		return fault.Unavailable, "no attestation of each platform verified, and not all could be looked at"
	case none:
		return fault.Policy, "attest verify wants one verified attestation of each platform at least"
	}
	return fault.OK, ""
}

// unread says that an attestation was listed and could not be read.
func unread(r *report.Report) bool {
	return slices.ContainsFunc(r.Attestations, func(at report.Attestation) bool { return at.State == report.Unreadable })
}

// blind says that no store could be asked.
func blind(r *report.Report) bool {
	return slices.ContainsFunc(r.Stages, func(s report.Stage) bool { return s.Name == report.StageAttest && s.State == report.Failed })
}

func attestGetCommand(a *app) *cobra.Command {
	var predicateType, output string
	var unverified bool
	cmd := &cobra.Command{
		Use:   "get [flags] REF",
		Short: "Print the statement of one attestation",
		Long: "Get prints the signed bytes of the attestation that --predicate-type names, by family (vex, sbom,\n" +
			"provenance, …), by predicate type or by digest. Only a verified one is printed, unless you say\n" +
			"--unverified.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.loadImage(cmd, args)
			if err != nil {
				return err
			}
			result, err := a.run(cmd.Context(), cfg, pipeline.Want{Attestations: true})
			if err != nil {
				return err
			}
			data, err := statement(result, predicateType, unverified)
			if err != nil {
				return err
			}
			if output == "" {
				_, err = a.Stdout.Write(data)
			} else {
				err = os.WriteFile(output, data, 0o644) //nolint:gosec // an attestation is public
			}
			if err != nil {
				return fault.New(fault.Internal, "write the statement", "", err)
			}
			return nil
		},
	}
	bind(cmd, "Image", "Access", "Trust", "Terminal")
	cmd.Flags().StringVar(&predicateType, "predicate-type", "", "Family, predicate type or digest of the attestation")
	cmd.Flags().StringVarP(&output, "output", "o", "", "Write to this file instead of standard output")
	cmd.Flags().BoolVar(&unverified, "unverified", false, "Print it even when it did not verify")
	return cmd
}

// statement finds the one attestation that was asked for.
func statement(result *pipeline.Result, want string, unverified bool) ([]byte, error) {
	op := "get the attestation"
	var found []report.Attestation
	var names []string
	doubtful := 0
	for _, at := range result.Report.Attestations {
		names = append(names, fmt.Sprintf("%s (%s, %s)", at.PredicateType, at.Family, at.State))
		if want != "" && want != at.Family && want != at.PredicateType && want != at.Digest {
			continue
		}
		if at.State != report.Verified && !unverified {
			doubtful++
			continue
		}
		found = append(found, at)
	}
	switch {
	case len(result.Report.Attestations) == 0 && blind(result.Report):
		return nil, fault.Unavailablef(op, "run attest list for the places that were looked at", "attestations could not be looked for")
	case len(found) == 0 && doubtful > 0:
		return nil, fault.New(fault.Policy, op, "run attest verify for the reason, or add --unverified to see it all the same",
			fmt.Errorf("none that matches %q is verified", want))
	case len(found) == 0:
		return nil, fault.New(fault.Policy, op, "there are: "+strings.Join(names, ", "), fmt.Errorf("none matches %q", want))
	case len(found) > 1:
		digests := make([]string, len(found))
		for i, at := range found {
			digests[i] = at.Family + " " + at.Digest
		}
		return nil, fault.Usagef(op, "name one with --predicate-type: "+strings.Join(digests, ", "), "%d match", len(found))
	}
	for _, f := range result.Files {
		if f.Path == found[0].Path {
			return f.Data, nil
		}
	}
	return nil, fault.New(fault.Internal, op, "", fmt.Errorf("the bytes of %s were not kept", found[0].Digest))
}
