package runcheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
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
	// from; empty means what the engine knows itself. They are not sent in the clear to
	// another machine.
	Username, Password, IdentityToken string
	// Archive writes the image as docker save does, under a name: it is then loaded, run
	// and removed instead of pulled. Nil means that the engine has it or can pull it.
	Archive func(ctx context.Context, w io.Writer, name string) error
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
func Run(ctx context.Context, image string, opt Options) (o *Observation, err error) {
	opt = opt.filled()
	for _, t := range opt.Tmpfs {
		if !path.IsAbs(t) || path.Clean(t) == "/" || strings.ContainsAny(t, ":,") {
			return nil, fault.Usagef("run "+image, "write a path such as /var/cache/app", "the tmpfs %q is no absolute path of a directory below the root", t)
		}
	}
	if !tmpfsSize.MatchString(opt.TmpfsSize) {
		return nil, fault.Usagef("run "+image, "write a size such as 64m", "the size %q of a tmpfs is none", opt.TmpfsSize)
	}
	if _, err := imageref.Parse(image); err != nil && opt.Archive == nil && !localID.MatchString(image) {
		return nil, fault.New(fault.Usage, "run "+image, "write an image reference such as dhi.io/python:3.13", err)
	}
	e, err := dial(opt.Host)
	if err != nil {
		return nil, err
	}
	defer e.http.CloseIdleConnections()
	if !e.open {
		if e.auth, err = registryAuth(opt); err != nil {
			return nil, err
		}
	}
	o = &Observation{
		Image: image, User: opt.User, Tmpfs: opt.Tmpfs, TmpfsSize: opt.TmpfsSize, Memory: opt.Memory, PIDs: opt.PIDs, Network: opt.Network,
		Entrypoint: opt.Entrypoint, Cmd: opt.Cmd, Zombies: -1,
	}
	if o.Engine, err = e.version(ctx); err != nil {
		return nil, err
	}
	if opt.Archive != nil {
		var name string
		name, err = e.load(ctx, image, opt.Archive)
		if name != "" {
			defer func() { err = errors.Join(err, e.unload(ctx, name)) }()
		}
		if err != nil {
			return nil, err
		}
		image, opt.NoPull = name, true
	}
	if err := e.have(ctx, image, opt.NoPull); err != nil {
		return nil, err
	}
	if c := e.image.Config; c != nil {
		o.Volumes = slices.Sorted(maps.Keys(c.Volumes))
		if len(opt.Entrypoint)+len(opt.Cmd)+len(c.Entrypoint)+len(c.Cmd) == 0 {
			o.StartError = "the image names no program: it has neither ENTRYPOINT nor CMD"
			return o, nil
		}
	}
	if err := e.hardened(ctx, image, o, opt); err != nil {
		return nil, err
	}
	if o.Started && !opt.NoProbe {
		if err := e.probe(ctx, image, o, opt); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// tmpfsSize is a size as of mount(8), "tmpfs".
var tmpfsSize = regexp.MustCompile(`^[0-9]+[kKmMgG%]?$`)

func (e *engine) create(ctx context.Context, image string, opt Options, readOnly bool, name string) (string, error) {
	c := create{
		Image: image, User: opt.User, Cmd: opt.Cmd, Entrypoint: opt.Entrypoint, Env: opt.Env,
		Labels: map[string]string{"org.imagegate.run-check": "true"},
		HostConfig: hostConfig{
			ReadonlyRootfs: readOnly, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
			Tmpfs: map[string]string{}, NetworkMode: opt.Network, Memory: opt.Memory, PidsLimit: opt.PIDs,
			LogConfig: logConfig{"json-file", map[string]string{"max-size": "32m"}},
		},
	}
	for _, t := range opt.Tmpfs {
		c.HostConfig.Tmpfs[t] = "rw,noexec,nosuid,nodev,mode=1777,size=" + opt.TmpfsSize
	}
	q := url.Values{}
	if name != "" {
		q.Set("name", name)
	}
	// Not even an interrupt ends this request: what it creates is only known by its answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), firstWait)
	defer cancel()
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
func (e *engine) hardened(ctx context.Context, image string, o *Observation, opt Options) (err error) {
	id, err := e.create(ctx, image, opt, true, opt.Name)
	if err != nil {
		return fault.New(fault.Unavailable, "create a container of "+o.Image, "check the options", err)
	}
	defer func() { err = errors.Join(err, e.remove(ctx, id)) }()
	if _, err := e.do(ctx, http.MethodPost, "/containers/"+id+"/start", nil, nil); err != nil {
		var a *apiError
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.As(err, &a) {
			return fault.New(fault.Unavailable, "start a container of "+o.Image, "check the engine", err)
		}
		o.StartError = a.message
		return nil
	}
	o.Started = true
	var early []string // of a log that is cut from its start when it grows
	polls := 0
	in, err := e.watch(ctx, id, opt.Observe, func(pid int) {
		if polls++; polls <= 2 {
			early = append(early, e.logs(ctx, id, "all", maxHead)...)
		}
		if s := see(opt.Proc, pid); s != nil {
			o.Status = s
		}
	})
	if err != nil {
		return err
	}
	o.Running, o.ExitCode, o.OOM = in.State.Running, in.State.ExitCode, in.State.OOMKilled
	if in.State.Running {
		if s, zombies := e.process(ctx, id, in.State.Pid, opt.Proc); s != nil {
			o.Status, o.Zombies = s, zombies
		}
		if err := e.stop(ctx, id, in, o, opt); err != nil {
			return err
		}
	}
	o.Log = e.logs(ctx, id, "500", maxBody)
	o.Denied = outside(Denied(slices.Concat(early, e.logs(ctx, id, "all", maxHead), o.Log), in.Config.WorkingDir), slices.Concat(opt.Tmpfs, o.Volumes))
	return nil
}

// signalNames are the usual stop signals as podman numbers them; unset is SIGTERM.
var signalNames = map[string]string{"": "SIGTERM", "15": "SIGTERM", "2": "SIGINT", "3": "SIGQUIT", "1": "SIGHUP", "9": "SIGKILL"}

// watch polls the container until it ends or the time is over, and calls see with its
// first process each time that it runs.
func (e *engine) watch(ctx context.Context, id string, d time.Duration, see func(pid int)) (*inspect, error) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(max(min(d/10, 500*time.Millisecond), 10*time.Millisecond))
	defer tick.Stop()
	for over := false; ; {
		var in inspect
		if err := e.get(ctx, "/containers/"+id+"/json", nil, &in); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fault.New(fault.Unavailable, "watch the container "+id, "check the engine", err)
		}
		if in.State.Running {
			see(in.State.Pid)
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

// logs returns lines of the output: the last so many, or from the start. Of more than
// limit bytes it returns the first.
func (e *engine) logs(ctx context.Context, id, tail string, limit int) []string {
	data, _, err := e.read(ctx, http.MethodGet, "/containers/"+id+"/logs", url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {tail}}, nil, limit)
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
