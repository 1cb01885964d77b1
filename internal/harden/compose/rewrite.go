package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readAll reads at most MaxSize bytes; one more is an error.
func readAll(f io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("the file has more than %d bytes", MaxSize)
	}
	return data, nil
}

// document reads and bounds one Compose file.
func (r *reader) document(name string) (*document, error) {
	name = path.Clean(name)
	if d := r.docs[name]; d != nil {
		return d, nil
	}
	data, err := r.file(name)
	if err != nil {
		return nil, &LoadError{Path: name, Err: reason(err)}
	}
	d := &document{path: name, lines: strings.Split(string(data), "\n")}
	if n := indent(d.lines); n > 2*maxDepth {
		return nil, &LoadError{Path: name, Line: 1, Err: fmt.Errorf("the file is indented %d columns deep", n)}
	}
	if n := bytes.Count(data, []byte("[")) + bytes.Count(data, []byte("{")); n > 20_000 {
		return nil, &LoadError{Path: name, Line: 1, Err: fmt.Errorf("the file has %d brackets", n)}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			e := &LoadError{Path: name, Line: 1, Err: err}
			if m := lineInError.FindStringSubmatch(err.Error()); m != nil {
				e.Line, _ = strconv.Atoi(m[1])
			}
			e.Line = min(max(e.Line, 1), len(d.lines))
			return nil, e
		}
		b := bounds{size: map[*yaml.Node]int{}, open: map[*yaml.Node]bool{}}
		err = b.check(&n, 0)
		if err == nil {
			err = r.countPorts(&n, 0)
		}
		if err != nil {
			return nil, &LoadError{Path: name, Line: min(max(b.line, 1), len(d.lines)), Err: err}
		}
		if len(n.Content) > 0 {
			d.roots = append(d.roots, n.Content[0])
			d.services = append(d.services, index(child(n.Content[0], "services"), map[string]keyed{}, 0))
		}
	}
	if len(d.roots) == 0 {
		return nil, &LoadError{Path: name, Line: 1, Err: errors.New("the file is empty")}
	}
	r.docs[name] = d
	return d, nil
}

func indent(lines []string) int {
	deepest := 0
	for _, l := range lines {
		if n := len(l) - len(strings.TrimLeft(l, " -")); n > deepest && strings.TrimSpace(l) != "" && !strings.HasPrefix(strings.TrimSpace(l), "#") {
			deepest = n
		}
	}
	return deepest
}

// bounds measures a document with its aliases expanded, without expanding them.
type bounds struct {
	size map[*yaml.Node]int
	open map[*yaml.Node]bool
	line int
}

func (b *bounds) check(n *yaml.Node, depth int) error {
	_, err := b.measure(n, depth)
	return err
}

func (b *bounds) measure(n *yaml.Node, depth int) (int, error) {
	b.line = n.Line
	switch {
	case depth > maxDepth:
		return 0, fmt.Errorf("the document is nested more than %d deep", maxDepth)
	case b.open[n]:
		return 0, errors.New("an alias contains itself")
	}
	if s, ok := b.size[n]; ok {
		return s, nil
	}
	b.open[n] = true
	defer delete(b.open, n)
	total := 1
	add := func(c *yaml.Node) error {
		s, err := b.measure(c, depth+1)
		if total += s; err == nil && total > maxNodes {
			err = fmt.Errorf("the document has more than %d nodes with its aliases expanded", maxNodes)
		}
		return err
	}
	if n.Kind == yaml.AliasNode {
		if err := add(n.Alias); err != nil {
			return 0, err
		}
	}
	for _, c := range n.Content {
		if err := add(c); err != nil {
			return 0, err
		}
	}
	b.size[n] = total
	return total, nil
}

// rewrite returns the document for compose-go: without version (which it would log)
// and include (which it would read), and with the services of extended files added
// under names of our own, so that extends never leaves the document.
func (r *reader) rewrite(d *document) (content []byte, includes [][]string, err error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	for _, root := range d.roots {
		if root.Kind != yaml.MappingNode {
			return nil, nil, &LoadError{Path: d.path, Line: max(root.Line, 1), Err: errors.New("the top level is no mapping")}
		}
		doc := *root
		doc.Content = nil
		extended := map[string]*yaml.Node{}
		for i := 0; i+1 < len(root.Content); i += 2 {
			key, value := root.Content[i], root.Content[i+1]
			switch key.Value {
			case "version":
				continue
			case "include":
				includes = append(includes, includePaths(value)...)
				continue
			case "services":
				value, err = r.services(d, value, extended)
				if err != nil {
					return nil, nil, err
				}
			}
			doc.Content = append(doc.Content, key, value)
		}
		if err := enc.Encode(&doc); err != nil {
			return nil, nil, &LoadError{Path: d.path, Line: 1, Err: err}
		}
	}
	if err := enc.Close(); err != nil {
		return nil, nil, &LoadError{Path: d.path, Line: 1, Err: err}
	}
	return out.Bytes(), includes, nil
}

// includePaths lists what is included: in the short form one file each, in the long
// form a file or several that go on top of one another.
func includePaths(n *yaml.Node) [][]string {
	var out [][]string
	for _, c := range n.Content {
		if c.Kind == yaml.ScalarNode {
			out = append(out, []string{c.Value})
		}
		p := child(c, "path")
		if p == nil {
			continue
		}
		if p.Kind == yaml.ScalarNode {
			out = append(out, []string{p.Value})
			continue
		}
		var files []string
		for _, e := range p.Content {
			files = append(files, e.Value)
		}
		out = append(out, files)
	}
	return out
}

// services copies the mapping with every "extends: {file: …}" turned into one of the
// same document.
func (r *reader) services(d *document, n *yaml.Node, extended map[string]*yaml.Node) (*yaml.Node, error) {
	if n.Kind != yaml.MappingNode {
		return nil, &LoadError{Path: d.path, Line: max(n.Line, 1), Err: errors.New("services is no mapping from names to services")}
	}
	out := *n
	out.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, service := n.Content[i], n.Content[i+1]
		if k := service.Kind; k != yaml.MappingNode && k != yaml.AliasNode && service.Tag != "!!null" && service.Tag != "!reset" {
			return nil, &LoadError{Path: d.path, Line: max(key.Line, 1), Err: fmt.Errorf("the service %q is no mapping", cut(key.Value))}
		}
		ext := child(service, "extends")
		file := child(ext, "file")
		if file == nil || file.Kind != yaml.ScalarNode || file.Value == "" {
			out.Content = append(out.Content, key, service)
			continue
		}
		base, err := r.extend(d, ext, &out, extended, 0)
		if err != nil {
			return nil, &LoadError{Path: d.path, Line: ext.Line, Err: fmt.Errorf("the service %q extends one that cannot be read: %w", cut(key.Value), err)}
		}
		out.Content = append(out.Content, key, with(service, base))
	}
	return &out, nil
}

// with copies a service with "extends" naming base.
func with(service *yaml.Node, base string) *yaml.Node {
	out := *service
	out.Content = nil
	for i := 0; i+1 < len(service.Content); i += 2 {
		if service.Content[i].Value != "extends" {
			out.Content = append(out.Content, service.Content[i], service.Content[i+1])
		}
	}
	if base != "" {
		out.Content = append(out.Content, scalar("extends"), &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("service"), scalar(base)}})
	}
	return &out
}

func scalar(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// extend adds the service that ext names to services and returns its name there.
func (r *reader) extend(from *document, ext *yaml.Node, services *yaml.Node, extended map[string]*yaml.Node, depth int) (string, error) {
	if depth > maxChain {
		return "", fmt.Errorf("more than %d services extend each other", maxChain)
	}
	d, name := from, ""
	if ext.Kind == yaml.ScalarNode {
		name = ext.Value
	} else if s := child(ext, "service"); s != nil {
		name = s.Value
	}
	if f := child(ext, "file"); f != nil {
		if remote(f.Value) || path.IsAbs(f.Value) || strings.Contains(f.Value, "$") {
			return "", fmt.Errorf("%q is outside of what is scanned", cut(f.Value))
		}
		var err error
		if d, err = r.document(path.Join(path.Dir(from.path), f.Value)); err != nil {
			return "", err
		}
	}
	alias := injectedPrefix + strconv.Itoa(len(d.path)) + "." + clean(d.path) + "." + clean(name)
	if extended[alias] != nil {
		return alias, nil
	}
	service := d.services[0][name].value
	if service == nil || service.Kind != yaml.MappingNode {
		return "", fmt.Errorf("%s has no service %q", d.path, cut(name))
	}
	budget := maxNodes
	flat, err := flatten(service, &budget, 0)
	if err != nil {
		return "", err
	}
	r.injected++
	base := ""
	if inner := child(flat, "extends"); inner != nil {
		if base, err = r.extend(d, inner, services, extended, depth+1); err != nil {
			return "", err
		}
	}
	flat = with(flat, base)
	r.move(child(flat, "env_file"), path.Dir(d.path))
	extended[alias] = flat
	services.Content = append(services.Content, scalar(alias), flat)
	return alias, nil
}

// move makes the env files of an extended service relative to the project, as Compose
// does: they were relative to the file that they are written in.
func (r *reader) move(n *yaml.Node, dir string) {
	switch {
	case n == nil:
	case n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			r.move(c, dir)
		}
	case n.Kind == yaml.MappingNode:
		r.move(child(n, "path"), dir)
	case n.Value != "" && !path.IsAbs(n.Value) && !strings.ContainsAny(n.Value[:1], "~$"):
		if rel, err := filepath.Rel(filepath.FromSlash(r.dir), filepath.FromSlash(path.Join(dir, n.Value))); err == nil {
			n.Value = filepath.ToSlash(rel)
		}
	}
}

func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			return c
		}
		return '.'
	}, cut(s))
}

// flatten copies a node of another document with its aliases in place, since they
// would point nowhere.
func flatten(n *yaml.Node, budget *int, depth int) (*yaml.Node, error) {
	if *budget--; *budget < 0 || depth > maxDepth {
		return nil, errors.New("the service is too large with its aliases expanded")
	}
	if n.Kind == yaml.AliasNode {
		return flatten(n.Alias, budget, depth+1)
	}
	out := *n
	out.Anchor, out.Content = "", nil
	for _, c := range n.Content {
		f, err := flatten(c, budget, depth+1)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, f)
	}
	return &out, nil
}

// remote reports whether a path names a file of another place.
func remote(p string) bool {
	return strings.Contains(p, "://") || strings.HasPrefix(p, "git@") || strings.HasPrefix(p, "github.com/") || strings.HasSuffix(p, ".git")
}
