package vercmp_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/vercmp"
)

func TestOrders(t *testing.T) {
	long := strings.Repeat("1.", vercmp.MaxLength)
	for _, tt := range []struct {
		name    string
		compare func(a, b string) (int, error)
		a, b    string
		want    int
		says    string
	}{
		{"deb_revision", vercmp.Deb, "9.7-3", "9.7-3+dhi1", -1, ""},
		{"deb_epoch", vercmp.Deb, "1:1", "2", 1, ""},
		{"deb_equal", vercmp.Deb, "1.0-1", "1.0-1", 0, ""},
		{"deb_empty", vercmp.Deb, "", "1", 0, `"" is not a version of dpkg`},
		{"deb_long", vercmp.Deb, "1", long, 0, "is not a version of dpkg"},
		{"deb_long_number", vercmp.Deb, strings.Repeat("1", 19), "1", 0, "is not a version of dpkg"},
		{"apk_revision", vercmp.Apk, "1.9-r3", "1.9-r4", -1, ""},
		{"apk_other", vercmp.Apk, "1.9~x", "not a version", 0, "is not a version of apk"},
		{"apk_long", vercmp.Apk, long, "1", 0, "is not a version of apk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.compare(tt.a, tt.b)
			if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("err = %v, want one with %q", err, tt.says)
			}
			if cmp.Compare(got, 0) != tt.want {
				t.Errorf("%s to %s is %d, want %d", tt.a, tt.b, got, tt.want)
			}
		})
	}
}

func TestIdentifiers(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"1", "2", -1}, {"9", "10", -1}, {"007", "7", 0}, {"2", "a", -1}, {"a", "b", -1}, {"a", "A", 1},
		{"rc", "rc.1", -1}, {strings.Repeat("9", 40), "1" + strings.Repeat("0", 40), -1},
	} {
		a, b := strings.Split(tt.a, "."), strings.Split(tt.b, ".")
		if got, back := vercmp.Identifiers(a, b), vercmp.Identifiers(b, a); got != tt.want || back != -tt.want {
			t.Errorf("%s to %s is %d, and back %d, want %d", tt.a, tt.b, got, back, tt.want)
		}
	}
}
