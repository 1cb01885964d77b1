package testkit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/testkit"
)

// get asks over HTTP and returns the body as far as it came.
func get(t *testing.T, method, url string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

func TestReferrersPagesAndFilter(t *testing.T) {
	reg := start(t, testkit.RegistryOptions{PageSize: 2})
	img := sample(t)
	for range 3 {
		img = img.Plus(testkit.Attestation{PredicateType: "https://example.com/x", Predicate: len(img.Platforms[0].Attestations)})
	}
	b, err := img.Push(t.Context(), reg.Repository("dhi/sample"))
	if err != nil {
		t.Fatal(err)
	}
	child := b.Platforms[0].Manifest.Digest().String()
	var got []string
	pages := 0
	for next := "/v2/dhi/sample/referrers/" + child; next != ""; pages++ {
		resp, body, err := get(t, http.MethodGet, reg.URL()+next)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %v %v", next, resp, err)
		}
		var index v1.IndexManifest
		if err := json.Unmarshal(body, &index); err != nil {
			t.Fatal(err)
		}
		for _, d := range index.Manifests {
			got = append(got, d.Digest.String())
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(resp.Header.Get("Link"), "<"), ">")
	}
	var want []string
	for _, a := range b.Platforms[0].Attestations {
		want = append(want, a.Manifest.Digest().String())
	}
	if pages != 3 || !slices.Equal(got, want) {
		t.Errorf("%d pages with %v, want 3 with %v", pages, got, want)
	}
	resp, body, err := get(t, http.MethodGet, reg.URL()+"/v2/dhi/sample/referrers/"+child+"?artifactType=none/such")
	if err != nil || resp.Header.Get("OCI-Filters-Applied") != "artifactType" || !strings.Contains(string(body), `"manifests":[]`) {
		t.Errorf("filtered: %v %s %v", resp.Header, body, err)
	}
}

func TestRequestLog(t *testing.T) {
	reg := start(t, testkit.RegistryOptions{})
	b, err := sample(t).Push(t.Context(), reg.Repository("dhi/sample"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(reg.Requests()); n != 0 {
		t.Fatalf("an in-process push left %d requests in the log", n)
	}
	layer := b.Platforms[0].Layers[0]
	if _, body, err := get(t, http.MethodGet, reg.URL()+"/v2/dhi/sample/blobs/"+layer.Digest().String()); err != nil || !bytes.Equal(body, layer.Data) {
		t.Fatalf("the layer differs, %v", err)
	}
	if _, _, err := get(t, http.MethodGet, reg.URL()+"/v2/dhi/sample/manifests/none"); err != nil {
		t.Fatal(err)
	}
	isLayer := func(q testkit.Request) bool { return q.Reference == layer.Digest().String() }
	isNone := func(q testkit.Request) bool { return q.Reference == "none" }
	if got := reg.BlobGets()[layer.Digest().String()]; got != 1 {
		t.Errorf("BlobGets = %d, want 1", got)
	}
	if got := reg.Count(isNone); got != 1 {
		t.Errorf("Count = %d, want 1", got)
	}
	for _, q := range reg.Requests() {
		if isLayer(q) && (q.Bytes != int64(len(layer.Data)) || q.Status != 200 || q.Repository != "dhi/sample" || q.Kind != testkit.KindBlob) {
			t.Errorf("layer request = %+v", q)
		}
		if isNone(q) && q.Status != http.StatusNotFound {
			t.Errorf("request for a missing tag = %+v", q)
		}
	}
	reg.ResetLog()
	if n := len(reg.Requests()); n != 0 {
		t.Errorf("%d requests after ResetLog", n)
	}
}

func TestGather(t *testing.T) {
	reg := start(t, testkit.RegistryOptions{})
	b, err := sample(t).Push(t.Context(), reg.Repository("dhi/sample"))
	if err != nil {
		t.Fatal(err)
	}
	layer := b.Platforms[0].Layers[0]
	vex := b.Platforms[0].Attestation(testkit.PredicateOpenVEX).Manifest.Digest().String()
	wantLayer, wantVEX := testkit.Asks(testkit.KindBlob, layer.Digest().String()), testkit.Asks(testkit.KindManifest, vex)
	ask := func(path string) error {
		_, _, err := get(t, http.MethodGet, reg.URL()+"/v2/dhi/sample/"+path)
		return err
	}
	askLayer := func() error { return ask("blobs/" + layer.Digest().String()) }
	askVEX := func() error { return ask("manifests/" + vex) }

	met := reg.Gather(time.Minute, wantLayer, wantVEX)
	if met() {
		t.Error("they met before they came")
	}
	done := make(chan error, 1)
	go func() { done <- askLayer() }()
	if err := errors.Join(askVEX(), <-done); err != nil || !met() {
		t.Errorf("side by side: met %t, %v", met(), err)
	}

	met = reg.Gather(time.Millisecond, wantLayer, wantVEX)
	if err := errors.Join(askLayer(), askVEX()); err != nil || met() {
		t.Errorf("one after the other: met %t, %v", met(), err)
	}
}

func TestLogin(t *testing.T) {
	for _, tt := range []struct {
		name      string
		auth      testkit.AuthScheme
		challenge string
	}{
		{"basic", testkit.Basic, `Basic realm="testkit"`},
		{"bearer", testkit.Bearer, `/token",service="testkit",scope="repository:dhi/x:pull"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reg := start(t, testkit.RegistryOptions{Username: "org", Password: "secret", Auth: tt.auth})
			url := reg.URL() + "/v2/dhi/x/manifests/1"
			resp, _, err := get(t, http.MethodGet, url)
			if err != nil || resp.StatusCode != 401 || !strings.HasSuffix(resp.Header.Get("WWW-Authenticate"), tt.challenge) {
				t.Fatalf("anonymous: %v %v", resp, err)
			}
			for _, wrong := range []string{"Basic b3JnOndyb25n", "Bearer x"} {
				if resp, _, err := get(t, http.MethodGet, url, "Authorization", wrong); err != nil || resp.StatusCode != 401 {
					t.Errorf("%s: %v %v", wrong, resp, err)
				}
			}
			good := "Basic b3JnOnNlY3JldA=="
			if tt.auth == testkit.Bearer {
				_, body, err := get(t, http.MethodGet, reg.URL()+"/token?service=testkit", "Authorization", good)
				if err != nil {
					t.Fatal(err)
				}
				good = "Bearer " + unmarshal[map[string]any](t, body)["token"].(string)
			}
			if resp, _, err := get(t, http.MethodGet, url, "Authorization", good); err != nil || resp.StatusCode != 404 {
				t.Errorf("with a login: %v %v, want 404 for an empty repository", resp, err)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	reg := start(t, testkit.RegistryOptions{})
	b, err := sample(t).Push(t.Context(), reg.Repository("dhi/sample"))
	if err != nil {
		t.Fatal(err)
	}
	blob := b.Platforms[0].Layers[0].Blob
	url := reg.URL() + "/v2/dhi/sample/blobs/" + blob.Digest().String()
	match := testkit.Asks(testkit.KindBlob, blob.Digest().String())
	flipped := func(i int) []byte {
		c := bytes.Clone(blob.Data)
		c[i] ^= 1
		return c
	}
	for _, tt := range []struct {
		name       string
		effect     testkit.Effect
		wantStatus int // 0: no answer at all
		wantBody   []byte
		wantCut    bool
	}{
		{"status", testkit.Status(429, http.Header{"Retry-After": {"7"}}), 429, nil, false},
		{"drop", testkit.Drop(), 0, nil, false},
		{"truncate", testkit.Truncate(10), 200, blob.Data[:10], true},
		{"truncate_at_once", testkit.Truncate(0), 200, nil, true},
		{"flip", testkit.Flip(5), 200, flipped(5), false},
		{"flip_from_the_end", testkit.Flip(-1), 200, flipped(len(blob.Data) - 1), false},
		{"body", testkit.Body("text/plain", []byte("other")), 200, []byte("other"), false},
		{"delay", testkit.Delay(time.Millisecond), 200, blob.Data, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer reg.Heal()
			// net/http repeats a GET that fails on a used connection, but not on a new one.
			http.DefaultClient.CloseIdleConnections()
			f := reg.Inject(match, tt.effect, 1)
			resp, body, err := get(t, http.MethodGet, url)
			if f.Hits() != 1 {
				t.Fatalf("Hits = %d, want 1", f.Hits())
			}
			if tt.wantStatus == 0 {
				if err == nil {
					t.Error("an answer came through a dropped connection")
				}
				return
			}
			if resp == nil || resp.StatusCode != tt.wantStatus || errors.Is(err, io.ErrUnexpectedEOF) != tt.wantCut {
				t.Fatalf("%v, %v; want status %d, cut %t", resp, err, tt.wantStatus, tt.wantCut)
			}
			if tt.wantStatus == 200 && !bytes.Equal(body, tt.wantBody) {
				t.Errorf("body = %q, want %q", body, tt.wantBody)
			}
			if tt.wantStatus == 429 && resp.Header.Get("Retry-After") != "7" {
				t.Errorf("headers = %v", resp.Header)
			}
			if _, body, err := get(t, http.MethodGet, url); err != nil || !bytes.Equal(body, blob.Data) {
				t.Errorf("the second answer is spoilt as well: %v", err)
			}
		})
	}
}

func TestFaultMatchesOnlyItsOwn(t *testing.T) {
	reg := start(t, testkit.RegistryOptions{})
	f := reg.Inject(testkit.AsksRepository("other/repo"), testkit.Drop(), 0)
	if resp, _, err := get(t, http.MethodGet, reg.URL()+"/v2/dhi/x/tags/list"); err != nil || resp.StatusCode != 404 {
		t.Errorf("%v %v", resp, err)
	}
	if _, _, err := get(t, http.MethodGet, reg.URL()+"/v2/other/repo/tags/list"); err == nil || f.Hits() == 0 {
		t.Errorf("err = %v, hits = %d", err, f.Hits())
	}
}
