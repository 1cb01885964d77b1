package vex

import (
	"encoding/json"
	"fmt"
	"strings"
)

// flaw is a key that readers of JSON do not agree on: one that comes twice in an object,
// or in another case than its format writes it. Go's own reader takes the last, in any
// case; readers in other languages see something else.
type flaw struct {
	member string // the member of the document that it lies in
	entry  int    // its place in that member, when that is a list
	depth  int    // 1 for a key of the document itself
	key    string // as written
	name   string // as the format writes it
}

func (f *flaw) String() string {
	if f.key == f.name {
		return fmt.Sprintf("the key %q twice", f.name)
	}
	return fmt.Sprintf("the key %q for %q", clip(f.key), f.name)
}

// vocabulary holds the keys that are read of a format, at most 64.
type vocabulary struct {
	exact, folded map[string]int
	names         []string
}

func newVocabulary(names ...string) *vocabulary {
	v := &vocabulary{exact: map[string]int{}, folded: map[string]int{}, names: names}
	for i, n := range names {
		v.exact[n], v.folded[lower(n)] = i, i
	}
	return v
}

// known says which key of the format is meant, in whatever case; -1 for one that is not
// read.
func (v *vocabulary) known(key []byte) (n int, same bool) {
	if n, ok := v.exact[string(key)]; ok {
		return n, true
	}
	if n, ok := v.folded[foldKey(key)]; ok {
		return n, false
	}
	return -1, false
}

// foldKey folds a key as Go's reader compares it: by simple case folding, which knows two
// signs beyond ASCII that are letters of it.
func foldKey(key []byte) string {
	s := string(key)
	if strings.ContainsAny(s, "\u017f\u212a") {
		s = strings.NewReplacer("\u017f", "s", "\u212a", "k").Replace(s)
	}
	return lower(s)
}

// flaws calls fn for each flaw of data, which has to be valid JSON.
func (v *vocabulary) flaws(data []byte, fn func(flaw)) {
	type frame struct {
		object, key bool // key: the next string is one
		seen        uint64
		n           int
	}
	var stack []frame
	member := ""
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{':
			stack = append(stack, frame{object: true, key: true})
		case '[':
			stack = append(stack, frame{})
		case '}', ']':
			stack = stack[:max(len(stack)-1, 0)]
		case ',':
			if len(stack) > 0 {
				top := &stack[len(stack)-1]
				top.n++
				top.key = top.object
			}
		case '"':
			end := stringEnd(data, i)
			if len(stack) == 0 || !stack[len(stack)-1].key {
				i = end
				continue
			}
			top := &stack[len(stack)-1]
			top.key = false
			key := plainKey(data[i : end+1])
			i = end
			if len(stack) == 1 {
				member = string(key)
			}
			n, same := v.known(key)
			if n < 0 {
				continue
			}
			if twice := top.seen&(1<<n) != 0; twice || !same {
				f := flaw{member: member, depth: len(stack), key: string(key), name: v.names[n]}
				if len(stack) > 1 && !stack[1].object {
					f.entry = stack[1].n
				}
				fn(f)
			}
			top.seen |= 1 << n
		}
	}
}

// stringEnd is the place of the quote that ends the string that begins at i.
func stringEnd(data []byte, i int) int {
	for i++; i < len(data) && data[i] != '"'; i++ {
		if data[i] == '\\' {
			i++
		}
	}
	return min(i, len(data)-1)
}

// plainKey takes a key out of its quotes and escapes.
func plainKey(quoted []byte) []byte {
	for _, c := range quoted {
		if c == '\\' {
			var s string
			if json.Unmarshal(quoted, &s) == nil {
				return []byte(s)
			}
			break
		}
	}
	return quoted[1 : len(quoted)-1]
}

// doubtful are the flaws of a document whose statements are the entries of one member.
type doubtful struct {
	whole   *flaw // outside of the statements: what they refer to is not sure
	entries map[int]*doubt
}

// doubt is what is wrong with the keys of one statement.
type doubt struct {
	flaw
	// status is true when it is not sure what the statement says.
	status bool
}

// findDoubts looks through a whole document. A key of the document itself that is not
// sure is an error. status are the keys that say what a statement says.
func findDoubts(data []byte, v *vocabulary, statements string, status ...string) (doubtful, error) {
	d := doubtful{entries: map[int]*doubt{}}
	var err error
	v.flaws(data, func(f flaw) {
		switch {
		case f.depth == 1:
			if err == nil {
				err = fmt.Errorf("the document has %s", &f)
			}
		case f.member != statements:
			if d.whole == nil {
				d.whole = &f
			}
		default:
			was := d.entries[f.entry]
			if was == nil {
				was = &doubt{flaw: f}
				d.entries[f.entry] = was
			}
			for _, s := range status {
				was.status = was.status || f.name == s
			}
		}
	})
	return d, err
}

// of returns what is wrong with a statement; nil for nothing.
func (d *doubtful) of(entry int) *doubt {
	if e := d.entries[entry]; e != nil {
		return e
	}
	if d.whole != nil {
		return &doubt{flaw: *d.whole}
	}
	return nil
}
