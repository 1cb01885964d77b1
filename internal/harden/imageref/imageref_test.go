package imageref

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	d := "sha256:" + strings.Repeat("a", 64)
	for _, tt := range []struct{ raw, name, tag, digest, wantErr string }{
		{"python", "docker.io/library/python", "", "", ""},
		{"dhi.io/python:3.13@" + d, "dhi.io/python", "3.13", d, ""},
		{"localhost:5000/x:1", "localhost:5000/x", "1", "", ""},
		{"dhi.io/x:<tag>-dev", "", "", "", "placeholder \"<tag>\""},
		{"", "", "", "", "empty"},
		{"a b", "", "", "", "no image reference"},
	} {
		r, err := Parse(tt.raw)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("Parse(%q) error %v, want %q", tt.raw, err, tt.wantErr)
			}
			continue
		}
		if err != nil || r.Name != tt.name || r.Tag != tt.tag || r.Digest != tt.digest {
			t.Errorf("Parse(%q) = %+v, %v", tt.raw, r, err)
		}
	}
}

func TestVersionless(t *testing.T) {
	for raw, want := range map[string]bool{
		"nginx": true, "nginx:latest": true, "nginx:alpine": true, "nginx:1.21": false, "node:lts-buster-slim": true,
		"python:3-slim": false, "dhi.io/python:3.13-debian13-dev": false, "rust:buster": true, "mariadb:10-focal": false,
		"eclipse-temurin:17-jre-focal": false, "debian:12": false, "x:v2": false, "x:debian13": true, "x:alpine3.20": true,
		"tiangolo/uvicorn-gunicorn-fastapi:python3.9-slim": false, "docker.redpanda.com/v/redpanda:v22.2.2": false,
		"nginx:latest@sha256:" + strings.Repeat("b", 64): false, "x:2024-01-02": false, "postgres:alpine": true,
		"debian:bookworm-slim": false, "ubuntu:noble": false, "debian:stable-slim": true, "ubuntu:rolling": true, "python:bookworm": true,
		"mcr.microsoft.com/windows/servercore:ltsc2022": false, "mcr.microsoft.com/windows/nanoserver:latest": true,
	} {
		r, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Versionless() != ""; got != want {
			t.Errorf("%s: versionless %q, want %t", raw, r.Versionless(), want)
		}
	}
}

func TestUserID(t *testing.T) {
	for raw, want := range map[string]string{
		"dhi.io/python:3.13": "65532:65532", "dhi.io/python:3.13-dev": "", "dhi.io/node:24": "", "python:3.13": "",
		"gcr.io/distroless/static:nonroot": "65532:65532", "gcr.io/distroless/static:latest": "",
		"cgr.dev/chainguard/python:latest": "65532:65532", "mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled": "",
	} {
		r, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.UserID(); got != want {
			t.Errorf("%s: user %q, want %q", raw, got, want)
		}
	}
}

func TestHardened(t *testing.T) {
	for raw, want := range map[string]struct {
		vendor       string
		build, shell bool
	}{
		"dhi.io/python:3.13":                                 {"Docker Hardened Images", false, true},
		"dhi.io/python:3.13-dev":                             {"Docker Hardened Images", true, false},
		"acme/dhi-python:3.13":                               {"Docker Hardened Images", false, true},
		"dhi.io/dotnet:8-sdk":                                {"Docker Hardened Images", true, false},
		"gcr.io/distroless/static-debian12:nonroot":          {"distroless", false, true},
		"cgr.dev/chainguard/python:latest-dev":               {"Chainguard", true, false},
		"mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled": {"Microsoft distroless", false, true},
		"python:3.13-slim":                                   {"", false, false},
		"corp.example/base/app:1":                            {"a registry that you trust", false, false},
	} {
		r, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		vendor, build := r.Hardened([]string{"corp.example/base"})
		if vendor != want.vendor || build != want.build || r.Shellless() != want.shell {
			t.Errorf("%s: %q, build %t, no shell %t; want %+v", raw, vendor, build, r.Shellless(), want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"python:3", "dhi.io/x:<tag>", "a@sha256:", "::", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Parse(s)
		if err != nil {
			return
		}
		if r.Name == "" || !strings.HasPrefix(r.Name, r.Domain) {
			t.Errorf("Parse(%q) = %+v has no name under its domain", s, r)
		}
		r.Versionless()
		r.Hardened(nil)
		r.DHI()
	})
}
