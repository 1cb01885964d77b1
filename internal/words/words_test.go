package words_test

import (
	"testing"

	"github.com/imagegate/imagegate/internal/words"
)

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		s    string
		most int
		want string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"aäb", 2, "a…"}, {"ä", 1, "…"},
	} {
		if got := words.Clip(tt.s, tt.most); got != tt.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", tt.s, tt.most, got, tt.want)
		}
	}
}

func TestList(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{nil, ""}, {[]string{"a", "b"}, "a, b"}, {[]string{"a", "b", "c"}, "a, b and 1 more"},
	} {
		if got := words.List(tt.names, 2); got != tt.want {
			t.Errorf("List(%q, 2) = %q, want %q", tt.names, got, tt.want)
		}
	}
}
