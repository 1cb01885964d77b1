package testkit_test

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/testkit"
)

// FuzzParseOutputs checks that what is accepted, written back with a delimiter that the
// value does not hold, reads as the same outputs.
func FuzzParseOutputs(f *testing.F) {
	for _, s := range []string{"a=b\n", "a<<E\nx\nE\n", "a<<=\n=\n", "=\n", "a<<b<<c\n\nb<<c\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		list, err := testkit.ParseOutputs(data)
		if err != nil || strings.Contains(data, "\r") {
			return
		}
		var b strings.Builder
		for _, o := range list {
			if strings.ContainsAny(o.Name, "<=") {
				return // such a name cannot be written with a delimiter
			}
			delimiter := "E"
			for strings.Contains(o.Value, delimiter) {
				delimiter += "E"
			}
			b.WriteString(o.Name + "<<" + delimiter + "\n")
			if o.Value != "" {
				b.WriteString(o.Value + "\n")
			}
			b.WriteString(delimiter + "\n")
		}
		again, err := testkit.ParseOutputs(b.String())
		if err != nil || len(again) != len(list) {
			t.Fatalf("%q became %q: %v", data, b.String(), err)
		}
		for i, o := range list {
			if again[i] != o {
				t.Errorf("output %d: %q became %q", i, o, again[i])
			}
		}
	})
}
