package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden"
	"github.com/imagegate/imagegate/internal/render"
)

// fix prints the remedies that are safe as a diff, or writes them.
func (a *app) fix(ctx context.Context, paths []string, opt harden.Options, bases []base, write bool) error {
	return eachRoot(paths, func(r lintRoot, root *os.Root) error {
		patches, err := harden.Fix(ctx, root.FS(), r.paths, opt, harden.FixOptions{Digest: digests(bases)})
		if err != nil {
			return err
		}
		for _, p := range patches {
			if !write {
				p.Path = r.show(p.Path)
				if _, err := fmt.Fprint(a.Stdout, a.diff(p.Diff())); err != nil {
					return fault.New(fault.Internal, "print the diff", "", err)
				}
				continue
			}
			if info, err := root.Lstat(p.Path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
				fmt.Fprintln(a.Stderr, render.Terminal("not changed: "+r.show(p.Path)+" is a link; lint --fix the file that it leads to"))
				continue
			}
			if err := writePatch(root, p); err != nil {
				return fault.New(fault.Internal, "change "+r.show(p.Path), "check that the file can be written", err)
			}
			fmt.Fprintln(a.Stderr, render.Terminal(fmt.Sprintf("changed %s for %s", r.show(p.Path), strings.Join(p.Fixed, ", "))))
		}
		return nil
	})
}

// diff is byte for byte what git apply takes, but where a person or the runner reads
// it: there a line of a hostile file must not act.
func (a *app) diff(text string) string {
	if !a.StdoutTerminal && a.Getenv("GITHUB_ACTIONS") != "true" {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		body, end := strings.CutSuffix(line, "\n")
		if body == "" {
			continue
		}
		// The first character is the mark of the diff; what follows keeps its indent.
		mark, rest := body[:1], strings.ReplaceAll(body[1:], "\t", "    ")
		indent := rest[:len(rest)-len(strings.TrimLeft(rest, " "))]
		lines[i] = mark + indent + render.Terminal(rest)
		if end {
			lines[i] += "\n"
		}
	}
	return strings.Join(lines, "")
}

// writePatch replaces the file unless it changed meanwhile. The file keeps its mode.
func writePatch(root *os.Root, p harden.Patch) error {
	now, err := root.ReadFile(p.Path)
	if err != nil {
		return err
	}
	if string(now) != p.Before {
		return errors.New("it changed while it was read")
	}
	info, err := root.Stat(p.Path)
	if err != nil {
		return err
	}
	temp := p.Path + ".imagegate-new"
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = f.WriteString(p.After)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = root.Rename(temp, p.Path)
	}
	if err != nil {
		_ = root.Remove(temp)
	}
	return err
}
