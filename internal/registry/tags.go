package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The search for near tags is a courtesy: it has its own small bounds, and whatever
// goes wrong in it only makes the hint shorter.
const (
	maxTagPages = 10
	maxTags     = 20_000
	maxNear     = 6
	tagsTimeout = 15 * time.Second
)

// explainResolve explains why the reference did not resolve; for a tag that is not
// there it says which tags are near.
func (r *repository) explainResolve(ctx context.Context, op, tag string, err error) error {
	if !isAbsent(err) || tag == "" {
		return r.place.explain(op, err)
	}
	ctx, cancel := context.WithTimeout(ctx, tagsTimeout)
	defer cancel()
	tags, listErr := r.tags(ctx)
	if listErr != nil {
		r.log.Debug("tags not listed", "repository", r.place.name(), "error", listErr.Error())
	}
	hint := r.place.tagHint(tag, nearest(tag, tags, maxNear), listErr == nil)
	what := fmt.Sprintf("no tag %q", tag)
	if isAbsent(listErr) {
		what = "no such repository"
	}
	return r.place.fault(op, hint, fmt.Errorf("%s: %w", what, err))
}

// tags lists tags that a person may mean: signatures and other digest-named tags are
// left out.
func (r *repository) tags(ctx context.Context) ([]string, error) {
	var all []string
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	next := r.settle(r.url("tags/list"))
	next.RawQuery = url.Values{"n": {"1000"}}.Encode()
	for range maxTagPages {
		body, header, err := r.fetch(ctx, next, nil, r.opt.MaxManifest, "MaxManifest", "a tag list")
		if err != nil {
			return nil, err
		}
		var page struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, fmt.Errorf("tag list: %w", err)
		}
		for _, t := range page.Tags {
			if validTag(t) && !strings.HasPrefix(t, "sha256-") {
				all = append(all, t)
			}
		}
		link, err := nextPage(next, header)
		if err != nil || link == nil || len(all) > maxTags {
			return all, err
		}
		next = link
	}
	return all, nil
}

// validTag is the tag grammar of the OCI distribution spec v1.1. A hint must not
// carry whatever else a server answers.
func validTag(t string) bool {
	if t == "" || len(t) > 128 || t[0] == '.' || t[0] == '-' {
		return false
	}
	return strings.IndexFunc(t, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_.-", r)
	}) < 0
}

// nearest returns at most n of tags, those most like want first. Words count more
// than letters: "3.13-debian13-fips" is near "3.13-debian13", and the newest version
// wins among equals. For "latest" that is simply the newest plain versions.
func nearest(want string, tags []string, n int) []string {
	type scored struct {
		tag   string
		score int
	}
	list := make([]scored, 0, len(tags))
	for _, t := range slices.Compact(slices.Sorted(slices.Values(tags))) {
		list = append(list, scored{t, likeness(want, t)})
	}
	slices.SortFunc(list, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), compareVersions(b.tag, a.tag), cmp.Compare(len(a.tag), len(b.tag)), cmp.Compare(a.tag, b.tag))
	})
	near := make([]string, 0, n)
	for _, s := range list[:min(n, len(list))] {
		near = append(near, s.tag)
	}
	return near
}

// likeness scores have against want by words: a shared word in the same place is
// worth most, a shared prefix of the version something, an extra word costs.
func likeness(want, have string) int {
	if want == "latest" {
		return -strings.Count(have, "-")
	}
	w, h := strings.Split(want, "-"), strings.Split(have, "-")
	score := 4 * commonPrefix(strings.Split(w[0], "."), strings.Split(h[0], "."))
	if w[0] == h[0] {
		score += 4
	}
	for _, word := range w[1:] {
		if slices.Contains(h[1:], word) {
			score += 3
		} else {
			score--
		}
	}
	for _, word := range h[1:] {
		if !slices.Contains(w[1:], word) {
			score--
		}
	}
	return score
}

func commonPrefix(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// compareVersions orders by the numbers before the first dash; what is no number is
// older than any.
func compareVersions(a, b string) int {
	x, _, _ := strings.Cut(a, "-")
	y, _, _ := strings.Cut(b, "-")
	xs, ys := strings.Split(x, "."), strings.Split(y, ".")
	for i := range min(len(xs), len(ys)) {
		if c := cmp.Compare(number(xs[i]), number(ys[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(xs), len(ys))
}

func number(s string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "v"))
	if err != nil {
		return -1
	}
	return n
}
