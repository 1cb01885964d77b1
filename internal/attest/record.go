package attest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/report"
)

// recordVersion is the version of the record's JSON.
const recordVersion = 1

// record is what a run was told, so that [VerifyDir] can be told the same again: the
// subject, what each store listed, what it could not be asked, and in which file each
// digest lies. It is kept as attestations/subject-<digest>.json. Nothing in it is believed:
// the digests decide.
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
	// Failed are the questions that were not answered to their end, with the reason.
	Failed map[string]string `json:"failed,omitempty"`
	// Unfinished are those of them that were answered.
	Unfinished []string `json:"unfinished,omitempty"`
}

// remember adds the answer to one question, without what was left alone.
func (r *verification) remember(l listing, p report.Probe, found *objects) {
	to := r.recordOf(l.store)
	if p.State == report.ProbeFailed {
		to.Failed[p.Asked] = p.Reason
		if p.Partial {
			to.Unfinished = append(to.Unfinished, p.Asked)
		}
	}
	if l.tag != "" {
		if l.err == nil {
			to.Tags[l.tag] = digestOf(l.raw).String()
		}
		return
	}
	use, _ := r.considered(l)
	use = slices.DeleteFunc(use, func(d v1.Descriptor) bool { return found.by[d.Digest].leftAlone() })
	if len(use) == 0 {
		return
	}
	for i := range use {
		use[i].Data, use[i].URLs, use[i].Platform = nil, nil, nil
	}
	slices.SortStableFunc(use, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) })
	to.Referrers[l.subject.String()] = use
}

// recordOf is the record of one store.
func (r *verification) recordOf(store int) *storeRecord {
	if r.heard == nil {
		r.heard = make([]storeRecord, len(r.read.stores))
		for i, s := range r.read.stores {
			r.heard[i] = storeRecord{Name: s.Name(), Referrers: map[string][]v1.Descriptor{}, Tags: map[string]string{}, Failed: map[string]string{}}
		}
	}
	return &r.heard[store]
}

// record writes the record and the index beside the attestations. That there are none is
// kept too, with what could not be asked: a later verification must not pass over it.
func (k *keeper) record(r *verification) {
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
		r.observe(report.Information, "the record for a later verification could not be written: "+reasonOf(err))
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
	return s.storeRecord.Referrers[subject.String()], "saved evidence", s.failed(listing{subject: subject})
}

// failed is why the question was not answered to its end at the time; nil when it was.
func (s *replay) failed(l listing) error {
	reason, ok := s.Failed[l.asked()]
	if !ok {
		return nil
	}
	text := "not answered to the end when the evidence was saved: " + reason
	if slices.Contains(s.Unfinished, l.asked()) {
		return &unfinishedError{text}
	}
	return errors.New(text)
}

// Manifest implements [Store].
func (s *replay) Manifest(_ context.Context, ref string) (v1.Descriptor, []byte, error) {
	if d, ok := s.Tags[ref]; ok {
		ref = d
	} else if err := s.failed(listing{tag: ref}); err != nil {
		return v1.Descriptor{}, nil, err
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

// flaws implements [flawed].
func (s *replay) flaws() (unread []flaw, others []string) {
	for _, asked := range slices.Sorted(maps.Keys(s.Failed)) {
		if !strings.HasPrefix(asked, "referrers of ") && !strings.HasPrefix(asked, "tag ") {
			unread = append(unread, flaw{asked, s.Failed[asked]})
		}
	}
	return unread, nil
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
