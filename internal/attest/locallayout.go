package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
)

// openLayout reads the index of an OCI layout (image-spec v1.1, image-layout.md) and
// every manifest below it, and notes subjects, tags and cosign's marks.
func (l *local) openLayout() error {
	raw, err := readFile(l.fsys, path.Join(l.root, "index.json"), l.lim.manifest)
	if err != nil {
		return err
	}
	l.marked = map[string][]v1.Descriptor{}
	return l.index(raw, map[v1.Hash]bool{}, 0)
}

func (l *local) index(raw []byte, seen map[v1.Hash]bool, depth int) error {
	if depth > maxNested {
		return fmt.Errorf("%w: indexes nested more than %d levels", errLimit, maxNested)
	}
	if err := strictjson.Check(raw, l.lim.depth); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	var m v1.IndexManifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	for _, d := range m.Manifests {
		if depth == 0 {
			l.mark(d)
		}
		if seen[d.Digest] {
			continue
		}
		if len(seen) == maxLocalFiles {
			return fmt.Errorf("%w: more than %d manifests", errLimit, maxLocalFiles)
		}
		seen[d.Digest] = true
		raw, err := l.entry(d)
		switch {
		case errors.Is(err, fs.ErrNotExist) && l.mayLack(d):
			continue
		case err == nil:
			err = l.take(d, raw, seen, depth)
		}
		if err != nil {
			what := "manifest " + clip(d.Digest.String())
			l.flaw(what, what, err)
		}
	}
	return nil
}

// entry reads the manifest that an entry of an index names.
func (l *local) entry(d v1.Descriptor) ([]byte, error) {
	if err := checkDescriptor(d); err != nil {
		return nil, err
	}
	raw, err := l.readBlob(d.Digest, l.lim.manifest)
	if err == nil && digestOf(raw) != d.Digest {
		err = brokenf("blob %s hashes to %s", d.Digest, digestOf(raw))
	}
	return raw, err
}

// mayLack reports whether the layout is whole without what an entry names: it may hold
// one platform of an index, and then lacks the others and what BuildKit attests of them.
func (l *local) mayLack(d v1.Descriptor) bool {
	if about, err := v1.NewHash(d.Annotations[annoReferenceOf]); err == nil {
		_, err := l.readBlob(about, l.lim.manifest)
		return errors.Is(err, fs.ErrNotExist)
	}
	return d.Platform != nil && d.Platform.OS != "" && d.Platform.OS != "unknown"
}

// mark notes the tag and cosign's mark of an entry of the layout's own index.
func (l *local) mark(d v1.Descriptor) {
	if tag := d.Annotations["org.opencontainers.image.ref.name"]; tag != "" {
		if i := strings.LastIndex(tag, ":"); i >= 0 {
			tag = tag[i+1:]
		}
		l.tags[tag] = addOnce(l.tags[tag], d)
	}
	if kind, ok := strings.CutPrefix(d.Annotations["kind"], "dev.cosignproject.cosign/"); ok {
		l.marked[kind] = addOnce(l.marked[kind], d)
	}
}

// addOnce adds an entry to those that differ.
func addOnce(list []v1.Descriptor, d v1.Descriptor) []v1.Descriptor {
	if slices.ContainsFunc(list, func(one v1.Descriptor) bool { return one.Digest == d.Digest }) {
		return list
	}
	return append(list, d)
}

// take goes through an index, and records what any other manifest says it is attached to.
// Its bytes decide what it is: what is called something else than a manifest, and is not a
// JSON object, is left alone.
func (l *local) take(d v1.Descriptor, raw []byte, seen map[v1.Hash]bool, depth int) error {
	m, err := parseManifest(raw, l.lim)
	switch {
	case errors.Is(err, errIndex), err != nil && d.MediaType.IsIndex():
		return l.index(raw, seen, depth+1)
	case err != nil && d.MediaType != "" && !d.MediaType.IsImage() && !bytes.HasPrefix(trim(raw), []byte("{")):
		return nil
	case err != nil:
		return err
	case m.Subject != nil:
		l.subjects[m.Subject.Digest] = append(l.subjects[m.Subject.Digest], v1.Descriptor{
			MediaType: d.MediaType, Digest: d.Digest, Size: int64(len(raw)), ArtifactType: m.ArtifactType, Annotations: m.Annotations,
		})
	}
	return nil
}
