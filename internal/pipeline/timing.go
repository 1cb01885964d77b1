package pipeline

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// timings collects how long stages take, from several goroutines. Without a clock it
// collects nothing.
type timings struct {
	clock  func() time.Time
	origin time.Time
	mu     sync.Mutex
	all    []Timing
}

// begin sets the instant that Timing.Start counts from.
func (t *timings) begin() {
	if t.clock != nil {
		t.origin = t.clock()
	}
}

// start begins a stage; the function that it returns ends it.
func (t *timings) start(stage, platform string) func() {
	if t.clock == nil {
		return func() {}
	}
	from := t.clock()
	return func() {
		to := t.clock()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all = append(t.all, Timing{Stage: stage, Platform: platform, Start: from.Sub(t.origin), Duration: to.Sub(from)})
	}
}

// list returns what was collected, by start.
func (t *timings) list() []Timing {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Clone(t.all)
	slices.SortFunc(out, func(a, b Timing) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Platform, b.Platform))
	})
	return out
}
