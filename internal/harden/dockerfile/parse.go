package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/imagegate/imagegate/internal/harden/ignore"
	"github.com/imagegate/imagegate/internal/harden/imageref"
	"github.com/imagegate/imagegate/internal/harden/script"
)

// MaxSize is the largest Dockerfile read, in bytes. Real ones have a few thousand.
const MaxSize = 1 << 20

// maxSteps bounds the instructions of one file.
const maxSteps = 5000

// Options say how a Dockerfile would be built. The zero value is a plain build.
type Options struct {
	// BuildArgs are the values of ARG instructions, as of --build-arg.
	BuildArgs map[string]string
	// Trusted are image names or prefixes ("registry.example/base") that count as
	// hardened beside the ones that are known.
	Trusted []string
	// Ignored reads the .dockerignore that would be used; nil means that it is not
	// known whether there is one.
	Ignored func() (file string, lines []string, found bool)
}

// File is a Dockerfile that BuildKit would accept.
type File struct {
	Path   string
	Stages []*Stage
	// Syntax is the frontend of a "# syntax=" directive, at SyntaxLine.
	Syntax     string
	SyntaxLine int
	Ignores    *ignore.Comments

	args   []*Step // ARG instructions before the first FROM
	escape rune    // of the "# escape=" directive
	lines  []string
	opt    Options
}

// Stage is one FROM and what follows it.
type Stage struct {
	Index int
	Name  string
	Line  int
	Base  Base
	// Steps are the instructions in order; those of ONBUILD are marked.
	Steps []*Step

	env []string // environment and arguments at the end, as NAME=value
	// args are the names in env that come from ARG: a stage on top of this one does not
	// inherit them.
	args map[string]bool
}

// Base is what a stage starts from: an image, a stage of the file, or nothing.
type Base struct {
	// Raw is as written, Image with its arguments substituted.
	Raw, Image string
	Stage      *Stage
	Scratch    bool
	// Unset are arguments without a value that Raw needs.
	Unset []string
	// Platform says what is wrong with --platform; nil when nothing is.
	Platform error
	// Ref is the parsed image; Err says why there is none.
	Ref imageref.Ref
	Err error
}

// Step is one instruction.
type Step struct {
	Cmd       instructions.Command
	Line, End int
	// OnBuild marks an instruction that runs in a build on top of this image.
	OnBuild bool
	// Env is the environment and the arguments before the step.
	Env []string
	// Source is the instruction's text.
	Source string

	stage    int              // the index of its stage
	commands []script.Command // see Commands
}

// ParseError is why BuildKit would refuse a file, and where.
type ParseError struct {
	Line int
	Err  error
}

func (e *ParseError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the parser's own error.
func (e *ParseError) Unwrap() error { return e.Err }

// Parse reads data, at most [MaxSize] bytes of it. The error is a *[ParseError] with
// the parser's reason.
func Parse(path string, data []byte, opt Options) (f *File, err error) {
	if len(data) > MaxSize {
		return nil, &ParseError{Line: 1, Err: fmt.Errorf("it is larger than the limit of %d bytes", MaxSize)}
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, &ParseError{Line: 1 + bytes.Count(data[:bytes.IndexByte(data, 0)], []byte("\n")), Err: errors.New("it holds a NUL byte, so it is no text")}
	}
	defer func() { // the parser is not ours and the file is anybody's
		if r := recover(); r != nil {
			f, err = nil, &ParseError{Line: 1, Err: fmt.Errorf("the parser gave up: %v", r)}
		}
	}()
	res, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, located(err, 1)
	}
	f = &File{Path: path, opt: opt, lines: strings.Split(string(data), "\n")}
	if syntax, _, loc, ok := parser.DetectSyntax(data); ok {
		f.Syntax = syntax
		if len(loc) > 0 {
			f.SyntaxLine = loc[0].Start.Line
		}
	}
	if err := f.build(res); err != nil {
		return nil, err
	}
	f.Ignores = ignore.Scan(f.lines, f.blocks())
	return f, nil
}

// located finds the line in a parser's error.
func located(err error, line int) *ParseError {
	var loc *parser.LocationError
	if errors.As(err, &loc) {
		for _, rs := range loc.Locations {
			for _, r := range rs {
				if r.Start.Line > 0 {
					return &ParseError{Line: r.Start.Line, Err: err}
				}
			}
		}
	}
	return &ParseError{Line: line, Err: err}
}

func (f *File) build(res *parser.Result) error {
	f.escape = res.EscapeToken
	lex := shell.NewLex(f.escape)
	lint := linter.New(&linter.Config{SkipRules: []string{}, Warn: func(string, string, string, string, []parser.Range) {}})
	meta := f.predefined()
	metaUnset := map[string]bool{}
	var stage *Stage
	if n := len(res.AST.Children); n > maxSteps {
		return &ParseError{Line: res.AST.Children[maxSteps].StartLine, Err: fmt.Errorf("the file has %d instructions; the limit is %d", n, maxSteps)}
	}
	for _, n := range res.AST.Children {
		v, err := instructions.ParseInstructionWithLinter(n, lint)
		if err != nil {
			return located(err, n.StartLine)
		}
		switch c := v.(type) {
		case *instructions.Stage:
			stage = f.stage(c, n, lex, meta, metaUnset)
			f.Stages = append(f.Stages, stage)
		case instructions.Command:
			if a, ok := c.(*instructions.ArgCommand); ok && stage == nil {
				f.args = append(f.args, &Step{Cmd: a, Line: n.StartLine, End: n.EndLine, Env: meta, Source: n.Original})
				meta = f.declare(a, lex, meta, metaUnset)
				continue
			}
			if stage == nil {
				return &ParseError{Line: n.StartLine, Err: fmt.Errorf("%s before the first FROM", strings.ToUpper(c.Name()))}
			}
			if err := stage.add(f, c, n, lex, meta, false); err != nil {
				return err
			}
		default:
			return &ParseError{Line: n.StartLine, Err: fmt.Errorf("%q is no instruction", n.Value)}
		}
	}
	if len(f.Stages) == 0 {
		return &ParseError{Line: 1, Err: errors.New("no FROM: the file has no build stage")}
	}
	return nil
}

func (f *File) stage(c *instructions.Stage, n *parser.Node, lex *shell.Lex, meta []string, unset map[string]bool) *Stage {
	s := &Stage{Index: len(f.Stages), Name: c.Name, Line: n.StartLine, Base: Base{Raw: c.BaseName}, args: map[string]bool{}}
	b := &s.Base
	word, unmatched, err := lex.ProcessWord(c.BaseName, variables(meta))
	if err != nil {
		b.Err = fmt.Errorf("the base image %q cannot be expanded: %w", c.BaseName, err)
		return s
	}
	b.Image = word
	if platform, unmatched, err := lex.ProcessWord(c.Platform, variables(meta)); c.Platform != "" {
		declared := slices.ContainsFunc(slices.Collect(maps.Keys(unmatched)), func(name string) bool { return unset[name] })
		switch {
		case err != nil:
			b.Platform = fmt.Errorf("the platform %q cannot be expanded: %w", c.Platform, err)
		case platform == "" && !declared:
			b.Platform = fmt.Errorf("the platform %q is empty: no ARG before the first FROM declares it", c.Platform)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unmatched)) {
		if unset[name] && needs(c.BaseName, name) {
			b.Unset = append(b.Unset, name)
		}
	}
	if b.Stage = f.named(word); b.Stage != nil {
		s.env = append(s.env, b.Stage.exported()...)
		return s
	}
	switch {
	case word == "scratch":
		b.Scratch = true
	case word == "" && len(b.Unset) == 0: // FROM sees only what was declared before the first one
		b.Err = fmt.Errorf("the base image %q is empty: no ARG before the first FROM declares it", c.BaseName)
	default: // an argument without a value may be meant to be empty, as a prefix or suffix
		b.Ref, b.Err = imageref.Parse(word)
	}
	if b.Err != nil && len(b.Unset) > 0 {
		b.Err = fmt.Errorf("the base image %q needs the build argument %s, which has no default", c.BaseName, strings.Join(b.Unset, ", "))
	}
	return s
}

// named finds an earlier stage by name; case does not matter.
func (f *File) named(name string) *Stage {
	for i := len(f.Stages) - 1; i >= 0; i-- {
		if f.Stages[i].Name != "" && strings.EqualFold(f.Stages[i].Name, name) {
			return f.Stages[i]
		}
	}
	return nil
}

// From finds what COPY --from or a mount names: a stage by name or number.
func (f *File) From(name string) *Stage {
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(f.Stages) {
		return f.Stages[i]
	}
	return f.named(name)
}

// exported are the variables that a stage built on this one inherits: ENV, not ARG.
func (s *Stage) exported() []string {
	var out []string
	for _, kv := range s.env {
		if name, _, _ := strings.Cut(kv, "="); !s.args[name] {
			out = append(out, kv)
		}
	}
	return out
}

func (s *Stage) add(f *File, c instructions.Command, n *parser.Node, lex *shell.Lex, meta []string, onBuild bool) error {
	step := &Step{Cmd: c, Line: n.StartLine, End: n.EndLine, OnBuild: onBuild, Env: s.env[:len(s.env):len(s.env)], Source: n.Original, stage: s.Index}
	if o, ok := c.(*instructions.OnbuildCommand); ok && !onBuild {
		s.Steps = append(s.Steps, step)
		return s.trigger(f, o, n, lex, meta)
	}
	if e, ok := c.(instructions.SupportsSingleWordExpansion); ok {
		if _, isArg := c.(*instructions.ArgCommand); !isArg {
			err := e.Expand(func(word string) (string, error) {
				if len(word) > maxExpanded {
					return "", fmt.Errorf("a value of %d bytes", len(word))
				}
				out, err := f.substitute(lex, word, s.env)
				if err == nil && len(out) > maxExpanded {
					return "", fmt.Errorf("a value grows to %d bytes by substitution; the limit is %d", len(out), maxExpanded)
				}
				return out, err
			})
			if err != nil {
				return located(err, n.StartLine)
			}
		}
	}
	switch c := c.(type) {
	case *instructions.ExposeCommand:
		var ports []string
		for _, port := range c.Ports { // one word may become several
			out, err := f.substitute(lex, port, s.env)
			if err != nil {
				return located(err, n.StartLine)
			}
			ports = append(ports, strings.Fields(out)...)
		}
		c.Ports = ports
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			s.env = set(s.env, kv.Key, kv.Value)
			delete(s.args, kv.Key)
		}
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			value, ok := f.opt.BuildArgs[a.Key]
			switch {
			case ok:
			case a.Value != nil:
				value, ok = expand(lex, *a.Value, s.env), true
			default:
				value, ok = lookup(meta, a.Key)
			}
			if _, isEnv := lookup(s.env, a.Key); isEnv && !s.args[a.Key] {
				continue // ENV outranks ARG
			}
			s.args[a.Key] = true
			if ok {
				s.env = set(s.env, a.Key, value)
			}
		}
	}
	step.commands = step.cut()
	s.Steps = append(s.Steps, step)
	return nil
}

// trigger adds the instruction inside an ONBUILD, marked as such.
func (s *Stage) trigger(f *File, o *instructions.OnbuildCommand, n *parser.Node, lex *shell.Lex, meta []string) error {
	if n.Next == nil || len(n.Next.Children) == 0 {
		return nil
	}
	inner := *n.Next.Children[0]
	inner.StartLine, inner.EndLine, inner.Heredocs = n.StartLine, n.EndLine, n.Heredocs
	c, err := instructions.ParseCommand(&inner)
	if err != nil {
		return located(fmt.Errorf("ONBUILD %s: %w", o.Expression, err), n.StartLine)
	}
	saved := append([]string(nil), s.env...)
	err = s.add(f, c, &inner, lex, meta, true)
	s.env = saved // a trigger changes the child's environment, not this one's
	return err
}
