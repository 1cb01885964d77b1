package attest

import (
	"fmt"
	"path"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// keeper collects everything as it was fetched, byte for byte, so that a third party
// can verify it again, and names each digest as evidence.
type keeper struct {
	res      *Result
	platform string
	dirs     map[string]bool
	keys     map[string]bool
	objects  map[string]string // digest to path
}

func newKeeper(res *Result, platform string) *keeper {
	return &keeper{res: res, platform: platform, dirs: map[string]bool{}, keys: map[string]bool{}, objects: map[string]string{}}
}

// keep stores the bytes of a candidate under attestations/<family>-<digest> and sets
// the attestation's path.
func (k *keeper) keep(j *judged) {
	if j.obj.raw == nil {
		return
	}
	dir := k.dir(j.att.Family, j.att.Digest)
	label := join(j.att.Family, j.att.PredicateType)
	k.file(dir, "manifest.json", manifestType(j.obj), j.obj.raw, "attestation", label, j.obj.digest.String())
	for i, p := range j.also {
		k.file(dir, fmt.Sprintf("manifest-%d.json", i+2), manifestType(p.obj), p.obj.raw, "attestation", label, p.obj.digest.String())
	}
	if name := blobName(j); name != "" && j.blob != nil && j.blob.data != nil {
		j.att.Path = k.file(dir, name, string(j.layer.MediaType), j.blob.data, strings.TrimSuffix(name, ".json"), label, j.blob.desc.Digest.String())
	}
	for i, s := range j.sigs {
		name := fmt.Sprintf("signature-%d", i+1)
		if s.obj.raw != nil && s.obj != j.obj {
			k.file(dir, name+".manifest.json", manifestType(s.obj), s.obj.raw, "signature", label, s.obj.digest.String())
		}
		if s.blob != nil && s.blob.data != nil {
			ending := ".payload.json"
			if isBundle(string(s.layer.MediaType)) {
				ending = ".bundle.json"
			}
			p := k.file(dir, name+ending, string(s.layer.MediaType), s.blob.data, "signature-payload", label, s.layer.Digest.String())
			if j.kind == kindSignature {
				j.att.Path = p
			}
		}
	}
	if key := j.best.key; j.best.grade == good && key != nil && !k.keys[key.Fingerprint()] {
		k.keys[key.Fingerprint()] = true
		k.res.Evidence = append(k.res.Evidence, report.Evidence{Kind: "key", Name: key.Name, Digest: key.Fingerprint(), Platform: k.platform})
	}
}

// blobName is the file of what the candidate's layer holds; "" when a signature's
// payload is all there is, which is kept as one.
func blobName(j *judged) string {
	switch j.kind {
	case kindEnvelope:
		return "envelope.json"
	case kindBundle:
		return "bundle.json"
	case kindSBOM:
		return "sbom.json"
	case kindSignature:
		return ""
	default:
		return "statement.json"
	}
}

// dir picks a directory that no other candidate has.
func (k *keeper) dir(family, digest string) string {
	base := path.Join("attestations", family+"-"+strings.TrimPrefix(digest, "sha256:")[:12])
	dir := base
	for n := 2; k.dirs[dir]; n++ {
		dir = fmt.Sprintf("%s-%d", base, n)
	}
	k.dirs[dir] = true
	return dir
}

func (k *keeper) file(dir, name, mediaType string, data []byte, kind, label, digest string) string {
	p := path.Join(dir, name)
	if k.objects[digest] == "" {
		k.objects[digest] = p
	}
	k.res.Files = append(k.res.Files, report.File{Path: p, MediaType: mediaType, Data: data})
	k.res.Evidence = append(k.res.Evidence, report.Evidence{
		Kind: kind, Name: strings.ReplaceAll(label, "; ", " "), Digest: digest, Size: int64(len(data)), Path: p, Platform: k.platform,
	})
	return p
}

func manifestType(o *object) string {
	if o.man != nil && o.man.MediaType != "" {
		return string(o.man.MediaType)
	}
	return "application/vnd.oci.image.manifest.v1+json"
}
