package runcheck

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
)

// probe runs the image with a writable root and asks the engine what changed.
func (e *engine) probe(ctx context.Context, image string, o *Observation, opt Options) (err error) {
	name := opt.Name
	if name != "" {
		name += "-probe"
	}
	id, err := e.create(ctx, image, opt, false, name)
	if err != nil {
		return fault.New(fault.Unavailable, "create a container of "+o.Image, "check the options", err)
	}
	defer func() { err = errors.Join(err, e.remove(ctx, id)) }()
	if _, err := e.do(ctx, http.MethodPost, "/containers/"+id+"/start", nil, nil); err != nil {
		return nil // the hardened run has said why
	}
	if _, err := e.watch(ctx, id, opt.Observe, func(int) {}); err != nil {
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
	o.Changed = leaves(outside(paths, slices.Concat(opt.Tmpfs, o.Volumes, madeByEngine)))
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
