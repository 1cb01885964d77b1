package runcheck

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden/imageref"
)

// Options say how the container is started. The zero value is the hardened default.
type Options struct {
	// Host is the engine as of DOCKER_HOST. "" means unix:///var/run/docker.sock.
	Host string
	// User is the user and group. "" means 65532:65532.
	User string
	// Tmpfs are paths that may be written. Nil means /tmp only.
	Tmpfs []string
	// TmpfsSize is the size of each, as of mount(8). "" means 64m.
	TmpfsSize string
	// Network is the network. "" means none.
	Network string
	// Memory is the limit in bytes. 0 means 256 MiB.
	Memory int64
	// PIDs is the limit of processes. 0 means 100.
	PIDs int64
	// Entrypoint and Cmd replace those of the image; Env adds to its environment.
	Entrypoint, Cmd, Env []string
	// Observe is how long it is watched. 0 means 5 s.
	Observe time.Duration
	// Grace is the time to stop in seconds. 0 means 10.
	Grace int
	// Username and Password, or IdentityToken, are for the registry that the engine pulls
	// from; empty means what the engine knows itself.
	Username, Password, IdentityToken string
	// NoPull leaves an image that the engine does not have alone.
	NoPull bool
	// NoProbe leaves out the second run with a writable root that finds silent writes.
	NoProbe bool
	// Proc is the /proc of the machine that the engine runs on; nil when it is not this
	// one. Its processes are read and never touched.
	Proc fs.FS
	// Now is the clock; nil leaves out how long things took.
	Now func() time.Time
	// Name is the container's name; it has to be unique. "" lets the engine choose.
	Name string
}

func (o Options) filled() Options {
	if o.User == "" {
		o.User = "65532:65532"
	}
	if o.Tmpfs == nil {
		o.Tmpfs = []string{"/tmp"}
	}
	if o.TmpfsSize == "" {
		o.TmpfsSize = "64m"
	}
	if o.Network == "" {
		o.Network = "none"
	}
	if o.Memory == 0 {
		o.Memory = 256 << 20
	}
	if o.PIDs == 0 {
		o.PIDs = 100
	}
	if o.Observe == 0 {
		o.Observe = 5 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 10
	}
	return o
}

// Run starts the image, watches it and stops it. What the image does is part of the
// observation and no error: the error is a *[fault.Error] with code Unavailable when
// there is no engine or the image cannot be had, Usage for options that make no
// sense, or the context's own.
func Run(ctx context.Context, image string, opt Options) (*Observation, error) {
	opt = opt.filled()
	for _, t := range opt.Tmpfs {
		if !path.IsAbs(t) || strings.ContainsAny(t, ":,") {
			return nil, fault.Usagef("run "+image, "write a path such as /var/cache/app", "the tmpfs %q is no absolute path", t)
		}
	}
	if _, err := imageref.Parse(image); err != nil && !localID.MatchString(image) {
		return nil, fault.New(fault.Usage, "run "+image, "write an image reference such as dhi.io/python:3.13", err)
	}
	e, err := dial(opt.Host)
	if err != nil {
		return nil, err
	}
	defer e.http.CloseIdleConnections()
	if e.auth, err = registryAuth(opt); err != nil {
		return nil, err
	}
	o := &Observation{Image: image, User: opt.User, Tmpfs: opt.Tmpfs, Memory: opt.Memory, PIDs: opt.PIDs, Network: opt.Network, Zombies: -1}
	if o.Engine, err = e.version(ctx); err != nil {
		return nil, err
	}
	if err := e.have(ctx, image, opt.NoPull); err != nil {
		return nil, err
	}
	if err := e.hardened(ctx, o, opt); err != nil {
		return nil, err
	}
	if o.Started && !opt.NoProbe {
		if err := e.probe(ctx, o, opt); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// localID is the id of an image that the engine has.
var localID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)

// have makes sure that the engine has the image.
func (e *engine) have(ctx context.Context, image string, noPull bool) error {
	err := e.fits(ctx, image)
	if err == nil || !isNotFound(err) {
		return err
	}
	if noPull {
		return fault.New(fault.Unavailable, "look for the image "+image, "pull it first, or leave out no-pull", err)
	}
	q := url.Values{"fromImage": {image}}
	if ref, err := imageref.Parse(image); err == nil && ref.Tag == "" && ref.Digest == "" {
		q.Set("tag", "latest") // without one the engine would pull every tag
	}
	out, err := e.do(ctx, http.MethodPost, "/images/create", q, nil)
	if err == nil {
		for line := range strings.Lines(string(out)) { // errors of a pull come in its stream
			var m struct{ Error string }
			if json.Unmarshal([]byte(line), &m) == nil && m.Error != "" {
				err = errors.New(m.Error)
			}
		}
	}
	if err != nil {
		return fault.New(fault.Unavailable, "pull "+image, "docker pull it by hand to see more; the engine needs a login of its own unless registry-username is given", err)
	}
	return e.fits(ctx, image)
}

// fits looks at the image that the engine has: one of another architecture would fail
// to start through no fault of its own.
func (e *engine) fits(ctx context.Context, image string) error {
	var in struct{ Architecture string }
	if err := e.get(ctx, "/images/"+image+"/json", nil, &in); err != nil {
		return fault.New(fault.Unavailable, "look for the image "+image, "check the reference", err)
	}
	if in.Architecture != "" && e.arch != "" && in.Architecture != e.arch {
		return fault.Unavailablef("run "+image, "use an engine of that architecture", "the image is for %s and the engine runs %s", in.Architecture, e.arch)
	}
	return nil
}

// registryAuth is the header with which an engine pulls (Engine API, "Authentication").
func registryAuth(opt Options) (string, error) {
	login := map[string]string{"username": opt.Username, "password": opt.Password}
	switch {
	case opt.IdentityToken != "":
		login = map[string]string{"identitytoken": opt.IdentityToken}
	case opt.Username == "":
		return "", nil
	}
	data, err := json.Marshal(login)
	if err != nil {
		return "", fmt.Errorf("write the engine's login: %w", err)
	}
	return base64.URLEncoding.EncodeToString(data), nil
}

func (e *engine) create(ctx context.Context, image string, opt Options, readOnly bool, name string) (string, error) {
	c := create{
		Image: image, User: opt.User, Cmd: opt.Cmd, Entrypoint: opt.Entrypoint, Env: opt.Env,
		Labels: map[string]string{"org.imagegate.run-check": "true"},
		HostConfig: hostConfig{
			ReadonlyRootfs: readOnly, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
			Tmpfs: map[string]string{}, NetworkMode: opt.Network, Memory: opt.Memory, PidsLimit: opt.PIDs,
		},
	}
	for _, t := range opt.Tmpfs {
		c.HostConfig.Tmpfs[t] = "rw,noexec,nosuid,nodev,mode=1777,size=" + opt.TmpfsSize
	}
	q := url.Values{}
	if name != "" {
		q.Set("name", name)
	}
	data, err := e.do(ctx, http.MethodPost, "/containers/create", q, c)
	if err != nil {
		return "", err
	}
	var out struct{ Id string } //nolint:revive // the engine's own spelling
	if err := json.Unmarshal(data, &out); err != nil || out.Id == "" {
		return "", fmt.Errorf("the engine's answer to create has no id: %w", errors.Join(err, errors.New("no id")))
	}
	return out.Id, nil
}

// remove takes the container away, also when the context is over.
func (e *engine) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_, err := e.do(ctx, http.MethodDelete, "/containers/"+id, url.Values{"force": {"1"}, "v": {"1"}}, nil)
	if err != nil && !isNotFound(err) {
		return fault.New(fault.Internal, "remove the container "+id, "remove it by hand: docker rm -f "+id, err)
	}
	return nil
}

// hardened is the run that counts.
func (e *engine) hardened(ctx context.Context, o *Observation, opt Options) (err error) {
	id, err := e.create(ctx, o.Image, opt, true, opt.Name)
	if err != nil {
		return fault.New(fault.Unavailable, "create a container of "+o.Image, "check the options", err)
	}
	defer func() { err = errors.Join(err, e.remove(ctx, id)) }()
	if _, err := e.do(ctx, http.MethodPost, "/containers/"+id+"/start", nil, nil); err != nil {
		var a *apiError
		if !errors.As(err, &a) {
			return fault.New(fault.Unavailable, "start a container of "+o.Image, "check the engine", err)
		}
		o.StartError = a.message
		return nil
	}
	o.Started = true
	in, err := e.watch(ctx, id, opt.Observe)
	if err != nil {
		return err
	}
	o.Running, o.ExitCode, o.OOM = in.State.Running, in.State.ExitCode, in.State.OOMKilled
	if in.State.Running {
		o.Status, o.Zombies = e.process(ctx, id, in.State.Pid, opt.Proc)
		if err := e.stop(ctx, id, in, o, opt); err != nil {
			return err
		}
	}
	o.Log = e.logs(ctx, id)
	o.Denied = outside(Denied(o.Log, in.Config.WorkingDir), opt.Tmpfs)
	return nil
}

// signalNames are the usual stop signals as podman numbers them; unset is SIGTERM.
var signalNames = map[string]string{"": "SIGTERM", "15": "SIGTERM", "2": "SIGINT", "3": "SIGQUIT", "1": "SIGHUP", "9": "SIGKILL"}

// watch polls the container until it ends or the time is over.
func (e *engine) watch(ctx context.Context, id string, d time.Duration) (*inspect, error) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(max(min(d/10, 500*time.Millisecond), 10*time.Millisecond))
	defer tick.Stop()
	for over := false; ; {
		var in inspect
		if err := e.get(ctx, "/containers/"+id+"/json", nil, &in); err != nil {
			return nil, fault.New(fault.Unavailable, "watch the container "+id, "check the engine", err)
		}
		if !in.State.Running || over {
			return &in, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline.C:
			over = true
		case <-tick.C:
		}
	}
}

// stop sends the stop signal and waits; the engine kills what is left after the grace.
func (e *engine) stop(ctx context.Context, id string, in *inspect, o *Observation, opt Options) error {
	s := &Stop{Signal: in.Config.StopSignal, Grace: opt.Grace}
	if name := signalNames[s.Signal]; name != "" {
		s.Signal = name
	}
	var start time.Time
	if opt.Now != nil {
		start = opt.Now()
	}
	ctx2, cancel := context.WithTimeout(ctx, time.Duration(opt.Grace)*time.Second+30*time.Second)
	defer cancel()
	if _, err := e.do(ctx2, http.MethodPost, "/containers/"+id+"/stop", url.Values{"t": {strconv.Itoa(opt.Grace)}}, nil); err != nil {
		return fault.New(fault.Unavailable, "stop the container "+id, "check the engine", err)
	}
	if opt.Now != nil {
		s.Milliseconds = opt.Now().Sub(start).Milliseconds()
	}
	var after inspect
	if err := e.get(ctx, "/containers/"+id+"/json", nil, &after); err != nil {
		return fault.New(fault.Unavailable, "look at the container "+id, "check the engine", err)
	}
	s.ExitCode = after.State.ExitCode
	s.Killed = s.ExitCode == 137
	o.Stop = s
	return nil
}

// probe runs the image with a writable root and asks the engine what changed.
func (e *engine) probe(ctx context.Context, o *Observation, opt Options) (err error) {
	name := opt.Name
	if name != "" {
		name += "-probe"
	}
	id, err := e.create(ctx, o.Image, opt, false, name)
	if err != nil {
		return fault.New(fault.Unavailable, "create a container of "+o.Image, "check the options", err)
	}
	defer func() { err = errors.Join(err, e.remove(ctx, id)) }()
	if _, err := e.do(ctx, http.MethodPost, "/containers/"+id+"/start", nil, nil); err != nil {
		return nil // the hardened run has said why
	}
	if _, err := e.watch(ctx, id, opt.Observe); err != nil {
		return err
	}
	var changes []struct {
		Path string
		Kind int // 0 modified, 1 added, 2 deleted
	}
	if err := e.get(ctx, "/containers/"+id+"/changes", nil, &changes); err != nil {
		return nil // not every engine can tell
	}
	o.Probed = true
	var paths []string
	for _, c := range changes {
		if len(paths) < 10_000 {
			paths = append(paths, path.Clean("/"+c.Path))
		}
	}
	o.Changed = leaves(outside(paths, append(opt.Tmpfs, madeByEngine...)))
	o.Changed = slices.DeleteFunc(o.Changed, func(p string) bool { return slices.Contains(o.Denied, p) })
	return nil
}

// madeByEngine are paths that engines make in every container; podman adds the user to
// passwd and group when the image does not have it.
var madeByEngine = []string{"/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/etc/passwd", "/etc/group", "/run/.containerenv", "/.dockerenv", "/run/secrets"}

// outside keeps paths that are under none of dirs, nor above one (a mount point is
// made by the engine).
func outside(paths, dirs []string) []string {
	var out []string
next:
	for _, p := range paths {
		for _, d := range dirs {
			d = strings.TrimSuffix(path.Clean(d), "/")
			if p == d || strings.HasPrefix(p, d+"/") || strings.HasPrefix(d, strings.TrimSuffix(p, "/")+"/") {
				continue next
			}
		}
		out = append(out, p)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// leaves drops directories that are only listed because something in them changed.
func leaves(sorted []string) []string {
	var out []string
	for i, p := range sorted {
		if i+1 < len(sorted) && strings.HasPrefix(sorted[i+1], p+"/") {
			continue
		}
		out = append(out, p)
	}
	return out
}

// logs returns the last lines of the output.
func (e *engine) logs(ctx context.Context, id string) []string {
	data, err := e.do(ctx, http.MethodGet, "/containers/"+id+"/logs", url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {"500"}}, nil)
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(demultiplex(data))) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) > 1000 {
			line = line[:1000]
		}
		out = append(out, strings.ToValidUTF8(line, "?"))
	}
	return out
}
