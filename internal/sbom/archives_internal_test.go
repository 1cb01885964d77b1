package sbom

import "testing"

// As many archives are cataloged at once as fit below the limit, whichever they are.
func TestParallel(t *testing.T) {
	for _, tt := range []struct {
		needs      []int64 // the largest first
		most, want int
	}{
		{nil, 4, 4},
		{[]int64{100}, 4, 4},
		{[]int64{60, 40, 1}, 4, 2},
		{[]int64{60, 41}, 4, 1},
		{[]int64{30, 30, 30, 30}, 4, 3},
		{[]int64{30, 30, 30, 30}, 2, 2},
	} {
		a := &archives{opt: Options{MaxUnpacked: 100}, needs: tt.needs}
		if got := a.parallel(tt.most); got != tt.want {
			t.Errorf("%d at most with %v: %d, want %d", tt.most, tt.needs, got, tt.want)
		}
	}
}
