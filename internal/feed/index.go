package feed

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// entry is a row of the index.
type entry struct{ ID, Location string }

const (
	// maxEntries bounds the index; the largest published ones have some 100,000 rows.
	maxEntries = 1_000_000
	// maxDocuments bounds the rows that one image can ask for.
	maxDocuments = 5000
)

// readIndex reads index.json (VEX Repository Specification v0.1, "Index File").
func readIndex(data []byte) ([]entry, error) {
	var index struct{ Packages []entry }
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, err
	}
	if len(index.Packages) > maxEntries {
		return nil, fmt.Errorf("%d packages, at most %d are read", len(index.Packages), maxEntries)
	}
	return index.Packages, nil
}

// Document names a document of the feed.
type Document struct {
	// Path is its place in the repository.
	Path string
	// Image is the name of the image that it is about, such as "python"; "" when it is
	// about a package in whatever image.
	Image string
	// Listed is where the index says that it is; "" for the document of an image, which no
	// index lists.
	Listed string
}

// Documents lists where the feed may have something about the images of these names and
// about these packages, written as package URLs without version and qualifiers. Whether
// the documents are there is seen when they are read. It counts the names and rows that
// it left out: those past the bound, and those that lead out of the repository.
func (f *Feed) Documents(images []string, packages map[string]bool) (docs []Document, left int) {
	known := map[string]bool{}
	add := func(d Document, older ...string) {
		if known[d.Path] {
			return
		}
		known[d.Path] = true
		if len(docs) >= maxDocuments || !local(d.Path) {
			left++
			return
		}
		docs = append(docs, d)
		for _, name := range older {
			if !known[name] {
				known[name] = true
				docs = append(docs, Document{Path: name, Listed: d.Listed})
			}
		}
	}
	for _, name := range images {
		add(Document{Path: "vex/" + name + "/dhi-" + path.Base(name) + ".vex.json", Image: name})
	}
	for _, e := range f.index {
		if id, err := url.PathUnescape(e.ID); err != nil || !packages[id] {
			continue
		}
		// The specification has locations relative to the index, an older layout relative
		// to the folder pkg.
		if strings.HasPrefix(e.Location, "pkg/") {
			add(Document{Path: e.Location, Listed: e.Location})
		} else {
			add(Document{Path: e.Location, Listed: e.Location}, "pkg/"+e.Location)
		}
	}
	return docs, left
}
