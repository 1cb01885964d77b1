package vex

import (
	"encoding/json"
	"fmt"
	"slices"

	govex "github.com/openvex/go-vex/pkg/vex"
)

// The parts of CSAF 2.0 and 2.1 that say what is (not) affected. go-vex's own reader
// takes neither justifications (flags) nor more than one identifier of a product, so
// the few fields are read here.
type (
	csafDocument struct {
		Document struct {
			Category  string `json:"category"`
			Publisher struct {
				Name string `json:"name"`
			} `json:"publisher"`
			Tracking struct {
				ID      string      `json:"id"`
				Status  string      `json:"status"`
				Version wireVersion `json:"version"`
				Current wireTime    `json:"current_release_date"`
			} `json:"tracking"`
		} `json:"document"`
		Tree struct {
			csafBranch
			Names         []csafProduct      `json:"full_product_names"`
			Groups        []csafGroup        `json:"product_groups"`
			Relationships []csafRelationship `json:"relationships"`
		} `json:"product_tree"`
		Vulnerabilities []csafVulnerability `json:"vulnerabilities"`
	}

	csafBranch struct {
		Branches []csafBranch `json:"branches"`
		Product  csafProduct  `json:"product"`
	}

	csafProduct struct {
		ID     string `json:"product_id"`
		Name   string `json:"name"`
		Helper struct {
			PURL  string   `json:"purl"`
			PURLs []string `json:"purls"` // CSAF 2.1
		} `json:"product_identification_helper"`
	}

	csafRelationship struct {
		Name      csafProduct `json:"full_product_name"`
		Component string      `json:"product_reference"`
		Of        string      `json:"relates_to_product_reference"`
	}

	csafGroup struct {
		ID       string   `json:"group_id"`
		Products []string `json:"product_ids"`
	}

	csafVulnerability struct {
		CVE string `json:"cve"`
		IDs []struct {
			Text string `json:"text"`
		} `json:"ids"`
		Status       map[string][]string `json:"product_status"`
		Flags        []csafNote          `json:"flags"`
		Threats      []csafNote          `json:"threats"`
		Remediations []csafNote          `json:"remediations"`
	}

	csafNote struct {
		Label    string   `json:"label"`
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Products []string `json:"product_ids"`
		Groups   []string `json:"group_ids"`
	}
)

// csafLists are the lists of product_status that say something.
func csafLists() []string {
	return []string{"first_affected", "last_affected", "known_affected", "first_fixed", "fixed", "known_not_affected", "under_investigation"}
}

// csafKeys are the keys that are read of a CSAF document.
func csafKeys() *vocabulary {
	return newVocabulary(slices.Concat(csafLists(), []string{
		"document", "category", "publisher", "name", "tracking", "id", "status", "version", "current_release_date",
		"product_tree", "branches", "product", "product_id", "product_identification_helper", "purl", "purls", "full_product_names",
		"product_groups", "group_id", "product_ids", "relationships", "full_product_name", "product_reference", "relates_to_product_reference",
		"vulnerabilities", "cve", "ids", "text", "product_status", "flags", "label", "group_ids", "threats", "details", "remediations",
	})...)
}

// csafStatus maps the lists of product_status (CSAF 2.0, 3.2.3.9). "recommended" says
// nothing of a product's state.
func csafStatus(list string) govex.Status {
	switch list {
	case "first_affected", "last_affected":
		return govex.StatusAffected
	case "first_fixed":
		return govex.StatusFixed
	default:
		return govex.StatusFromCSAF(list)
	}
}

func parseCSAF(data []byte, size int) (*document, error) {
	var w csafDocument
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, fmt.Errorf("read the CSAF document: %w", err)
	}
	switch w.Document.Category {
	case "csaf_vex", "csaf_security_advisory":
	default:
		return nil, fmt.Errorf("a CSAF document of category %q: only csaf_vex and csaf_security_advisory are read", clip(w.Document.Category))
	}
	doubts, err := findDoubts(data, csafKeys(), "vulnerabilities", append(csafLists(), "product_status")...)
	if err != nil {
		return nil, err
	}
	b := newBuilder(size)
	tree := newCSAFTree(&w)
	groups := map[string][]string{}
	for _, g := range w.Tree.Groups {
		groups[g.ID] = g.Products
	}
	for i := range w.Vulnerabilities {
		if err := w.Vulnerabilities[i].read(b, doubts.of(i), tree, groups, w.Document.Tracking.Status == "draft"); err != nil {
			return nil, fmt.Errorf("CSAF vulnerability %d: %w", i+1, err)
		}
	}
	t := w.Document.Tracking
	return b.finish(meta{id: t.ID, author: w.Document.Publisher.Name,
		format: "CSAF", version: edition(t.Version), timestamp: t.Current.UTC()}), nil
}

// component names a product by its package URLs, else by its name, which no package
// has and which thus explains why the statement is not met.
func (p *csafProduct) component() draftProduct {
	var c draftProduct
	for _, u := range append(slices.Clone(p.Helper.PURLs), p.Helper.PURL) {
		if u != "" && !slices.Contains(c.called, u) {
			c.called = append(c.called, u)
		}
	}
	if len(c.called) == 0 && p.Name != "" {
		c.called = []string{p.Name}
	}
	return c
}

// read makes one statement of each list of products that share a status, a
// justification and the words about it.
func (v *csafVulnerability) read(b *builder, in *doubt, tree *csafTree, groups map[string][]string, unfinished bool) error {
	aliases := make([]string, 0, len(v.IDs))
	for _, id := range v.IDs {
		aliases = append(aliases, id.Text)
	}
	lists := make([]string, 0, len(v.Status))
	for list := range v.Status {
		lists = append(lists, list)
	}
	slices.Sort(lists)
	flags, threats, remedies := notesByProduct(v.Flags, groups), notesByProduct(v.Threats, groups), notesByProduct(v.Remediations, groups)
	for _, list := range lists {
		status := csafStatus(list)
		if status == "" {
			continue
		}
		type words struct{ justification, impact, action string }
		at := map[words]int{}
		var made []draft
		for _, id := range v.Status[list] {
			var said words
			switch status {
			case govex.StatusNotAffected:
				said.justification, said.impact = flags[id].Label, threats[id].Details
			case govex.StatusAffected:
				said.action = remedies[id].Details
			}
			i, ok := at[said]
			if !ok {
				i = len(made)
				at[said] = i
				made = append(made, draft{doubt: in, status: status, justification: govex.Justification(said.justification),
					impact: said.impact, action: said.action})
				made[i].name(v.CVE, aliases)
			}
			before := tree.levels
			p, err := tree.product(id)
			if err == nil {
				err = b.charge(tree.levels - before)
			}
			if err != nil {
				return err
			}
			made[i].products = append(made[i].products, p)
		}
		for _, s := range made {
			if unfinished {
				s.invalid = "its document is a draft"
			}
			if err := b.add(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func notesByProduct(notes []csafNote, groups map[string][]string) map[string]csafNote {
	out := map[string]csafNote{}
	for _, n := range notes {
		if n.Category != "" && n.Category == "exploit_status" {
			continue
		}
		for _, id := range n.Products {
			out[id] = n
		}
		for _, g := range n.Groups {
			for _, id := range groups[g] {
				out[id] = n
			}
		}
	}
	return out
}
