package cli_test

import (
	"testing"

	"github.com/imagegate/imagegate/internal/testkit"
)

func TestExplore(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	_ = ref
	h := w.registry.Host()
	for _, r := range []string{"Not A Reference", "dhi.io/python:", "dhi.io/py thon", "oci-dir:", "oci-dir:/nope", "docker-archive:/nope", "https://dhi.io/python:3", "user:s3cretpass@" + h + "/dhi/app:1.0",
		h + "/dhi/app@sha256:12", h + "/dhi/app:1.0@sha256:1212121212121212121212121212121212121212121212121212121212121212", "docker:", "a\x1b[31mb::error::x", h + "/dhi/app:latest", h + "/dhi/none:1", "127.0.0.1:1/x/y:z", "host.invalid/x/y:z"} {
		code, rep, text := w.verify(r)
		t.Logf("== %q: exit %d report %v\n%s", r, code, rep != nil, text)
	}
	for _, p := range []string{"linux/riscv64", "linux", "amd64/linux/x/y", "windows/amd64", "\x1b[31m/::error::"} {
		code, rep, text := w.verify(ref, "--platform", p)
		t.Logf("== platform %q: exit %d report %v\n%s", p, code, rep != nil, text)
	}
}
