package compose

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// openValue is a value of a service that variables without a value decide.
type openValue struct {
	key, text string
	at        check.At
	variables []string
	// alone is true when nothing else of the key stands on its line, whole when
	// everything under the key is like it.
	alone, whole bool
	// keyLine is the line of the key; entryLine that of its entry in a list, when it is
	// the only one there, and 0 otherwise.
	keyLine, entryLine int
}

// nodes are the mappings that a service is made of: those of the overrides first, each
// followed by what it extends. Those of other files have no place in the project.
func (p *Project) nodes(service string) []placed {
	var out []placed
	for i := len(p.docs) - 1; i >= 0; i-- {
		for _, services := range p.docs[i].services {
			out = p.chain(out, p.docs[i], services[service].value, true)
		}
	}
	return out
}

type placed struct {
	doc  *document
	node *yaml.Node
	own  bool // in one of the project's files, where the service is written
}

func (p *Project) chain(out []placed, d *document, n *yaml.Node, own bool) []placed {
	if n == nil || len(out) > maxChain {
		return out
	}
	out = append(out, placed{d, n, own})
	ext := child(n, "extends")
	if ext == nil {
		return out
	}
	name := ext.Value
	if s := child(ext, "service"); s != nil {
		name = s.Value
	}
	if f := child(ext, "file"); f != nil {
		d = p.extended[path.Join(path.Dir(d.path), f.Value)]
	}
	if d == nil {
		return out
	}
	return p.chain(out, d, d.services[0][name].value, false)
}

// open lists the values under keys of the service ("deploy.resources.limits.pids")
// that variables leave open. A value of an override hides what it overrides; lists and
// mappings add to each other.
func (s *Service) open(keys ...string) []openValue {
	var out []openValue
	nodes := s.project.nodes(s.Name)
	for _, key := range keys {
		for _, n := range nodes {
			var k *yaml.Node
			v := n.node
			for _, part := range strings.Split(key, ".") {
				k, v = entry(v, part, 0)
			}
			if k == nil {
				continue
			}
			found := s.openUnder(key, k, v, n)
			out = append(out, found...)
			if v.Kind == yaml.ScalarNode || v.Tag == "!override" || v.Tag == "!reset" {
				break
			}
		}
	}
	return out
}

func (s *Service) openUnder(key string, k, v *yaml.Node, n placed) []openValue {
	var out []openValue
	total, lines := 0, map[int]int{}
	var walk func(n *yaml.Node, depth int)
	var leaves []*yaml.Node
	walk = func(n *yaml.Node, depth int) {
		switch {
		case depth > maxDepth || total > maxNodes:
		case n.Kind == yaml.AliasNode:
			walk(n.Alias, depth+1)
		case n.Kind == yaml.ScalarNode:
			total++
			lines[n.Line]++
			leaves = append(leaves, n)
		case n.Kind == yaml.MappingNode:
			for i := 1; i < len(n.Content); i += 2 {
				walk(n.Content[i], depth+1)
			}
		default:
			for _, c := range n.Content {
				walk(c, depth+1)
			}
		}
	}
	walk(v, 0)
	for _, leaf := range leaves {
		names := open(leaf.Value, s.project.lookup)
		if len(names) == 0 || harmlessPart(key, v, leaf) {
			continue
		}
		o := openValue{key: key, text: leaf.Value, variables: names, alone: lines[leaf.Line] == 1, keyLine: k.Line}
		o.at = check.At{Location: n.doc.path, Line: leaf.Line}
		o.entryLine = entryLine(v, leaf)
		if !n.own {
			o.at = s.at()
			o.alone, o.keyLine, o.entryLine = false, o.at.Line, 0
		}
		out = append(out, o)
	}
	for i := range out {
		out[i].whole = len(out) == total
	}
	return out
}

// entryLine is where the entry of a list begins that holds leaf as a value; 0 when there
// is no such entry or another begins on that line.
func entryLine(v, leaf *yaml.Node) int {
	line, others := 0, map[int]int{}
	if v.Kind == yaml.SequenceNode {
		for _, e := range v.Content {
			others[e.Line]++
			if e.Kind == yaml.MappingNode && slices.Contains(e.Content, leaf) {
				line = e.Line
			}
		}
	}
	if others[line] != 1 {
		return 0
	}
	return line
}

// harmlessPart says that the variables of a value are in a part of it that decides
// nothing: the group of a user, the port of a port, the target of a mount.
func harmlessPart(key string, v, leaf *yaml.Node) bool {
	first, _, _ := strings.Cut(leaf.Value, "$")
	second := strings.Contains(first, ":")
	switch key {
	case "user": // USER:GROUP
		return second
	case "volumes": // SOURCE:TARGET, and the source of the long form
		for _, e := range v.Content {
			if e.Kind == yaml.MappingNode && slices.Contains(e.Content, leaf) {
				return leaf != child(e, "source")
			}
		}
		return second
	case "ports": // [ADDRESS:[PUBLISHED:]]TARGET, and the address of the long form
		for _, e := range v.Content {
			if e.Kind == yaml.MappingNode && slices.Contains(e.Content, leaf) {
				return leaf != child(e, "host_ip")
			}
		}
		text := blank(leaf.Value)
		return text != "$" && strings.Count(text, ":") < 2 || second && !strings.HasPrefix(text, "[")
	}
	return false
}

// sourceOf is the source of a mount in the short form, with "$" for each variable.
func sourceOf(text string) string {
	source, _, _ := strings.Cut(text, ":")
	return source
}

// blank replaces each variable by a dollar, so that what separates is left.
func blank(text string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i+1 == len(text) {
			return b.String() + text
		}
		b.WriteString(text[:i+1])
		text = text[i+1:]
		if end := closing(text); text[0] == '{' && end >= 0 {
			text = text[end+1:]
		} else {
			text = text[len(identifier(text)):]
		}
	}
}

// note is what a rule said of one service, before open values are weighed.
type note struct {
	state, text string
	at          check.At
}

// settle weighs what a rule said of a service against the values that variables leave
// open: a failure that is one of those values is not decided, and neither is a pass
// that rests on one.
func (p *pass) settle(r *rule, s *Service, applies bool) {
	var values []openValue
	if applies || len(p.notes) > 0 {
		values = s.open(r.keys...)
	}
	if r.could != nil {
		values = slices.DeleteFunc(values, func(o openValue) bool { return !r.could(blank(o.text)) })
	}
	told := map[string]bool{}
	for i, n := range p.notes {
		for _, o := range values {
			told[o.key] = told[o.key] || o.at == check.At{Location: n.at.Location, Line: n.at.Line}
		}
		if o := among(values, n.at); o != nil {
			told[o.key] = true
			if n.state == report.CheckFailed {
				p.notes[i].state, p.notes[i].text = report.CheckUndecided, n.text+", as far as can be told: "+o.missing()
			}
		}
	}
	for _, o := range values {
		if told[o.key] || !r.any && !o.whole {
			continue
		}
		told[o.key] = true
		p.Undecidedf(o.at, "%s: what %s holds is not known: %s", quoted(s), o.key, o.missing())
	}
	p.say(p.notes)
}

// say records the notes for good.
func (p *pass) say(notes []note) {
	for _, n := range notes {
		if n.state == report.CheckFailed {
			p.Pass.Failf(n.at, "%s", n.text)
		} else {
			p.Pass.Undecidedf(n.at, "%s", n.text)
		}
	}
}

// among finds the open value that an outcome is about.
func among(values []openValue, at check.At) *openValue {
	for i, o := range values {
		if o.at.Location == at.Location && (o.at.Line == at.Line && (o.alone || o.whole) || o.keyLine == at.Line && o.whole || o.entryLine == at.Line && at.Line > 0) {
			return &values[i]
		}
	}
	return nil
}

func (o openValue) missing() string {
	what := "the variable "
	if len(o.variables) > 1 {
		what = "the variables "
	}
	return what + check.List(o.variables, 3) + " without a value"
}
