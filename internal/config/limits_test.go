package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVEXLimits(t *testing.T) {
	for _, tt := range []struct {
		name, value, err string
		want             []Limit
	}{
		{"two", "over-broad=0, stale = 5", "", []Limit{{LimitOverBroad, 0}, {LimitStale, 5}}},
		{"lines", "Unsigned=1\ninvestigating-days=30", "", []Limit{{LimitUnsigned, 1}, {LimitInvestigatingDays, 30}}},
		{"unknown", "broad=0", "unknown limit", nil},
		{"no_number", "stale", "whole number", nil},
		{"negative", "stale=-1", "whole number", nil},
		{"twice", "stale=1,stale=2", "twice", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Load(Sources{Flags: map[string][]string{"vex-limits": {tt.value}}})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want one that says %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, c.VEXLimits); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestVEXAcceptKeepsCommasAndOrder(t *testing.T) {
	c, err := Load(Sources{Flags: map[string][]string{"vex-accept": {"text=no-dsa max=high", "justification=a,b deny\n\n signer=* max=critical"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"text=no-dsa max=high", "justification=a,b deny", "signer=* max=critical"}
	if diff := cmp.Diff(want, c.VEXAccept); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
