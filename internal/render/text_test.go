package render_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

func text(t *testing.T, r *report.Report, opt render.TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.Text(&b, r, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkText asserts that nothing in a text can act on a terminal or on a runner.
func checkText(t *testing.T, s string) {
	t.Helper()
	for _, c := range s {
		if c != '\n' && unicode.In(c, unicode.C, unicode.Zl, unicode.Zp) {
			t.Fatalf("%U is in the text", c)
		}
	}
	for _, line := range strings.Split(s, "\n") {
		if strings.HasPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::") || strings.Contains(line, "##[") {
			t.Fatalf("a workflow command: %q", line)
		}
	}
}

func TestTextHostileText(t *testing.T) {
	each(t, func(t *testing.T, s string) {
		for _, width := range []int{0, 1, 60} {
			checkText(t, text(t, poison(s), render.TextOptions{Width: width}))
		}
		for name, write := range renderers {
			if name == "attest-list.txt" || name == "attest-proof.txt" || name == "vex.txt" {
				var b bytes.Buffer
				if err := write(&b, poison(s)); err != nil {
					t.Fatal(err)
				}
				checkText(t, b.String())
			}
		}
		checkText(t, render.Terminal(s))
		checkText(t, render.TerminalLines(s))
	})
}

func FuzzText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, 40)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		checkText(t, text(t, poison(s), render.TextOptions{Width: width % 200}))
		checkText(t, render.TerminalLines(s))
	})
}

// Colours are ours alone: without them the text is the same.
func TestTextColours(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9;]+m")
	each(t, func(t *testing.T, s string) {
		coloured := text(t, poison(s), render.TextOptions{Color: true})
		if !sgr.MatchString(coloured) {
			t.Error("no colour")
		}
		if got, want := sgr.ReplaceAllString(coloured, ""), text(t, poison(s), render.TextOptions{}); got != want {
			t.Errorf("without colours:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestTextWidth(t *testing.T) {
	for _, width := range []int{40, 80, 120} {
		for _, line := range strings.Split(text(t, sample(), render.TextOptions{Width: width}), "\n") {
			// A word that is longer than the line, such as a digest, stays whole.
			if n := utf8.RuneCountInString(line); n > width && len(strings.Fields(line)) > 3 {
				t.Errorf("width %d: %d characters: %q", width, n, line)
			}
		}
	}
}

func TestTextIsBounded(t *testing.T) {
	got := text(t, everything(5000), render.TextOptions{})
	if len(got) > 1<<20 || !strings.Contains(got, "4950 more in report.json") {
		t.Errorf("%d bytes:\n%.500s", len(got), got)
	}
}

// What cannot be a command stays as it is.
func TestTerminalKeepsText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"namespace", "perl Foo::Bar and a::b  twice", "perl Foo::Bar and a::b  twice"},
		{"one_colon", ": a :b", ": a :b"},
		{"command", "::error::x", ": :error::x"},
		{"command_after_a_word", "x ::error::y", "x : :error::y"},
		{"three_colons", ":::error::y", ": : :error::y"},
		{"wide_space", "a\u3000::error::y", "a\u3000: :error::y"},
		{"old_form", "a##[error]b", "a## [error]b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := render.Terminal(tt.in); got != tt.want {
				t.Errorf("Terminal(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// What one signer signed takes one row, and what does not count stands before it.
func TestTextAttestationsBySigner(t *testing.T) {
	r := sample()
	r.Platforms = nil
	r.Attestations = []report.Attestation{
		{Family: "provenance", State: report.Verified, Signer: "key a"},
		{Family: "sbom", State: report.Verified, Signer: "key a"},
		{Family: "sbom", State: report.Verified, Signer: "key b"},
		{Family: "vex", State: report.Invalid, Digest: "sha256:1", Reason: "broken"},
		{Family: "vex", State: report.Verified, Signer: "key a"},
	}
	got := text(t, r, render.TextOptions{})
	want := "Attestations\n  invalid    vex sha256:1: broken\n  verified   provenance, sbom, vex by key a\n  verified   sbom by key b\n"
	if !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant in it\n%s", got, want)
	}
}
