package testkit

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const ociIndex = string(types.OCIImageIndex)

// referrer is a pushed manifest that names a subject.
type referrer struct {
	subject    v1.Hash
	descriptor v1.Descriptor
}

// remember files a manifest under its subject. A manifest pushed twice is one referrer.
func (r *Registry) remember(repo, mediaType string, raw []byte, m v1.Manifest) {
	d := v1.Descriptor{
		MediaType:    types.MediaType(mediaType),
		Size:         int64(len(raw)),
		Digest:       digestOf(raw),
		ArtifactType: m.ArtifactType,
		Annotations:  m.Annotations,
	}
	if d.ArtifactType == "" { // image-spec, "Guidelines for Artifact Usage"
		d.ArtifactType = string(m.Config.MediaType)
	}
	if r.opt.BareReferrers {
		d.Annotations = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.refs[repo] {
		if known.descriptor.Digest == d.Digest {
			return
		}
	}
	r.refs[repo] = append(r.refs[repo], referrer{m.Subject.Digest, d})
}

// referrersOf lists the referrers of subject in the order of arrival.
func (r *Registry) referrersOf(repo string, subject v1.Hash) []v1.Descriptor {
	list := []v1.Descriptor{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.refs[repo] {
		if f.subject == subject {
			list = append(list, f.descriptor)
		}
	}
	return list
}

// tagSchema is the tag and the index that hold the referrers of subject for clients
// of a registry without the API.
func (r *Registry) tagSchema(repo string, subject v1.Hash) (tag string, raw []byte, err error) {
	raw, err = json.Marshal(referrerIndex(r.referrersOf(repo, subject)))
	if err != nil {
		return "", nil, fmt.Errorf("encode the referrers of %s: %w", subject, err)
	}
	return subject.Algorithm + "-" + subject.Hex, raw, nil
}

func referrerIndex(list []v1.Descriptor) v1.IndexManifest {
	return v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: list}
}

// serveReferrers answers GET /v2/<name>/referrers/<digest> (distribution spec v1.1,
// "Listing Referrers"), with the filter and with pages.
func (r *Registry) serveReferrers(w http.ResponseWriter, req *http.Request, repo, ref string) {
	subject, err := v1.NewHash(ref)
	if err != nil {
		writeError(w, http.StatusBadRequest, "DIGEST_INVALID", "the subject is no digest")
		return
	}
	list := r.referrersOf(repo, subject)
	q := req.URL.Query()
	if want := q.Get("artifactType"); want != "" {
		list = slices.DeleteFunc(list, func(d v1.Descriptor) bool { return d.ArtifactType != want })
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	if last := q.Get("last"); last != "" {
		i := slices.IndexFunc(list, func(d v1.Descriptor) bool { return d.Digest.String() == last })
		list = list[i+1:]
	}
	if n := r.opt.PageSize; n > 0 && len(list) > n {
		list = list[:n]
		next := url.Values{"last": {list[n-1].Digest.String()}}
		if want := q.Get("artifactType"); want != "" {
			next.Set("artifactType", want)
		}
		w.Header().Set("Link", fmt.Sprintf("</v2/%s/referrers/%s?%s>; rel=\"next\"",
			strings.TrimPrefix(repo, "/"), subject, next.Encode()))
	}
	if r.opt.Shuffle {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	body, err := json.Marshal(referrerIndex(list))
	if err != nil {
		writeError(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	w.Header().Set("Content-Type", ociIndex)
	_, _ = w.Write(body)
}
