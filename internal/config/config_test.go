package config_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
)

// files is a ReadFile over a map.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		s, ok := m[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(s), nil
	}
}

func inputs(m map[string]string) func(string) string { return func(n string) string { return m[n] } }

func TestPrecedence(t *testing.T) {
	file := files(map[string]string{config.DefaultFile: "fail-on-severity: low\nonly-fixed: true\nkey: [a.pem, b.pem]\n"})
	for _, tt := range []struct {
		name  string
		flags map[string][]string
		input map[string]string
		want  string
	}{
		{"file_over_default", nil, nil, "low"},
		{"input_over_file", nil, map[string]string{"fail-on-severity": "medium"}, "medium"},
		{"empty_input_is_unset", nil, map[string]string{"fail-on-severity": ""}, "low"},
		{"blank_input_is_unset", nil, map[string]string{"fail-on-severity": " "}, "low"},
		{"flag_over_input", map[string][]string{"fail-on-severity": {"critical"}}, map[string]string{"fail-on-severity": "medium"}, "critical"},
		{"alias_of_peers", map[string][]string{"severity-cutoff": {"negligible"}}, nil, "negligible"},
		{"case_does_not_matter", map[string][]string{"fail-on-severity": {"HIGH"}}, nil, "high"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := config.Load(config.Sources{Flags: tt.flags, Input: inputs(tt.input), ReadFile: file})
			if err != nil {
				t.Fatal(err)
			}
			if c.FailOnSeverity != tt.want {
				t.Errorf("FailOnSeverity = %q, want %q", c.FailOnSeverity, tt.want)
			}
			if !c.OnlyFixed || !slices.Equal(c.Keys, []string{"a.pem", "b.pem"}) {
				t.Errorf("from the file: OnlyFixed = %t, Keys = %q", c.OnlyFixed, c.Keys)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	c, err := config.Load(config.Sources{GOOS: "linux", GOARCH: "arm64", Getenv: func(k string) string {
		return map[string]string{"HOME": "/home/u"}[k]
	}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Platform != "linux/arm64" || c.FailOnSeverity != "high" || c.VEXPolicy != config.VEXVerified || !c.FailBuild ||
		c.Timeout != 15*time.Minute || c.DBMaxAge != 5*24*time.Hour || c.RetentionDays != 90 ||
		c.CacheDir != "/home/u/.cache/imagegate" || len(c.SBOMFormats) != 3 || !slices.Equal(c.Require, []string{config.RequireAuto}) {
		t.Errorf("defaults are %+v", c)
	}
}

func TestMistakesAreToldTogether(t *testing.T) {
	_, err := config.Load(config.Sources{
		Flags: map[string][]string{"fail-on-severity": {"severe"}, "max-age": {"soon"}, "require": {"vex,bom"}, "retention-days": {"-1"}},
		ReadFile: files(map[string]string{
			config.DefaultFile: "only-fixd: true\nvex-policy: [a]\nplatform: {os: linux}\n",
		}),
	})
	if fault.CodeOf(err) != fault.Usage {
		t.Fatalf("Load: %v, want a usage fault", err)
	}
	for _, want := range []string{
		"fail-on-severity", "critical, high", "max-age", "such as 90s", `unknown predicate family "bom"`, "retention-days",
		`unknown key "only-fixd"; do you mean only-fixed?`, "want one value, not a list", "want a plain value", "line 3",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestPassword(t *testing.T) {
	user := map[string][]string{"registry-username": {"org"}}
	with := func(name, value string) map[string][]string {
		return map[string][]string{"registry-username": {"org"}, name: {value}}
	}
	for _, tt := range []struct {
		name    string
		flags   map[string][]string
		stdin   string
		want    string
		warn    bool
		wantErr string
	}{
		{"stdin_drops_one_line_break", with("registry-password-stdin", "true"), "s3cret \n", "s3cret ", false, ""},
		{"stdin_empty", with("registry-password-stdin", "true"), "\n", "", false, "it is empty"},
		{"file", with("registry-password-file", "pw"), "", "from file", false, ""},
		{"file_missing", with("registry-password-file", "gone"), "", "", false, "does not exist"},
		{"flag_warns", with("registry-password", "p"), "", "p", true, ""},
		{"user_alone", user, "", "", false, "a registry user without a password"},
		{"two_ways", map[string][]string{"registry-username": {"o"}, "registry-password": {"p"}, "registry-password-file": {"pw"}}, "", "", false, "exclude each other"},
		{"password_alone", map[string][]string{"registry-password": {"p"}}, "", "", false, "without a user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := config.Load(config.Sources{Flags: tt.flags, Stdin: strings.NewReader(tt.stdin), ReadFile: files(map[string]string{"pw": "from file\r\n"})})
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("Load: %v, want %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.RegistryPassword != tt.want || (len(c.Warnings) > 0) != tt.warn {
				t.Errorf("password %q, warnings %q; want %q, warned %t", c.RegistryPassword, c.Warnings, tt.want, tt.warn)
			}
		})
	}
}

func TestSecretNeverInError(t *testing.T) {
	_, err := config.Load(config.Sources{Flags: map[string][]string{"registry-password": {"hunter2"}}})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Load: %v, want an error without the password", err)
	}
}

func TestRequire(t *testing.T) {
	for _, tt := range []struct {
		give string
		want []string
		bad  bool
	}{
		{"dhi", []string{"vex", "sbom", "provenance"}, false},
		{"dhi,secrets", []string{"vex", "sbom", "provenance", "secrets"}, false},
		{"SBOM\nsbom", []string{"sbom"}, false},
		{"none", nil, false},
		{"auto", []string{"auto"}, false},
		{"auto,vex", nil, true},
		{"none,vex", nil, true},
	} {
		c, err := config.Load(config.Sources{Flags: map[string][]string{"require": {tt.give}}})
		if (err != nil) != tt.bad {
			t.Errorf("require %q: error %v, want bad = %t", tt.give, err, tt.bad)
			continue
		}
		if err == nil && !slices.Equal(c.Require, tt.want) {
			t.Errorf("require %q = %q, want %q", tt.give, c.Require, tt.want)
		}
	}
}

func TestKeyListKeepsPEMTogether(t *testing.T) {
	pem := "-----BEGIN PUBLIC KEY-----\nAAAA,BB\nCC\n-----END PUBLIC KEY-----\n"
	c, err := config.Load(config.Sources{Input: inputs(map[string]string{"key": "a.pem, b.pem\n" + pem + pem + "c.pem"})})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.pem", "b.pem", strings.TrimSpace(pem), "c.pem"}, trimAll(c.Keys)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func trimAll(in []string) []string {
	out := slices.Clone(in)
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

func TestParseDuration(t *testing.T) {
	for _, tt := range []struct {
		give string
		want time.Duration
		bad  bool
	}{
		{"90s", 90 * time.Second, false},
		{"5d", 120 * time.Hour, false},
		{"1.5w", 252 * time.Hour, false},
		{"0", 0, false},
		{"-1h", 0, true},
		{"-3d", 0, true},
		{"NaNd", 0, true},
		{"5", 0, true},
		{"1e9w", 0, true},
	} {
		got, err := config.ParseDuration(tt.give)
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v, bad %t", tt.give, got, err, tt.want, tt.bad)
		}
	}
}

func TestNamedFileMustExist(t *testing.T) {
	_, err := config.Load(config.Sources{Flags: map[string][]string{"config": {"gone.yaml"}}, ReadFile: files(nil)})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load: %v, want ErrNotExist", err)
	}
}

func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range config.Options() {
		for _, n := range []string{o.Name, o.Alias} {
			if n == "" {
				continue
			}
			if seen[n] || n != strings.ToLower(n) || strings.Contains(n, "_") {
				t.Errorf("option %q is there twice or not in kebab case", n)
			}
			seen[n] = true
		}
		if o.Help == "" || strings.HasSuffix(o.Help, ".") || !slices.Contains(config.Groups(), o.Group) {
			t.Errorf("option %s: help %q, group %q", o.Name, o.Help, o.Group)
		}
	}
}

func FuzzLoadFile(f *testing.F) {
	f.Add([]byte("fail-on-severity: high\n"))
	f.Add([]byte("key: [a, b]\nrequire: dhi\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Load(config.Sources{ReadFile: func(string) ([]byte, error) { return data, nil }})
		if (c == nil) == (err == nil) {
			t.Fatalf("Load = %v, %v: want one of them", c, err)
		}
		if err != nil && fault.CodeOf(err) != fault.Usage {
			t.Fatalf("Load: %v has code %d, want usage", err, fault.CodeOf(err))
		}
	})
}

func TestLoginInReference(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("1", 64)
	for ref, want := range map[string]bool{
		"user:pass@dhi.io/python:3": true, "token@dhi.io/python": true, "https://user:pass@dhi.io/python": true, "user:pass@app": true,
		"docker:user:pass@dhi.io/python": true, "user:pass/word@dhi.io/python": true,
		"user:pass@dhi.io/python" + digest: true,
		"dhi.io/python:3" + digest:         false, "app" + digest: false, "app:1" + digest: false, "app@sha256:12": false, "localhost:5000/app" + digest: false,
		"oci-dir:me@home/layout": false, "docker-archive:me@home/a.tar" + digest: false, "": false,
	} {
		_, err := config.Load(config.Sources{Flags: map[string][]string{"image": {ref}}, GOARCH: "amd64"})
		if got := err != nil; got != want {
			t.Errorf("%q: error %v, want one: %v", ref, err, want)
		}
		if err != nil && (fault.CodeOf(err) != fault.Usage || strings.Contains(err.Error(), "pass") || strings.Contains(err.Error(), "token")) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "10b": 10, "64K": 64 << 10, " 256m ": 256 << 20, "2g": 2 << 30, "1024g": 1 << 40} {
		if got, err := config.ParseBytes(text); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "m", "0", "-1m", "1.5g", "10mb", "2048g", "9223372036854775807g", "1 m x"} {
		if got, err := config.ParseBytes(text); err == nil {
			t.Errorf("ParseBytes(%q) = %d, want an error", text, got)
		}
	}
}

// TestSources: auto is the default, none takes it back, and neither goes with a source.
func TestSources(t *testing.T) {
	for _, tt := range []struct {
		name  string
		given []string
		want  []string // nil with wrong for an error
		wrong bool
	}{
		{"not_given", nil, []string{config.Auto}, false},
		{"auto", []string{"Auto"}, []string{config.Auto}, false},
		{"none", []string{"none"}, nil, false},
		{"named", []string{"a, b", "c"}, []string{"a", "b", "c"}, false},
		{"folder_of_that_name", []string{"./auto"}, []string{"./auto"}, false},
		{"auto_and_more", []string{"auto", "a"}, nil, true},
		{"none_and_more", []string{"a,none"}, nil, true},
	} {
		for _, option := range []string{"advisories", "vex-feed"} {
			t.Run(option+"/"+tt.name, func(t *testing.T) {
				flags := map[string][]string{}
				if tt.given != nil {
					flags[option] = tt.given
				}
				c, err := config.Load(config.Sources{Flags: flags, GOARCH: "amd64"})
				if (err != nil) != tt.wrong {
					t.Fatalf("err = %v", err)
				}
				if err != nil {
					return
				}
				got := c.Advisories
				if option == "vex-feed" {
					got = c.VEXFeeds
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("%q, want %q", got, tt.want)
				}
			})
		}
	}
}
