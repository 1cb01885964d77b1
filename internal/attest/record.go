package attest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/report"
)

// recordVersion is the version of the record's JSON.
const recordVersion = 1

// record is what a run was told, so that [VerifyDir] can be told the same again: the
// subject, what each store listed, and in which file each digest lies. It is kept as
// attestations/subject-<digest>.json. Nothing in it is believed: the digests decide.
type record struct {
	SchemaVersion int    `json:"schemaVersion"`
	Digest        string `json:"digest"`
	Index         string `json:"index,omitempty"`
	Repository    string `json:"repository,omitempty"`
	DHI           bool   `json:"dhi,omitempty"`
	Platform      string `json:"platform,omitempty"`

	Stores  []storeRecord     `json:"stores"`
	Objects map[string]string `json:"objects"`
}

type storeRecord struct {
	Name      string                     `json:"name"`
	Referrers map[string][]v1.Descriptor `json:"referrers,omitempty"`
	Tags      map[string]string          `json:"tags,omitempty"`
}

// remember adds the answer to one question.
func (r *verification) remember(l listing) {
	if l.err != nil {
		return
	}
	if r.heard == nil {
		r.heard = make([]storeRecord, len(r.read.stores))
		for i, s := range r.read.stores {
			r.heard[i] = storeRecord{Name: s.Name(), Referrers: map[string][]v1.Descriptor{}, Tags: map[string]string{}}
		}
	}
	to := &r.heard[l.store]
	if l.tag != "" {
		to.Tags[l.tag] = digestOf(l.raw).String()
		return
	}
	if use, _, _ := r.considered(l); len(use) > 0 {
		for i := range use {
			use[i].Data, use[i].URLs, use[i].Platform = nil, nil, nil
		}
		slices.SortStableFunc(use, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) })
		to.Referrers[l.subject.String()] = use
	}
}

// record writes the record and the index beside the attestations.
func (k *keeper) record(r *verification) {
	if len(k.res.Attestations) == 0 {
		return
	}
	rec := record{
		SchemaVersion: recordVersion, Digest: r.subject.Digest.String(), Index: hashText(r.subject.Index),
		Repository: r.subject.Repository, DHI: r.subject.DHI, Platform: r.subject.Platform,
		Stores: r.heard, Objects: k.objects,
	}
	if len(r.index) > 0 {
		p := path.Join("attestations", "index-"+r.subject.Index.Hex[:12]+".json")
		k.res.Files = append(k.res.Files, report.File{Path: p, MediaType: "application/vnd.oci.image.index.v1+json", Data: r.subject.IndexRaw})
		rec.Objects[rec.Index] = p
	}
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil { // strings, numbers and maps of them always encode
		k.res.Warnings = append(k.res.Warnings, "the record for a later verification could not be written: "+reasonOf(err))
		return
	}
	k.res.Files = append(k.res.Files, report.File{
		Path: path.Join("attestations", "subject-"+r.subject.Digest.Hex[:12]+".json"), MediaType: "application/json", Data: append(data, '\n'),
	})
}

// replay is a store that answers as another one did, from files.
type replay struct {
	storeRecord
	fsys    fs.FS
	objects map[string]string
	max     int64
}

// Referrers implements [Store].
func (s *replay) Referrers(_ context.Context, subject v1.Hash) ([]v1.Descriptor, string, error) {
	return s.storeRecord.Referrers[subject.String()], "saved evidence", nil
}

// Manifest implements [Store].
func (s *replay) Manifest(_ context.Context, ref string) (v1.Descriptor, []byte, error) {
	if d, ok := s.Tags[ref]; ok {
		ref = d
	}
	h, err := v1.NewHash(ref)
	if err != nil {
		return v1.Descriptor{}, nil, fmt.Errorf("%s: %w", ref, fs.ErrNotExist)
	}
	raw, err := s.file(ref, s.max)
	if err == nil && digestOf(raw) != h {
		err = brokenf("%s hashes to %s, not to %s", s.objects[ref], digestOf(raw), h)
	}
	return v1.Descriptor{Digest: h, Size: int64(len(raw))}, raw, err
}

// Blob implements [Store].
func (s *replay) Blob(_ context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	return s.file(d.Digest.String(), limit)
}

// Name implements [Store].
func (s *replay) Name() string { return s.storeRecord.Name }

var errGone = errors.New("the saved evidence has no file for it")

func (s *replay) file(digest string, limit int64) ([]byte, error) {
	p, ok := s.objects[digest]
	if !ok {
		return nil, fmt.Errorf("%s: %w", digest, errGone)
	}
	data, err := readFile(s.fsys, p, limit)
	if errors.Is(err, fs.ErrNotExist) { // it was there: its absence is no "none"
		return nil, fmt.Errorf("%s: %w (%s)", digest, errGone, p)
	}
	return data, err
}
