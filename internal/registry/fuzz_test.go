package registry

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzLink(f *testing.F) {
	for _, seed := range []string{`</v2/x?n=1>; rel="next"`, `<http://evil/>; rel=next, <a>; rel="x next"`, `<<>>;rel`, `<//evil/x>;rel=next`, `>;rel=next<`} {
		f.Add(seed)
	}
	from := &url.URL{Scheme: "https", Host: "dhi.io", Path: "/v2/x/referrers/y"}
	f.Fuzz(func(t *testing.T, link string) {
		next, err := nextPage(from, http.Header{"Link": {link}})
		if err == nil && next != nil && (next.Scheme != "https" || !strings.EqualFold(next.Host, "dhi.io") || next.User != nil) {
			t.Fatalf("Link %q leads to %q", link, next)
		}
	})
}

func FuzzChallenges(f *testing.F) {
	for _, seed := range []string{`Bearer realm="https://a/t",service="s"`, `Negotiate, Basic realm="a, b"`, `x=y`, `Bearer realm="\`, `,,,`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		list := parseChallenges([]string{header, header})
		if len(list) > maxChallenges {
			t.Fatalf("%d challenges", len(list))
		}
		for _, c := range list {
			if c.scheme == "" || c.scheme != strings.ToLower(c.scheme) {
				t.Fatalf("scheme %q from %q", c.scheme, header)
			}
		}
	})
}

func FuzzPlain(f *testing.F) {
	f.Add("a\x1b[31m\nb ::error::", 10)
	f.Add("日本語", 4)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 0 || limit > 1000 {
			return
		}
		got := plain(s, limit)
		if len(got) > limit+len("...") || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x1b\x00\u2028") {
			t.Fatalf("plain(%q, %d) = %q", s, limit, got)
		}
	})
}
