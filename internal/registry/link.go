package registry

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// nextPage reads the address of the next page from a Link header (RFC 8288), or nil
// when there is none. It must be on the host of the page before it: a listing that
// continues elsewhere is refused, because the login would not go there and the answer
// would not be this registry's.
func nextPage(from *url.URL, header http.Header) (*url.URL, error) {
	target, err := nextTarget(header.Values("Link"))
	if err != nil || target == "" {
		return nil, err
	}
	next, err := from.Parse(target)
	if err != nil {
		return nil, errors.New("listing: the next page's address cannot be read")
	}
	if !strings.EqualFold(next.Host, from.Host) || next.User != nil {
		return nil, fmt.Errorf("listing: the next page %s is on another host than %s; refused", bareURL(next), from.Host)
	}
	if next.Scheme != from.Scheme && from.Scheme != "" {
		return nil, fmt.Errorf("listing: the next page %s is not asked for by %s, as the page before it; refused", bareURL(next), from.Scheme)
	}
	next.Fragment = ""
	if next.Path == from.Path && next.RawQuery == from.RawQuery {
		return nil, errors.New("listing: the next page is the same page again")
	}
	return next, nil
}

// nextTarget finds the target of rel="next". Headers past 8 KiB are refused.
func nextTarget(headers []string) (string, error) {
	for _, h := range headers {
		if len(h) > 8<<10 {
			return "", errors.New("listing: the Link header is longer than 8 KiB")
		}
		for h != "" {
			start, end := strings.IndexByte(h, '<'), strings.IndexByte(h, '>')
			if start < 0 || end < start {
				break
			}
			target := h[start+1 : end]
			h = h[end+1:]
			params := h
			if i := strings.IndexByte(h, '<'); i >= 0 {
				params = h[:i]
			}
			if isNext(params) {
				return target, nil
			}
		}
	}
	return "", nil
}

func isNext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.Trim(p, " \t,"), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}
