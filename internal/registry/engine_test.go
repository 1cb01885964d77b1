package registry

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
)

// engineSocket serves h as a container engine on a unix socket.
func engineSocket(t *testing.T, h http.Handler) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hig") // t.TempDir may be too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "e.sock"))
	if err != nil {
		t.Skip("no unix sockets here: ", err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}} //nolint:gosec // a test server
	s.Start()
	t.Cleanup(s.Close)
	return "unix://" + filepath.ToSlash(filepath.Join(dir, "e.sock"))
}

func TestEngine(t *testing.T) {
	id := "sha256:" + strings.Repeat("b", 64)
	var asked []string
	address := engineSocket(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		switch r.URL.Path {
		case "/images/registry.example/app:1.0/json":
			fmt.Fprintf(w, `{"Id":%q,"RepoDigests":["registry.example/app@%s"]}`, id, digestA)
		case "/images/" + id + "/get":
			_, _ = w.Write(legacy(t, nil))
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message":"No such image"}`)
		}
	}))
	opt := options()
	opt.Engine, opt.TempDir = address, t.TempDir()
	img, err := Open(t.Context(), "docker:registry.example/app:1.0", opt)
	if err != nil {
		t.Fatal(err)
	}
	if img.Source != SourceDocker || len(img.RepoDigests) != 1 || img.Stores(t.Context())[0].Name() != "docker:registry.example/app:1.0" {
		t.Errorf("source %q, digests %q, stores %q", img.Source, img.RepoDigests, names(img.Stores(t.Context())))
	}
	readImage(t, img)
	if err := img.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(opt.TempDir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if len(asked) != 2 {
		t.Errorf("the engine was asked for %q", asked)
	}
	_, err = Open(t.Context(), "docker:other", opt)
	if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(fault.HintOf(err), "docker pull other") || !strings.Contains(err.Error(), "No such image") {
		t.Errorf("err = %v (hint %q), want Unavailable", err, fault.HintOf(err))
	}
}

func TestEngineFailures(t *testing.T) {
	for _, tt := range []struct {
		name, answer, want string
	}{
		{"id_is_a_path", `{"Id":"../../containers"}`, "no digest"},
		{"no_json", `<html>`, "description"},
		{"export_is_no_tar", `{"Id":"` + strings.Repeat("b", 64) + `"}`, "tar archive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := options()
			opt.TempDir = t.TempDir()
			opt.Engine = engineSocket(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/get") {
					fmt.Fprint(w, strings.Repeat("x", 2000))
					return
				}
				fmt.Fprint(w, tt.answer)
			}))
			_, err := Open(t.Context(), "docker:app", opt)
			if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want Unavailable with %q", err, tt.want)
			}
			if left, err := os.ReadDir(opt.TempDir); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
	opt := options()
	opt.Engine = engineSocket(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/get") {
			_, _ = w.Write(make([]byte, 10_000))
			return
		}
		fmt.Fprintf(w, `{"Id":"sha256:%s"}`, strings.Repeat("b", 64))
	}))
	opt.MaxArchive = 5000
	if _, err := Open(t.Context(), "docker:app", opt); err == nil || !strings.Contains(err.Error(), "MaxArchive") {
		t.Errorf("an endless export: %v, want the limit MaxArchive", err)
	}
}

func TestEngineAddress(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		code          fault.Code
		hint          string
	}{
		{"nobody_there", "unix:///nonexistent/docker.sock", fault.Unavailable, "no container engine answers at unix:///nonexistent/docker.sock"},
		{"nobody_on_tcp", "tcp://127.0.0.1:1", fault.Unavailable, "no container engine answers"},
		{"other_machine", "tcp://10.0.0.1:2375", fault.Usage, "plain-http"},
		{"ssh", "ssh://me:secret@host", fault.Usage, "DOCKER_HOST"},
		{"windows_pipe", "npipe:////./pipe/docker_engine", fault.Usage, "DOCKER_HOST"},
		{"no_path", "unix://", fault.Usage, "DOCKER_HOST"},
		{"rubbish", "::\x01", fault.Usage, "DOCKER_HOST"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := options()
			opt.Engine = tt.address
			_, err := Open(t.Context(), "docker:app", opt)
			if fault.CodeOf(err) != tt.code || !strings.Contains(fault.HintOf(err), tt.hint) || strings.Contains(err.Error(), "secret") {
				t.Errorf("err = %v with code %d (hint %q), want %d and %q", err, fault.CodeOf(err), fault.HintOf(err), tt.code, tt.hint)
			}
		})
	}
}
