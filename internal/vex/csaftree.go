package vex

import "fmt"

// csafTree resolves the product ids of a CSAF document.
type csafTree struct {
	plain  map[string]draftProduct
	made   map[string]draftProduct      // relationships that were resolved
	within map[string]*csafRelationship // by the id of what it makes
	levels int                          // resolved so far
}

// maxLevels bounds how deep relationships nest. Deeper ones, and those that come back to
// themselves, name nothing that an image can have.
const maxLevels = 1000

func newCSAFTree(w *csafDocument) *csafTree {
	t := &csafTree{plain: map[string]draftProduct{}, made: map[string]draftProduct{}, within: map[string]*csafRelationship{}}
	put := func(p csafProduct) {
		if p.ID != "" {
			t.plain[p.ID] = p.component()
		}
	}
	var walk func(br *csafBranch)
	walk = func(br *csafBranch) {
		put(br.Product)
		for i := range br.Branches {
			walk(&br.Branches[i])
		}
	}
	walk(&w.Tree.csafBranch)
	for _, p := range w.Tree.Names {
		put(p)
	}
	for i := range w.Tree.Relationships {
		r := &w.Tree.Relationships[i]
		t.within[r.Name.ID] = r
	}
	return t
}

// product resolves an id, each once. A relationship ("A as a component of B") is about A there and
// nowhere else, and so is each level when A or B is a relationship itself (CSAF 2.0,
// 3.2.2.4): the outermost is the product, the innermost its component, and the levels
// between stay.
func (t *csafTree) product(id string) (draftProduct, error) {
	if p, ok := t.made[id]; ok {
		return p, nil
	}
	chain, ok := t.chain(id)
	if t.levels > maxNames {
		return draftProduct{}, fmt.Errorf("more than %d levels of products", maxNames)
	}
	var p draftProduct
	switch n := len(chain); {
	case !ok:
		p.called = []string{id + " (its relationships have no end)"}
	case n == 1:
		p.called = chain[0]
	default:
		p = draftProduct{called: chain[0], via: chain[1 : n-1], within: chain[n-1]}
	}
	t.made[id] = p
	return p, nil
}

// chain lists the levels of a product from the outside; ok is false when they have no end.
// The walk keeps what is still to be resolved, so that neither depth nor a cycle costs
// more than the bound.
func (t *csafTree) chain(id string) (out [][]string, ok bool) {
	type step struct {
		id    string
		names []string // of the level before, when it has some of its own
	}
	todo := []step{{id: id}}
	for n := 0; len(todo) > 0; n++ {
		if t.levels++; n > 3*maxLevels {
			return nil, false
		}
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if next.names != nil {
			out[len(out)-1] = next.names
			continue
		}
		r := t.within[next.id]
		if r == nil {
			out = append(out, t.names(next.id))
			continue
		}
		if own := r.Name.component(); len(own.called) > 0 && isPURL(own.called[0]) {
			todo = append(todo, step{names: own.called})
		}
		todo = append(todo, step{id: r.Component}, step{id: r.Of})
	}
	return out, true
}

func (t *csafTree) names(id string) []string {
	if p := t.plain[id]; len(p.called) > 0 {
		return p.called
	}
	return []string{id}
}
