package attest

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// The bounds of a report directory: subjects (platforms), and how deep their folders lie.
const (
	maxRecords        = 64
	maxDepthOfRecords = 4
)

// Reverified is one subject of a report directory with what its evidence shows now.
type Reverified struct {
	Subject Subject
	Result  *Result
	// Base says that the subject is not the image but what it was built on.
	Base bool
}

// VerifyDir verifies the evidence in a report directory again, without a network: the
// files that [Verify] returned, for each subject that it was run for. The same code
// judges, with the signers of opt, so that an older run can be held to newer trust.
//
// A file that was changed, removed or exchanged makes its attestation invalid or
// unreadable, with a reason that names it. The error has code Usage when the directory
// holds no evidence, else it is as for Verify.
func VerifyDir(ctx context.Context, dir fs.FS, opt Options) ([]Reverified, error) {
	const op = "verify saved evidence"
	names, err := findRecords(dir)
	if err != nil {
		return nil, fault.New(fault.Usage, op, "name the report directory of an earlier run", err)
	}
	if len(names) == 0 {
		return nil, fault.Usagef(op, "name the report directory of an earlier run", "no attestations/subject-*.json in it")
	}
	var out []Reverified
	for _, name := range names {
		base, err := fs.Sub(dir, path.Dir(path.Dir(name)))
		if err != nil {
			return out, fault.New(fault.Usage, op, "", err)
		}
		subject, stores, err := readRecord(base, path.Join("attestations", path.Base(name)), opt.limits())
		if err != nil {
			return out, fault.New(fault.Usage, op, "the file was not written by this program, or was changed", fmt.Errorf("%s: %w", name, err))
		}
		res, err := Verify(ctx, subject, stores, opt)
		out = append(out, Reverified{Subject: subject, Result: res, Base: path.Base(path.Dir(path.Dir(name))) == report.FolderBase})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// findRecords lists the records of a report directory: in its own folder attestations,
// and in those of the platforms of a run over several.
func findRecords(dir fs.FS) ([]string, error) {
	var names []string
	err := fs.WalkDir(dir, ".", func(p string, d fs.DirEntry, err error) error {
		switch ok, _ := path.Match("subject-*.json", path.Base(p)); {
		case err != nil:
			return err
		case d.IsDir() && strings.Count(p, "/") > maxDepthOfRecords:
			return fs.SkipDir
		case d.Type().IsRegular() && ok && path.Base(path.Dir(p)) == "attestations":
			if len(names) == maxRecords {
				return fmt.Errorf("%w: more than %d subjects", errLimit, maxRecords)
			}
			names = append(names, p)
		}
		return nil
	})
	return names, err
}

func readRecord(dir fs.FS, name string, lim limits) (Subject, []Store, error) {
	var s Subject
	data, err := readFile(dir, name, lim.statement)
	if err != nil {
		return s, nil, err
	}
	if err := strictjson.Check(data, lim.depth); err != nil {
		return s, nil, err
	}
	var rec record
	if err := json.Unmarshal(data, &rec); err != nil {
		return s, nil, err
	}
	if rec.SchemaVersion != recordVersion {
		return s, nil, fmt.Errorf("schemaVersion is %d, this program reads %d", rec.SchemaVersion, recordVersion)
	}
	s = Subject{Repository: rec.Repository, DHI: rec.DHI, Platform: rec.Platform}
	if s.Digest, err = v1.NewHash(rec.Digest); err != nil {
		return s, nil, err
	}
	for digest, p := range rec.Objects {
		if !fs.ValidPath(p) || path.Dir(path.Dir(p)) != "attestations" && path.Dir(p) != "attestations" {
			return s, nil, fmt.Errorf("%s lies in %q, outside of attestations", digest, clip(p))
		}
	}
	if rec.Index != "" {
		if s.Index, err = v1.NewHash(rec.Index); err != nil {
			return s, nil, err
		}
		if p, ok := rec.Objects[rec.Index]; ok {
			if s.IndexRaw, err = readFile(dir, p, lim.manifest); err != nil {
				return s, nil, err
			}
		}
	}
	var stores []Store
	for _, st := range rec.Stores {
		stores = append(stores, &replay{storeRecord: st, fsys: dir, objects: rec.Objects, max: lim.manifest})
	}
	return s, stores, nil
}
