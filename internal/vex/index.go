package vex

// nameKey is a package name without its version.
type nameKey struct{ typ, namespace, name string }

// wantedName is a package name that findings have, with the versions installed.
type wantedName struct {
	number   uint32
	versions map[string]bool
}

// entry is one line of one statement that may be about a finding: 24 bytes, because a
// whole feed has millions.
type entry struct {
	doc, pos  uint32 // of the document in the run, of the statement in it
	product   uint32 // of the product in the statement
	line      uint32 // of the package line among the index's lines; wholeImage when none
	text      textID // the line as written
	imageLine bool   // the line is a subcomponent of the product, not the product
}

const wholeImage = ^uint32(0)

// bucket holds the lines about one package name for one vulnerability.
type bucket struct {
	exact map[string][]entry // of a version that is installed
	loose []entry            // without a version
	near  []entry            // what cannot apply, to explain; at most maxNear
}

// topic is everything that is said of one vulnerability.
type topic struct {
	byName map[uint32]*bucket
	whole  []entry // this image as a whole
	other  []entry // about other packages and images, to explain; at most maxNear
}

// maxNear bounds what is kept only to explain: a statement further down the list than
// this makes no better sentence.
const maxNear = 64

// index finds statements by vulnerability, then by package name, then by version, so
// that the work grows with the statements plus the findings and not with their
// product. Only what can apply to some finding is kept whole.
type index struct {
	docs   []*document
	topics map[string]*topic
	wanted map[nameKey]*wantedName
	lines  []line
	at     [][]uint32 // by document and text: the place in lines plus one, or notPURL
	// filed marks, by document and text, the lines that the statement in hand already
	// has as products of their own: the same inside an image says nothing more.
	filed [][]uint32
	stamp uint32
}

// line is a package URL of a document.
type line struct {
	purl
	key uint32 // number of its name; unwanted when no finding has it
	// installed is true when some finding has this name at this version.
	installed bool
}

const (
	unwanted = ^uint32(0)
	notPURL  = ^uint32(0) - 1
)

// newIndex notes what the findings ask for; [matcher.fill] then files the documents.
func newIndex(docs []*document, findings []finding) *index {
	x := &index{docs: docs, topics: map[string]*topic{}, wanted: map[nameKey]*wantedName{},
		at: make([][]uint32, len(docs)), filed: make([][]uint32, len(docs))}
	for i := range findings {
		f := &findings[i]
		for _, id := range f.ids {
			if x.topics[id] == nil {
				x.topics[id] = &topic{byName: map[uint32]*bucket{}}
			}
		}
		for _, n := range f.id.names {
			key := nameKey{n.typ, n.namespace, n.name}
			w := x.wanted[key]
			if w == nil {
				w = &wantedName{number: uint32(len(x.wanted)), versions: map[string]bool{}}
				x.wanted[key] = w
			}
			w.versions[n.version] = true
			f.keys = append(f.keys, w.number)
		}
	}
	for d, doc := range docs {
		x.at[d], x.filed[d] = make([]uint32, len(doc.texts)), make([]uint32, len(doc.texts))
	}
	return x
}

// lineOf parses a line once for each document, however often it comes.
func (x *index) lineOf(doc uint32, id textID) uint32 {
	switch n := x.at[doc][id]; n {
	case 0:
	case notPURL:
		return notPURL
	default:
		return n - 1
	}
	u, err := parsePURL(x.docs[doc].word(id))
	if err != nil {
		x.at[doc][id] = notPURL
		return notPURL
	}
	l := line{purl: u, key: unwanted}
	if w := x.wanted[nameKey{u.typ, u.namespace, u.name}]; w != nil {
		l.key, l.installed = w.number, w.versions[u.version]
	}
	x.lines = append(x.lines, l)
	x.at[doc][id] = uint32(len(x.lines))
	return uint32(len(x.lines)) - 1
}
