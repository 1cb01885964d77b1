package attest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
)

// addFile takes one file that the user named: it must be an attestation.
func (l *local) addFile(at string) error {
	data, err := readFile(l.fsys, at, l.lim.statement)
	if err != nil {
		return err
	}
	if !l.add(data) {
		return fmt.Errorf("%s is no Sigstore bundle, DSSE envelope or in-toto statement", at)
	}
	return nil
}

// addFolder takes every file of a folder that is an attestation.
func (l *local) addFolder(at string) error {
	files := 0
	return fs.WalkDir(l.fsys, at, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if files++; files > maxLocalFiles {
			return fmt.Errorf("%w: more than %d files", errLimit, maxLocalFiles)
		}
		switch path.Ext(p) {
		case ".json", ".jsonl", ".sigstore", ".bundle", ".att", ".sig", ".intoto":
		default:
			return nil
		}
		data, err := readFile(l.fsys, p, l.lim.statement)
		if errors.Is(err, errLimit) {
			return nil
		}
		if err != nil {
			return err
		}
		if l.total += int64(len(data)); l.total > l.lim.total {
			return fmt.Errorf("%w MaxTotal: more than %d bytes", errLimit, l.lim.total)
		}
		l.add(data)
		return nil
	})
}

// add takes the attestations in a file and reports whether there was one.
func (l *local) add(data []byte) bool {
	found := false
	for _, one := range splitLines(data) {
		if t := sniff(one, l.lim); t != "" {
			l.loose = append(l.loose, looseFile{mediaType: t, data: one})
			l.blobs[digestOf(one).String()] = one
			found = true
		}
	}
	return found
}

// sniff tells what a file is by its members; "" for anything else.
func sniff(data []byte, lim limits) string {
	if strictjson.Check(data, lim.depth) != nil {
		return ""
	}
	m, err := strictjson.Object(data)
	if err != nil {
		return ""
	}
	mediaType, _ := strictjson.Text(m, "mediaType")
	kind, _ := strictjson.Text(m, "_type")
	switch {
	case isBundle(mediaType):
		return mediaType
	case m["payloadType"] != nil && m["payload"] != nil:
		return mediaEnvelope
	case kind == statementV01 || kind == statementV1:
		return mediaStatement
	default:
		return ""
	}
}

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
		if checkDescriptor(d) != nil {
			continue
		}
		raw, err := l.readBlob(d.Digest, l.lim.manifest)
		if errors.Is(err, fs.ErrNotExist) { // a layout may hold one platform of an index
			continue
		}
		if err != nil {
			return err
		}
		if digestOf(raw) != d.Digest {
			return brokenf("blob %s hashes to %s", d.Digest, digestOf(raw))
		}
		if d.MediaType.IsIndex() {
			if err := l.index(raw, seen, depth+1); err != nil {
				return err
			}
		}
		l.note(d, raw)
	}
	return nil
}

// mark notes the tag and cosign's mark of an entry of the layout's own index.
func (l *local) mark(d v1.Descriptor) {
	if tag := d.Annotations["org.opencontainers.image.ref.name"]; tag != "" {
		if i := strings.LastIndex(tag, ":"); i >= 0 {
			tag = tag[i+1:]
		}
		l.tags[tag] = d
	}
	if kind, ok := strings.CutPrefix(d.Annotations["kind"], "dev.cosignproject.cosign/"); ok {
		l.marked[kind] = append(l.marked[kind], d)
	}
}

// note records what a manifest says it is attached to.
func (l *local) note(d v1.Descriptor, raw []byte) {
	m, err := parseManifest(raw, l.lim)
	if err != nil || m.Subject == nil {
		return
	}
	l.subjects[m.Subject.Digest] = append(l.subjects[m.Subject.Digest], v1.Descriptor{
		MediaType: d.MediaType, Digest: d.Digest, Size: int64(len(raw)), ArtifactType: m.ArtifactType, Annotations: m.Annotations,
	})
}
