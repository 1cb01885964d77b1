package compose

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

// maxAlone bounds how many services are tried alone to place an error.
const maxAlone = 100

// first places an error of the loader, which walks over maps and returns whichever
// fault it meets first: each service is loaded alone, in order of names, and the first
// that fails speaks. When none does, err stands.
func (r *reader) first(err error, load func(types.ConfigDetails) error, docs []*document, details types.ConfigDetails) error {
	names := map[string]bool{}
	for _, d := range docs {
		for _, root := range d.roots {
			if s := child(root, "services"); s != nil && s.Kind == yaml.MappingNode {
				for i := 0; i+1 < len(s.Content) && len(names) < maxAlone; i += 2 {
					if child(s.Content[i+1], "extends") == nil {
						names[s.Content[i].Value] = true
					}
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		alone := details
		alone.ConfigFiles = nil
		for _, d := range docs {
			content, cerr := only(d, name)
			if cerr != nil {
				return err
			}
			alone.ConfigFiles = append(alone.ConfigFiles, types.ConfigFile{Filename: d.path, Content: content})
		}
		smallest := load(alone)
		for range 3 { // several faults in one service come in any order, too
			if again := load(alone); smallest != nil && again != nil && again.Error() < smallest.Error() {
				smallest = again
			}
		}
		if smallest != nil {
			return smallest
		}
	}
	return err
}

// only copies a document with one of its services and what aliases need.
func only(d *document, name string) ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	for _, root := range d.roots {
		doc := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if service := child(child(root, "services"), name); service != nil {
			budget := maxNodes
			flat, err := flatten(service, &budget, 0)
			if err != nil {
				return nil, err
			}
			doc.Content = append(doc.Content, scalar("services"), &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{scalar(name), flat}})
		}
		if err := enc.Encode(doc); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), enc.Close()
}

// consistent checks what services refer to, in order of names: compose-go has the same
// rules and no order.
func (p *Project) consistent() *LoadError {
	m := p.model
	for _, name := range slices.Sorted(maps.Keys(m.Services)) {
		s := m.Services[name]
		fail := func(keys []string, format string, args ...any) *LoadError {
			file, line := p.locate(name, keys...)
			return &LoadError{Path: file, Line: line, Err: fmt.Errorf("the service %q "+format, append([]any{cut(name)}, args...)...)}
		}
		if s.Build == nil && s.Image == "" && s.Provider == nil {
			if _, written := p.raw(name, "image"); !written {
				return fail(nil, "has neither an image nor a build context")
			}
		}
		for _, d := range slices.Sorted(maps.Keys(s.DependsOn)) {
			if _, ok := m.Services[d]; !ok && s.DependsOn[d].Required {
				return fail([]string{"depends_on", d}, "depends on %q, which is no service of the project", cut(d))
			}
		}
		if target, ok := strings.CutPrefix(s.NetworkMode, types.ServicePrefix); ok {
			if _, ok := m.Services[target]; !ok {
				return fail([]string{"network_mode"}, "shares the network of %q, which is no service of the project", cut(target))
			}
		}
		for _, n := range slices.Sorted(maps.Keys(s.Networks)) {
			if _, ok := m.Networks[n]; !ok && n != "default" {
				return fail([]string{"networks", n}, "is on the network %q, which is not defined", cut(n))
			}
		}
		for _, v := range s.Volumes {
			if _, ok := m.Volumes[v.Source]; !ok && v.Type == types.VolumeTypeVolume && v.Source != "" {
				return fail([]string{"volumes", v.Source}, "mounts the volume %q, which is not defined", cut(v.Source))
			}
		}
		for _, x := range s.Secrets {
			if _, ok := m.Secrets[x.Source]; !ok {
				return fail([]string{"secrets", x.Source}, "uses the secret %q, which is not defined", cut(x.Source))
			}
		}
		for _, x := range s.Configs {
			if _, ok := m.Configs[x.Source]; !ok {
				return fail([]string{"configs", x.Source}, "uses the config %q, which is not defined", cut(x.Source))
			}
		}
	}
	return nil
}
