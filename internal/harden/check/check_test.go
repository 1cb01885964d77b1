package check

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

func sample() *Check {
	return &Check{
		ID: "HIG-D900", Title: "A title", Kind: Dockerfile, Severity: report.High, Why: "Because.", Remedy: "Do it.",
		References: References{CIS: []string{"4.1"}}, Bad: "FROM x", Good: "FROM y",
	}
}

func TestValidate(t *testing.T) {
	if err := sample().Validate(); err != nil {
		t.Fatalf("a good check is refused: %v", err)
	}
	for _, tt := range []struct {
		name string
		edit func(*Check)
		want string
	}{
		{"nameless", func(c *Check) { c.Title = " " }, "no title"},
		{"wrong_letter", func(c *Check) { c.ID = "HIG-I900" }, "letter"},
		{"malformed_id", func(c *Check) { c.ID = "HIG-D1" }, "three digits"},
		{"undocumented", func(c *Check) { c.Why = "" }, "no why"},
		{"no_example", func(c *Check) { c.Bad = "" }, "no bad example"},
		{"no_severity", func(c *Check) { c.Severity = "grave" }, "severity"},
		{"no_reference", func(c *Check) { c.References = References{} }, "no reference"},
		{"remedy_is_no_sentence", func(c *Check) { c.Remedy = "do" }, "not a sentence"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := sample()
			tt.edit(c)
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Validate() = %v, want an error with %q", err, tt.want)
			}
		})
	}
	if err := ValidateAll([]*Check{sample(), sample()}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("ValidateAll(two of one id) = %v, want twice", err)
	}
}

func TestPass(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(*Pass)
		want []string
	}{
		{"silence_is_undecided", func(*Pass) {}, []string{report.CheckUndecided}},
		{"pass_is_spoken", func(p *Pass) { p.Passf("fine") }, []string{report.CheckPassed}},
		{"undecided_outranks_pass", func(p *Pass) { p.Undecidedf(At{}, "hm"); p.Passf("fine") }, []string{report.CheckUndecided}},
		{"finding_outranks_pass", func(p *Pass) { p.Passf("fine"); p.Failf(At{Line: 3}, "no") }, []string{report.CheckFailed}},
		{"not_applicable", func(p *Pass) { p.NotApplicablef("none"); p.Passf("late") }, []string{report.CheckNotApplicable}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &Pass{Check: sample(), Location: "f"}
			tt.run(p)
			got := p.Results()
			if len(got) != len(tt.want) {
				t.Fatalf("got %d results, want %d", len(got), len(tt.want))
			}
			for i := range got {
				if got[i].State != tt.want[i] || got[i].Location != "f" {
					t.Errorf("result %d is %s at %q, want %s at f", i, got[i].State, got[i].Location, tt.want[i])
				}
			}
		})
	}
}

func TestPassIsBounded(t *testing.T) {
	p := &Pass{Check: sample()}
	for range 10_000 {
		p.Failf(At{}, "again")
	}
	got := p.Results()
	if len(got) != MaxFindings+1 || !strings.Contains(got[MaxFindings].Reason, "9975 more") {
		t.Errorf("got %d results, the last %q; want %d and how many more", len(got), got[len(got)-1].Reason, MaxFindings+1)
	}
}

func TestPreviewIsReportedLow(t *testing.T) {
	c := sample()
	c.Preview = true
	p := &Pass{Check: c}
	p.Failf(At{}, "x")
	if got := p.Results()[0].Severity; got != report.Low {
		t.Errorf("a preview check reports %s, want low", got)
	}
}

func TestSecrets(t *testing.T) {
	for name, want := range map[string]bool{
		"POSTGRES_PASSWORD": true, "SA_PASSWORD": true, "DB_PASSWD": true, "SNYK_TOKEN": true, "AWS_SECRET_ACCESS_KEY": true,
		"API_KEY": true, "npm_token": true, "WEBPASSWORD": true, "SECRET_KEY_BASE": true, "MYSQL_ROOT_PASSWORD": true, "PGADMIN_DEFAULT_PASSWORD": true,
		"MYSQL_ROOT_PASSWORD_FILE": false, "PWD": false, "OLDPWD": false, "TOKEN_URL": false, "MONKEY": false, "KEYBOARD": false,
		"KEY": false, "PUBLIC_KEY": false, "COMPASS": false, "PASSENGER": false, "ALLOW_EMPTY_PASSWORD": false, "PATH": false, "TOKENIZER": false,
		"NODE_ENV": false, "GPG_KEY": false, "BYPASS": false,
	} {
		if got := SecretName(name); got != want {
			t.Errorf("SecretName(%q) = %t, want %t", name, got, want)
		}
	}
	for value, want := range map[string]bool{
		"AKIA" + "IOSFODNN7EXAMPLE":                 true,
		"-----BEGIN " + "OPENSSH PRIVATE KEY-----":  true,
		"mysql://root:whalehello@db:3306/mysql":     true,
		"postgres://db:5432/x":                      false,
		"postgres://user@db:5432/x":                 false,
		"postgres://user:${PW}@db/x":                false,
		"https://example.com/a@b":                   false,
		"ghp_" + strings.Repeat("a", 36):            true,
		"/usr/local/sbin:/usr/local/bin":            false,
		"E3FF2839C048B25C084DEBE9B26995E310250568":  false,
		"--routes=nats://ruser:T0pS3cr3t@nats:6222": true,
	} {
		if got := SecretValue(value) != ""; got != want {
			t.Errorf("SecretValue(%q) = %q, want found %t", value, SecretValue(value), want)
		}
	}
	for p, want := range map[string]bool{
		"/root/.ssh/id_rsa": true, "/root/.ssh/id_rsa.pub": false, "/app/.env": true, "/app/.env.example": false, "/app/.env.production": true,
		"/root/.npmrc": true, "/root/.aws/credentials": true, "/etc/ssl/private/server.key": true, "/app/tls-key.pem": true,
		"/etc/ssl/certs/ca.pem": false, "/root/.docker/config.json": true, "/app/config.json": false, "/app/public.key": false,
	} {
		if got := SecretFile(p) != ""; got != want {
			t.Errorf("SecretFile(%q) = %q, want found %t", p, SecretFile(p), want)
		}
	}
	for v, want := range map[string]bool{
		"": true, "$PW": true, "${PW:-x}": true, "<password>": true, "/run/secrets/pw": true, "example_123": false, "changeme": false, "true": true, "********": true, "/p4ss": false,
	} {
		if got := Reference(v); got != want {
			t.Errorf("Reference(%q) = %t, want %t", v, got, want)
		}
	}
}

func TestCutKeepsRunes(t *testing.T) {
	if got := Cut(strings.Repeat("é", 200)); len(got) > maxQuote+len("…") || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("Cut broke a rune or the limit: %d bytes", len(got))
	}
}
