package compose

import (
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxPorts bounds the ports of a project with their ranges expanded, which compose-go
// does one by one.
const maxPorts = 30_000

// portRange is a range as short forms of ports write it.
var portRange = regexp.MustCompile(`^(?:.*:)?([0-9]{1,5})-([0-9]{1,5})(?:/[a-z]+)?$`)

// addRange counts the ports of text when it is a range.
func (r *reader) addRange(text string) error {
	m := portRange.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	from, _ := strconv.Atoi(m[1])
	to, _ := strconv.Atoi(m[2])
	if to > from {
		r.ports += to - from + 1
	}
	if r.ports > maxPorts {
		return fmt.Errorf("the ranges of ports have more than %d ports", maxPorts)
	}
	return nil
}

// countPorts counts every scalar that is a range, wherever it stands: what it is used
// for is known only later, and other values look like this seldom.
func (r *reader) countPorts(n *yaml.Node, depth int) error {
	if depth > maxDepth {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return r.addRange(n.Value)
	}
	if n.Kind == yaml.AliasNode {
		return r.countPorts(n.Alias, depth+1)
	}
	for _, c := range n.Content {
		if err := r.countPorts(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}
