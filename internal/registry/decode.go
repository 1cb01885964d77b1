package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxDepth bounds the nesting of a JSON document. Manifests need about five levels.
const maxDepth = 64

// artifactManifest is the manifest type that OCI image spec v1.1.0-rc2 had and the
// release dropped. Registries of that time may still hold some, as referrers.
const artifactManifest types.MediaType = "application/vnd.oci.artifact.manifest.v1+json"

// kind is what a manifest's structure says that it is.
type kind int

const (
	kindUnknown kind = iota
	kindIndex
	kindManifest
	kindArtifact
	kindSchema1
)

func (k kind) String() string {
	switch k {
	case kindIndex:
		return "an image index"
	case kindManifest:
		return "an image manifest"
	case kindArtifact:
		return "an OCI artifact manifest"
	case kindSchema1:
		return "a Docker schema 1 manifest"
	default:
		return "no manifest"
	}
}

// kindOfType maps the media types that name a manifest; others say nothing.
func kindOfType(t types.MediaType) kind {
	switch {
	case t.IsIndex():
		return kindIndex
	case t.IsImage():
		return kindManifest
	case t.IsSchema1():
		return kindSchema1
	case t == artifactManifest:
		return kindArtifact
	default:
		return kindUnknown
	}
}

// shape holds the members that tell the kinds apart.
type shape struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     types.MediaType `json:"mediaType"`
	Manifests     json.RawMessage `json:"manifests"`
	Config        json.RawMessage `json:"config"`
	Layers        json.RawMessage `json:"layers"`
	Blobs         json.RawMessage `json:"blobs"`
	FSLayers      json.RawMessage `json:"fsLayers"`
	Signatures    json.RawMessage `json:"signatures"`
}

// errNoManifest is a JSON document that is something else.
var errNoManifest = errors.New("manifest: it has neither manifests nor config and layers")

// kindOf decides by structure what raw is, and refuses a document that two readers
// could read as two things: one that is an index and a manifest at once
// (CVE-2021-41190), one whose mediaType contradicts its structure, and one in which a
// member occurs twice.
func kindOf(raw []byte) (kind, error) {
	if err := strictJSON(raw); err != nil {
		return kindUnknown, fmt.Errorf("manifest: %w", err)
	}
	var s shape
	if err := json.Unmarshal(raw, &s); err != nil {
		return kindUnknown, fmt.Errorf("manifest: %w", err)
	}
	k := s.kind()
	if k == kindUnknown {
		return k, errNoManifest
	}
	if k == kindSchema1 {
		return k, errSchema1
	}
	if k == kindIndex && (s.Config != nil || s.Layers != nil || s.Blobs != nil || s.FSLayers != nil) || k == kindManifest && s.FSLayers != nil {
		return k, errors.New("manifest: it is an index and a manifest at once; refused, because two readers would see two images")
	}
	if t := kindOfType(s.MediaType); t != kindUnknown && t != k {
		return k, fmt.Errorf("manifest: its mediaType says %s (%s), its structure is %s", t, s.MediaType, k)
	}
	return k, nil
}

// mayBe reports whether a document that could not be used is of one of the kinds, or begins
// as a JSON object and was not read far enough to tell.
func mayBe(raw []byte, kinds ...kind) bool {
	k, err := kindOf(raw)
	if k != kindUnknown {
		return slices.Contains(kinds, k)
	}
	return !errors.Is(err, errNoManifest) && bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{"))
}

func (s shape) kind() kind {
	switch {
	case s.Manifests != nil:
		return kindIndex
	case s.Config != nil:
		return kindManifest
	case s.FSLayers != nil, s.SchemaVersion == 1:
		return kindSchema1
	case s.Blobs != nil, s.MediaType == artifactManifest:
		return kindArtifact
	default:
		return kindUnknown
	}
}

// describe makes the descriptor of a manifest that was read: its kind by structure,
// its media type by its own word, else by the server's. contentType may be empty; a
// contentType of another kind is refused.
func describe(raw []byte, contentType string) (v1.Descriptor, error) {
	k, err := kindOf(raw)
	if err != nil {
		return v1.Descriptor{}, err
	}
	header, _, _ := strings.Cut(contentType, ";")
	served := types.MediaType(strings.TrimSpace(header))
	if t := kindOfType(served); t != kindUnknown && t != k {
		return v1.Descriptor{}, fmt.Errorf("manifest: it was served as %s (%s), its structure is %s", t, served, k)
	}
	var s struct {
		MediaType    types.MediaType `json:"mediaType"`
		ArtifactType string          `json:"artifactType"`
		Config       struct {
			MediaType types.MediaType `json:"mediaType"`
		} `json:"config"`
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return v1.Descriptor{}, fmt.Errorf("manifest: %w", err)
	}
	d := v1.Descriptor{MediaType: s.MediaType, Size: int64(len(raw)), ArtifactType: s.ArtifactType, Annotations: s.Annotations}
	if kindOfType(d.MediaType) != k {
		d.MediaType = served
	}
	if kindOfType(d.MediaType) != k {
		switch {
		case k == kindIndex:
			d.MediaType = types.OCIImageIndex
		case k == kindArtifact:
			d.MediaType = artifactManifest
		case s.Config.MediaType == types.DockerConfigJSON:
			d.MediaType = types.DockerManifestSchema2
		default:
			d.MediaType = types.OCIManifestSchema1
		}
	}
	d.Digest, _, err = v1.SHA256(bytes.NewReader(raw))
	return d, err
}

// parseIndex decodes an index of at most limit manifests.
func parseIndex(raw []byte, limit int) (*v1.IndexManifest, error) {
	k, err := kindOf(raw)
	if err != nil {
		return nil, err
	}
	if k != kindIndex {
		return nil, fmt.Errorf("expected an image index, got %s", k)
	}
	var idx v1.IndexManifest
	if err := json.Unmarshal(raw, &idx); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if err := checkDescriptors("manifests of an index", idx.Manifests, limit); err != nil {
		return nil, err
	}
	return &idx, nil
}

// parseManifest decodes an image manifest of at most limit layers.
func parseManifest(raw []byte, limit int) (*v1.Manifest, error) {
	k, err := kindOf(raw)
	if err != nil {
		return nil, err
	}
	if k != kindManifest {
		return nil, fmt.Errorf("expected an image manifest, got %s", k)
	}
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if err := checkDescriptors("layers of a manifest", append([]v1.Descriptor{m.Config}, m.Layers...), limit+1); err != nil {
		return nil, err
	}
	return &m, nil
}

func checkDescriptors(what string, list []v1.Descriptor, limit int) error {
	if len(list) > limit {
		return &LimitError{Limit: "MaxDescriptors", What: what, Max: int64(limit)}
	}
	for _, d := range list {
		if err := checkDescriptor(d, 0, ""); err != nil {
			return err
		}
	}
	return nil
}

// checkDescriptor refuses a descriptor that names no content, and with max above 0
// one of a size past it.
func checkDescriptor(d v1.Descriptor, limit int64, name string) error {
	if _, err := v1.NewHash(d.Digest.String()); err != nil {
		return fmt.Errorf("descriptor of type %q: %w", d.MediaType, err)
	}
	if d.Size < 0 {
		return fmt.Errorf("descriptor %s: size %d is negative", d.Digest, d.Size)
	}
	if limit > 0 && d.Size > limit {
		return &LimitError{Limit: name, What: "size in bytes of " + d.Digest.String(), Max: limit}
	}
	return nil
}

// strictJSON refuses what two JSON readers may read differently: a member name that
// occurs twice in one object, also when only the case differs (Go's decoder ignores
// it), bytes after the document, and nesting deeper than maxDepth. Objects that are
// maps by specification, such as annotations, may hold names that differ in case.
func strictJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := strictValue(dec, "", 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("bytes follow the JSON document")
	}
	return nil
}

// isCut says whether a document begins as a JSON object or list and ends before that does.
func isCut(raw []byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		return false
	}
	var whole json.RawMessage
	return errors.Is(json.NewDecoder(bytes.NewReader(raw)).Decode(&whole), io.ErrUnexpectedEOF)
}

func strictObject(dec *json.Decoder, name string, depth int) error {
	seen, folded := map[string]bool{}, map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return jsonError(err)
		}
		key, _ := t.(string)
		lower := strings.ToLower(key)
		if seen[key] || folded[lower] && !isMap(name) {
			return fmt.Errorf("the member %.80q occurs twice in one object", key)
		}
		seen[key], folded[lower] = true, true
		if err := strictValue(dec, lower, depth); err != nil {
			return err
		}
	}
	_, err := dec.Token() // the closing brace
	return jsonError(err)
}

func strictValue(dec *json.Decoder, name string, depth int) error {
	if depth >= maxDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	t, err := dec.Token()
	if err != nil {
		return jsonError(err)
	}
	switch t {
	case json.Delim('{'):
		return strictObject(dec, name, depth+1)
	case json.Delim('['):
		for dec.More() {
			if err := strictValue(dec, "", depth+1); err != nil {
				return err
			}
		}
		_, err = dec.Token()
		return jsonError(err)
	}
	return nil
}

// isMap says which members hold maps with free names (OCI image spec: annotations;
// config.md: Labels, ExposedPorts, Volumes).
func isMap(name string) bool {
	switch name {
	case "annotations", "labels", "exposedports", "volumes":
		return true
	default:
		return false
	}
}

func jsonError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON document ends too early")
	default:
		return fmt.Errorf("it is not JSON: %w", err)
	}
}
