// Package compose reads Compose projects as Docker Compose would and checks every
// service of them. compose-go merges overrides, substitutes variables, applies extends
// and validates against the Compose schema; this package gives it bytes only: every
// file comes from the caller's fs.FS, and neither the network, the process environment
// nor any other path is read, whatever a file asks for.
//
// Documents are hostile: sizes, depth, aliases and the number of files are bounded.
// Images are known by name only; what the image itself sets is somebody else's check.
//
// Start reading at [Load], then [Run]; the checks are listed in checks.go.
package compose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/imagegate/imagegate/internal/report"
)

// Limits of one project.
const (
	MaxSize  = 1 << 20 // bytes of one file
	MaxFiles = 64      // files read, extended and env files included
	maxNodes = 200_000 // nodes after expanding aliases
	maxDepth = 100     // nesting of a document
	maxChain = 16      // extends that lead to extends
)

// Options say how a project is read. The zero value is ready to use.
type Options struct {
	// Env are the variables of the environment, on top of the project's .env file.
	Env map[string]string
	// Trusted are image names or prefixes that count as hardened beside the known.
	Trusted []string
}

// Project is a loaded project.
type Project struct {
	// Path is the first file; Files are all that were read, sorted.
	Path  string
	Files []string
	// Services are in the order of their names.
	Services []*Service
	// Includes are the projects that this one includes, each a base and what goes on top.
	Includes [][]string
	// Observations are variables without a value, and what was not read, such as files of
	// other places.
	Observations []report.Observation

	model *types.Project
	docs  []*document
	opt   Options
	// jobs are the services that others wait for to end.
	jobs map[string]bool
	// refusal is why Compose would refuse a project that can be checked all the same.
	refusal *LoadError
	// lookup returns the value of a variable; extended are the files that services
	// extend, by path.
	lookup   func(string) (string, bool)
	extended map[string]*document
}

// Service is one service of a project.
type Service struct {
	types.ServiceConfig
	// EnvFile are the variables of its env files with their place.
	EnvFile []Variable
	// Unread says which env file could not be read, and why.
	Unread  []string
	project *Project
}

// Variable is one variable of an env file.
type Variable struct {
	File, Name, Value string
	Line              int
}

// LoadError is why Compose would refuse a project, and where.
type LoadError struct {
	Path string
	Line int
	Err  error
}

func (e *LoadError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *LoadError) Unwrap() error { return e.Err }

// document is one Compose file.
type document struct {
	path  string
	lines []string
	roots []*yaml.Node
	// services are those of each root by name: files may have thousands, and every
	// check asks for every one.
	services []map[string]keyed
}

// keyed is a value of a mapping with its key.
type keyed struct{ key, value *yaml.Node }

type reader struct {
	fsys     fs.FS
	dir      string // of the first file
	read     map[string]bool
	docs     map[string]*document
	injected int
	ports    int
	// seen are the observations, by their text.
	seen map[string]report.Kind
	// lookup returns the value of a variable; open is true when the text that was
	// substituted last lacks one.
	lookup func(string) (string, bool)
	open   bool
	// fill is what stands in for the value of a variable in a text.
	fill func(text, name string) string
}

// injectedPrefix names the services that stand for those of extended files.
const injectedPrefix = "imagegate.extended."

// Load reads the project of files: a base and the overrides on top of it, in order.
// The error is a *[LoadError] when Compose would refuse the project, and the file
// system's own error when the first file cannot be read. Where all that is wrong is that
// a service refers to something that is not there, or has no image, the project comes
// with the error: what its services ask for can be checked all the same.
func Load(ctx context.Context, fsys fs.FS, files []string, opt Options) (p *Project, err error) {
	if len(files) == 0 {
		return nil, errors.New("load a Compose project: no file is named")
	}
	defer func() { // the loader is not ours and the file is anybody's
		if r := recover(); r != nil {
			p, err = nil, &LoadError{Path: files[0], Line: 1, Err: fmt.Errorf("the loader gave up: %v", r)}
		}
	}()
	r := &reader{fsys: fsys, read: map[string]bool{}, docs: map[string]*document{}, seen: map[string]report.Kind{}, fill: empty}
	p = &Project{Path: files[0], opt: opt}
	dir := path.Dir(path.Clean(files[0]))
	r.dir = dir
	env := maps.Clone(opt.Env)
	r.lookup = func(key string) (string, bool) {
		v, ok := env[key]
		if !ok {
			v, ok = standing[key]
		}
		return v, ok
	}
	env = r.dotenv(path.Join(dir, ".env"), opt.Env)
	p.lookup, p.extended = r.lookup, r.docs

	details := types.ConfigDetails{WorkingDir: "/" + dir, Environment: types.Mapping{}}
	maps.Copy(details.Environment, env)
	partial := false
	for _, name := range files {
		doc, err := r.document(name)
		if err != nil {
			return nil, err
		}
		p.docs = append(p.docs, doc)
		content, includes, err := r.rewrite(doc)
		if err != nil {
			return nil, err
		}
		for _, inc := range includes {
			partial = true
			files := []string{}
			for _, f := range inc {
				if remote(f) {
					r.seen[fmt.Sprintf("%s includes %s, which is not fetched", name, f)] = report.LeftOut
				} else {
					files = append(files, path.Join(path.Dir(name), f))
				}
			}
			if len(files) > 0 {
				p.Includes = append(p.Includes, files)
			}
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: name, Content: content})
	}
	load := func(details types.ConfigDetails, fill func(text, name string) string) (*types.Project, error) {
		r.fill = fill
		details.Environment = maps.Clone(details.Environment)
		return loader.LoadWithContext(ctx, details, func(o *loader.Options) {
			o.SetProjectName("project", true)
			o.Profiles = []string{"*"}
			o.ResolvePaths = false
			o.SkipInclude = true
			o.SkipResolveEnvironment = true
			o.SkipResolveLabels = true
			o.SkipConsistencyCheck = true // see consistent
			o.ResourceLoaders = []loader.ResourceLoader{refuse{}}
			o.MaxNodeVisits = maxNodes
			o.Interpolate = &interpolation.Options{
				Substitute:      r.substitute,
				LookupValue:     r.lookup,
				TypeCastMapping: r.lenient(o.Interpolate.TypeCastMapping),
			}
		})
	}
	p.model, err = load(details, empty)
	filled := false
	if err != nil && len(r.seen) > 0 {
		// Variables without a value may be all that is wrong: it is the values of
		// another place that are missing, and the rest can be checked.
		for _, fill := range []func(text, name string) string{
			guess, func(string, string) string { return "unset" }, func(string, string) string { return "0" },
		} {
			if model, err2 := load(details, fill); err2 == nil {
				p.model, err, filled = model, nil, true
				break
			}
		}
	}
	if err != nil {
		return nil, p.refused(r.first(err, func(d types.ConfigDetails) error {
			_, err := load(d, empty)
			return err
		}, p.docs, details))
	}
	p.services(r)
	p.Files = slices.Sorted(maps.Keys(r.read))
	for _, text := range slices.Sorted(maps.Keys(r.seen)) {
		p.Observations = append(p.Observations, report.Observation{Stage: report.StageHarden, Kind: r.seen[text], Message: text})
	}
	if !partial && r.injected == 0 && !filled {
		if err := p.consistent(); err != nil {
			p.refusal = err
			return p, err
		}
	}
	return p, nil
}

// refuse stands where compose-go would read files by itself.
type refuse struct{}

func (refuse) Accept(string) bool { return true }
func (refuse) Dir(string) string  { return "." }
func (refuse) Load(_ context.Context, p string) (string, error) {
	return "", fmt.Errorf("%q is not read", p)
}

func cut(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

var lineInError = regexp.MustCompile(`\bline (\d+)\b`)

// refused places an error of the loader.
func (p *Project) refused(err error) *LoadError {
	e := &LoadError{Path: p.Path, Line: 1, Err: err}
	if m := lineInError.FindStringSubmatch(err.Error()); m != nil {
		if n, _ := strconv.Atoi(m[1]); n > 0 && n <= len(p.docs[0].lines) {
			e.Line = n
			return e
		}
	}
	if m := servicePath.FindStringSubmatch(err.Error()); m != nil {
		if _, line := p.locate(m[1] + m[2]); line > 0 {
			e.Line = line
		}
	}
	return e
}

var servicePath = regexp.MustCompile(`services\.([A-Za-z0-9_-]+)|service "([A-Za-z0-9_.-]+)"`)

func (p *Project) services(r *reader) {
	p.jobs = map[string]bool{}
	for _, s := range p.model.Services {
		for name, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionCompletedSuccessfully {
				p.jobs[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.model.Services)) {
		if strings.HasPrefix(name, injectedPrefix) {
			continue
		}
		s := &Service{ServiceConfig: p.model.Services[name], project: p}
		s.Name = name
		for _, f := range s.EnvFiles {
			r.envFile(s, path.Dir(p.Path), f)
		}
		p.Services = append(p.Services, s)
	}
}

// file reads one file within the limits.
func (r *reader) file(name string) ([]byte, error) {
	name = path.Clean(name)
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%q is outside of what is scanned", cut(name))
	}
	if !r.read[name] && len(r.read) >= MaxFiles {
		return nil, fmt.Errorf("more than %d files", MaxFiles)
	}
	f, err := r.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", cut(name))
	}
	data, err := readAll(f)
	if err != nil {
		return nil, err
	}
	r.read[name] = true
	return data, nil
}
