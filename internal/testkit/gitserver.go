package testkit

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/storage/memory"
)

// GitServer serves the one commit of a repository as git's own server does, over HTTP on
// the loopback interface.
type GitServer struct {
	listener net.Listener
	server   *http.Server

	mu      sync.Mutex
	objects *memory.Storage
	head    plumbing.Hash
	asked   []string
	status  int
}

// Serve starts a server for the repository.
func (g Git) Serve() (*GitServer, error) {
	s := &GitServer{}
	if err := s.Publish(g); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.listener, s.server = l, &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(l) }() // ends with Close
	return s, nil
}

// Publish makes another commit the newest.
func (s *GitServer) Publish(g Git) error {
	objects := memory.NewStorage()
	head, err := g.write(objects)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects, s.head = objects, head
	return err
}

// Refuse makes the server answer with this status; 0 makes it answer as it should.
func (s *GitServer) Refuse(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// URL is the repository's.
func (s *GitServer) URL() string {
	return "http://" + s.listener.Addr().String() + "/vendor/advisories"
}

// Commit is the newest.
func (s *GitServer) Commit() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.String()
}

// Asked lists the requests since the last call, as method and path.
func (s *GitServer) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := slices.Clone(s.asked)
	s.asked = nil
	return asked
}

// Close stops the server.
func (s *GitServer) Close() error { return s.server.Close() }

// ServeHTTP answers the two requests of a clone (gitprotocol-http, "Smart Clients").
func (s *GitServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, req.Method+" "+req.URL.Path)
	var answer bytes.Buffer
	var err error
	switch {
	case s.status != 0:
		http.Error(w, "refused", s.status)
		return
	case req.URL.Path == "/vendor/advisories.git/info/refs" && req.URL.Query().Get("service") == "git-upload-pack":
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		err = s.advertise(&answer)
	case req.URL.Path == "/vendor/advisories.git/git-upload-pack" && req.Method == http.MethodPost:
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		err = s.upload(&answer, req.Body)
	default:
		http.NotFound(w, req)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = w.Write(answer.Bytes())
}

func (s *GitServer) advertise(w io.Writer) error {
	refs := packp.NewAdvRefs()
	refs.Prefix = [][]byte{[]byte("# service=git-upload-pack"), {}}
	refs.Head = &s.head
	refs.References["refs/heads/main"] = s.head
	for _, c := range []capability.Capability{capability.Shallow, capability.OFSDelta, capability.Sideband64k, capability.NoProgress} {
		if err := refs.Capabilities.Set(c); err != nil {
			return err
		}
	}
	return refs.Encode(w)
}

func (s *GitServer) upload(w io.Writer, question io.Reader) error {
	req := packp.NewUploadPackRequest()
	if err := req.UploadRequest.Decode(question); err != nil {
		return err
	}
	if len(req.Wants) != 1 || req.Wants[0] != s.head || req.Depth != packp.DepthCommits(1) {
		return fmt.Errorf("want %v with depth %v: only the newest commit is served", req.Wants, req.Depth)
	}
	res := packp.NewUploadPackResponseWithPackfile(req, io.NopCloser(bytes.NewReader(nil)))
	res.Shallows = append(res.Shallows, s.head)
	if err := res.Encode(w); err != nil {
		return err
	}
	all := make([]plumbing.Hash, 0, len(s.objects.Objects))
	for h := range s.objects.Objects {
		all = append(all, h)
	}
	plumbing.HashesSort(all)
	if _, err := packfile.NewEncoder(sideband.NewMuxer(sideband.Sideband64k, w), s.objects, false).Encode(all, 10); err != nil {
		return err
	}
	_, err := io.WriteString(w, "0000")
	return err
}
