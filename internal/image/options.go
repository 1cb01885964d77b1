package image

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
)

// Options bound and tune [Pull]. The zero value is ready to use. A limit that is
// passed is an error of type *[LimitError], never a silent cut.
type Options struct {
	// Parallel is the number of layers fetched at once. 0 means 4.
	Parallel int
	// TempDir is where the layers are kept until Close, uncompressed. "" means the
	// system's directory for temporary files.
	TempDir string

	// MaxLayers is the largest number of layers. 0 means 512.
	MaxLayers int
	// MaxLayer is the largest uncompressed layer, in bytes. 0 means 8 GiB.
	MaxLayer int64
	// MaxTotal bounds all layers together, uncompressed, in bytes. 0 means 20 GiB.
	MaxTotal int64
	// MaxRatio is how many times larger than its blob a layer may become. It applies
	// from 256 MiB of output on, so that small blobs of zeros pass. 0 means 250.
	MaxRatio int64
	// MaxEntries bounds the archive entries of all layers together, counting the
	// directories that a path implies. 0 means 1,000,000.
	MaxEntries int64
	// MaxPath is the longest name or link target, in bytes. 0 means 4096, which is
	// Linux's PATH_MAX.
	MaxPath int
	// MaxNames bounds all names together, in bytes. 0 means 256 MiB.
	MaxNames int64
	// MaxTree bounds the nodes of all file trees: each layer is indexed together with
	// all below it, so an entry counts once for each layer from its own up. About 450
	// bytes of memory each. 0 means 20,000,000.
	MaxTree int64

	// Progress, when set, is called with the state of a layer at its start, at most
	// about a hundred times during its download, and at its end, by several goroutines.
	Progress func(Progress)
}

// Progress is how far a layer has come.
type Progress struct {
	// Layer counts from 0 at the lowest layer. A blob used by several layers is
	// reported once, for the lowest of them.
	Layer  int
	Digest v1.Hash
	// Done and Total are in compressed bytes.
	Done, Total int64
}

func (o Options) withDefaults() Options {
	def(&o.Parallel, 4)
	def(&o.MaxLayers, 512)
	def(&o.MaxLayer, 8<<30)
	def(&o.MaxTotal, 20<<30)
	def(&o.MaxRatio, 250)
	def(&o.MaxEntries, 1_000_000)
	def(&o.MaxPath, 4096)
	def(&o.MaxNames, 256<<20)
	def(&o.MaxTree, 20_000_000)
	return o
}

func def[T int | int64](p *T, v T) {
	if *p <= 0 {
		*p = v
	}
}

// LimitError says which bound of [Options] an image passed.
type LimitError struct {
	// Option is the name of the field in Options.
	Option string
	// What was counted, in words, and the limit in Unit.
	What string
	Max  int64
	Unit string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than %d %s (limit %s)", e.What, e.Max, e.Unit, e.Option)
}

func limit(option, what string, limit int64, unit string) error {
	return &LimitError{Option: option, What: what, Max: limit, Unit: unit}
}

const (
	hintLimit   = "the image passes a safety limit of this gate; do not raise the limit unless you know why the image is that large"
	hintCorrupt = "the image as stored does not agree with itself: push it again from a clean build, or report it to its publisher"
	hintFetch   = "run again; when it stays, the registry does not hold this blob as its manifest promises"
	hintDisk    = "free disk space, or point the directory for temporary files (TMPDIR) at a larger disk"
)

// layerError says what was being done with which layer.
func layerError(code fault.Code, index int, digest v1.Hash, hint string, err error) error {
	return fault.New(code, fmt.Sprintf("layer %d (%s)", index, digest), hint, err)
}
