package dockerfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/imageref"
	"github.com/imagegate/imagegate/internal/harden/script"
)

// Final is the stage that a plain build makes: the last one.
func (f *File) Final() *Stage { return f.Stages[len(f.Stages)-1] }

// Chain returns the stages whose layers end up in s, the first ancestor first.
func (s *Stage) Chain() []*Stage {
	var out []*Stage
	for c := s; c != nil && len(out) <= s.Index; c = c.Base.Stage {
		out = append(out, c)
	}
	slices.Reverse(out)
	return out
}

// Root is the first ancestor: its base is an image or scratch.
func (s *Stage) Root() *Stage { return s.Chain()[0] }

// steps yields every instruction but FROM: the ARGs before the first one, then those of
// every stage.
func (f *File) steps(visit func(*Step)) {
	for _, st := range f.args {
		visit(st)
	}
	for _, s := range f.Stages {
		for _, st := range s.Steps {
			visit(st)
		}
	}
}

// effective are the steps that make the stage, those of its ancestors first. What an
// ancestor triggers with ONBUILD runs at the beginning of the stage on top of it.
func (s *Stage) effective() []*Step {
	var out []*Step
	for _, c := range s.Chain() {
		if c.Base.Stage != nil {
			for _, st := range c.Base.Stage.Steps {
				if st.OnBuild {
					out = append(out, st)
				}
			}
		}
		for _, st := range c.Steps {
			if !st.OnBuild {
				out = append(out, st)
			}
		}
	}
	return out
}

// finalSteps yields the steps whose result is in the final image.
func (f *File) finalSteps(visit func(*Step)) {
	for _, st := range f.Final().effective() {
		visit(st)
	}
}

// blocks are the line ranges of the instructions, for ignore comments.
func (f *File) blocks() [][2]int {
	var out [][2]int
	for _, st := range f.args {
		out = append(out, [2]int{st.Line, st.End})
	}
	for _, s := range f.Stages {
		out = append(out, [2]int{s.Line, s.Line})
		for _, st := range s.Steps {
			if !st.OnBuild {
				out = append(out, [2]int{st.Line, st.End})
			}
		}
	}
	return out
}

// Commands returns the shell commands of a RUN step; nil for other steps and for
// here-documents that another program reads.
func (s *Step) Commands() []script.Command { return s.commands }

// cut reads the commands once, since most checks want them.
func (s *Step) cut() []script.Command {
	run, ok := s.Cmd.(*instructions.RunCommand)
	if !ok {
		return nil
	}
	if !run.PrependShell {
		return script.FromExec(run.CmdLine)
	}
	line := strings.Join(run.CmdLine, " ")
	if len(run.Files) == 0 {
		return script.Parse(line)
	}
	cmds := script.Parse(line)
	for _, file := range run.Files {
		if feedsShell(cmds, file.Data) {
			cmds = append(cmds, script.Parse(file.Data)...)
		}
	}
	return cmds
}

// feedsShell reports whether a here-document is run by a shell: alone on the RUN, or
// as the input of one.
func feedsShell(cmds []script.Command, data string) bool {
	first, _, _ := strings.Cut(data, "\n")
	if strings.HasPrefix(first, "#!") {
		fields := strings.Fields(strings.TrimPrefix(first, "#!"))
		if len(fields) > 1 && strings.HasSuffix(fields[0], "/env") {
			fields = slices.DeleteFunc(fields[1:], func(w string) bool { return strings.HasPrefix(w, "-") }) // env -S
		}
		return len(fields) > 0 && script.Shell(fields[0][strings.LastIndex(fields[0], "/")+1:])
	}
	if len(cmds) == 0 {
		return true
	}
	for _, c := range cmds {
		if name, _ := c.Name(); script.Shell(name) {
			return true
		}
	}
	return false
}

// walk visits every command of the step, nested ones included.
func (s *Step) walk(visit func(script.Command)) { script.Walk(s.Commands(), visit) }

// mounts of a RUN step.
func (s *Step) mounts() []*instructions.Mount {
	if run, ok := s.Cmd.(*instructions.RunCommand); ok {
		return instructions.GetMounts(run)
	}
	return nil
}

// cached reports whether dir is a cache or tmpfs mount of the step, so that what is
// written there stays out of the image.
func (s *Step) cached(dir string) bool {
	for _, m := range s.mounts() {
		if (m.Type == instructions.MountTypeCache || m.Type == instructions.MountTypeTmpfs) &&
			(m.Target == dir || strings.HasPrefix(dir, strings.TrimSuffix(m.Target, "/")+"/") || strings.HasPrefix(m.Target, dir+"/")) {
			return true
		}
	}
	return false
}

// image is one external image that the build reads.
type image struct {
	line  int
	what  string // "the base image", "COPY --from", "a mount"
	raw   string
	ref   imageref.Ref
	err   error
	stage *Stage
}

// images lists every external image of the file: bases, COPY --from, mounts.
func (f *File) images() []image {
	var out []image
	for _, s := range f.Stages {
		if b := s.Base; b.Stage == nil && !b.Scratch {
			out = append(out, image{s.Line, "the base image", b.Raw, b.Ref, b.Err, s})
		}
		for _, st := range s.Steps {
			var from []string
			what := "COPY --from"
			if c, ok := st.Cmd.(*instructions.CopyCommand); ok && c.From != "" {
				from = append(from, c.From)
			}
			for _, m := range st.mounts() {
				if m.From != "" {
					from, what = append(from, m.From), "RUN --mount"
				}
			}
			for _, name := range from {
				if name == "scratch" {
					continue
				}
				err := f.misplaced(s, st, name)
				if err == nil && f.From(name) != nil {
					continue
				}
				im := image{line: st.Line, what: what, raw: name, err: err}
				if err == nil {
					im.ref, im.err = imageref.Parse(name)
				}
				out = append(out, im)
			}
		}
	}
	return out
}

// misplaced says why BuildKit would find no source by this name for a step of s: it has
// no such number, or the stage is not built before s. What ONBUILD names are the stages
// of another file.
func (f *File) misplaced(s *Stage, st *Step, name string) error {
	if st.OnBuild {
		return nil
	}
	if i, err := strconv.Atoi(name); err == nil && (i < 0 || i >= len(f.Stages)) {
		return fmt.Errorf("there is no stage number %d", i)
	}
	if strings.Contains(name, "$") {
		return fmt.Errorf("a variable is not possible in %q: name the image in a FROM, and its stage here", check.Cut(name))
	}
	if from := f.From(name); from != nil && from.Index >= s.Index {
		return fmt.Errorf("the stage %q is not built before this one", check.Cut(name))
	}
	return nil
}

// process is the effective ENTRYPOINT and CMD of a stage; a line of 0 means that there is
// none.
type process struct {
	entrypoint, cmd      []string
	entryShell, cmdShell bool
	entryLine, cmdLine   int
	stopSignal           string
	stopLine, healthLine int
	health               []string
}

// process follows the chain of s. ENTRYPOINT resets a CMD of the stages below, but none
// of its own stage, as BuildKit does it.
func (s *Stage) process() process {
	var p process
	cmdStage := -1
	for _, st := range s.effective() {
		switch v := st.Cmd.(type) {
		case *instructions.EntrypointCommand:
			p.entrypoint, p.entryShell, p.entryLine = v.CmdLine, v.PrependShell, st.Line
			if cmdStage != st.stage {
				p.cmd, p.cmdShell, p.cmdLine = nil, false, 0
			}
		case *instructions.CmdCommand:
			p.cmd, p.cmdShell, p.cmdLine = v.CmdLine, v.PrependShell, st.Line
			cmdStage = st.stage
		case *instructions.StopSignalCommand:
			p.stopSignal, p.stopLine = v.Signal, st.Line
		case *instructions.HealthCheckCommand:
			p.healthLine = st.Line
			if v.Health != nil {
				p.health = v.Health.Test
			}
		}
	}
	return p
}

// user is the last USER of the chain; line 0 means that there is none.
func (s *Stage) user() (name string, line int) {
	for _, st := range s.effective() {
		if u, ok := st.Cmd.(*instructions.UserCommand); ok {
			name, line = u.User, st.Line
		}
	}
	return name, line
}

// Image is an external image that a build reads, and where; Err says why it is none.
type Image struct {
	Line int
	Ref  imageref.Ref
	Err  error
}

// Images lists the bases, the sources of COPY --from and of mounts that are no stages
// of the file, in order.
func Images(f *File) []Image {
	var out []Image
	for _, im := range f.images() {
		out = append(out, Image{Line: im.line, Ref: im.ref, Err: im.err})
	}
	return out
}
