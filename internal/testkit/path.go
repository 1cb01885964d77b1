package testkit

import (
	"bytes"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Kind is what a request asks for.
type Kind string

// The kinds of request of the distribution API.
const (
	KindPing      Kind = "ping" // the version check at /v2/
	KindManifest  Kind = "manifest"
	KindBlob      Kind = "blob"
	KindUpload    Kind = "upload"
	KindReferrers Kind = "referrers"
	KindTags      Kind = "tags"
	KindToken     Kind = "token"
	KindOther     Kind = "other"
)

// splitPath reads /v2/<repository>/<kind>/<reference>.
func splitPath(path string) (repo string, kind Kind, ref string) {
	switch path {
	case "/v2", "/v2/":
		return "", KindPing, ""
	case tokenPath:
		return "", KindToken, ""
	}
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return "", KindOther, ""
	}
	for _, k := range []struct {
		infix string
		kind  Kind
	}{
		{"/blobs/uploads/", KindUpload},
		{"/blobs/", KindBlob},
		{"/manifests/", KindManifest},
		{"/referrers/", KindReferrers},
		{"/tags/", KindTags},
	} {
		if i := strings.LastIndex(rest, k.infix); i > 0 {
			return rest[:i], k.kind, rest[i+len(k.infix):]
		}
	}
	return "", KindOther, ""
}

// digestOf is the SHA-256 digest of data.
func digestOf(data []byte) v1.Hash {
	h, _, err := v1.SHA256(bytes.NewReader(data))
	if err != nil { // a bytes.Reader has no read errors
		return v1.Hash{}
	}
	return h
}

// answer is a response kept in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}
