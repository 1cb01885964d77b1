package compose

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imagegate/imagegate/internal/harden/check"
)

// child returns the value of key in a mapping, through aliases and merge keys.
func child(n *yaml.Node, key string) *yaml.Node {
	_, v := entry(n, key, 0)
	return v
}

// index collects the entries of a mapping as [child] would find them.
func index(n *yaml.Node, out map[string]keyed, depth int) map[string]keyed {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode || depth > 8 {
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if _, ok := out[n.Content[i].Value]; !ok {
			out[n.Content[i].Value] = keyed{n.Content[i], n.Content[i+1]}
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		if m := n.Content[i+1]; m.Kind == yaml.SequenceNode {
			for _, c := range m.Content {
				index(c, out, depth+1)
			}
		} else {
			index(m, out, depth+1)
		}
	}
	return out
}

func entry(n *yaml.Node, key string, depth int) (k, v *yaml.Node) {
	if n == nil || depth > 8 {
		return nil, nil
	}
	if n.Kind == yaml.AliasNode {
		return entry(n.Alias, key, depth+1)
	}
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		merged := []*yaml.Node{n.Content[i+1]}
		if n.Content[i+1].Kind == yaml.SequenceNode {
			merged = n.Content[i+1].Content
		}
		for _, m := range merged {
			if k, v := entry(m, key, depth+1); k != nil {
				return k, v
			}
		}
	}
	return nil, nil
}

// element returns the item of a sequence that key names: its number, NAME of
// "NAME=value", or a text that holds it.
func element(n *yaml.Node, key string) *yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.SequenceNode {
		return nil
	}
	if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Content) {
		return n.Content[i]
	}
	for _, c := range n.Content {
		if c.Kind == yaml.ScalarNode && (c.Value == key || strings.HasPrefix(c.Value, key+"=")) {
			return c
		}
	}
	for _, c := range n.Content {
		if c.Kind == yaml.ScalarNode && strings.Contains(c.Value, key) {
			return c
		}
		for _, cc := range c.Content {
			if cc.Kind == yaml.ScalarNode && cc.Value == key {
				return c
			}
		}
	}
	return nil
}

// locate finds where a service says something: the file and the line of the deepest
// key of the path that is written down. An override outranks what it overrides.
func (p *Project) locate(service string, keys ...string) (file string, line int) {
	best := -1
	for i := len(p.docs) - 1; i >= 0; i-- {
		for _, services := range p.docs[i].services {
			k, n := services[service].key, services[service].value
			if k == nil {
				continue
			}
			at, depth := k.Line, 0
			for _, key := range keys {
				if kk, v := entry(n, key, 0); kk != nil {
					at, n = kk.Line, v
				} else if e := element(n, key); e != nil {
					at, n = e.Line, e
				} else {
					break
				}
				depth++
			}
			if depth > best {
				best, file, line = depth, p.docs[i].path, at
			}
		}
	}
	if best < 0 {
		return p.Path, 1
	}
	return file, line
}

// raw returns the text of a scalar as written, before substitution: in the project's
// files or where the service extends another.
func (p *Project) raw(service string, keys ...string) (string, bool) {
	for _, n := range p.nodes(service) {
		n := n.node
		for _, key := range keys {
			if v := child(n, key); v != nil {
				n = v
			} else {
				n = element(n, key)
			}
		}
		if n != nil && n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if n != nil && n.Kind == yaml.ScalarNode {
			return n.Value, true
		}
	}
	return "", false
}

// at is the place of a key of the service.
func (s *Service) at(keys ...string) check.At {
	file, line := s.project.locate(s.Name, keys...)
	return check.At{Location: file, Line: line}
}

// fix is the place of a key with the text that belongs there.
func (s *Service) fix(remedy string, keys ...string) check.At {
	a := s.at(keys...)
	a.Remedy = remedy
	return a
}
