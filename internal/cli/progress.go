package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

// watcher shows what a run does, on the error stream: on a terminal one line that is
// drawn over itself while layers come down, elsewhere one line for each stage that
// ended. It is also where the log goes, so that both share the terminal.
type watcher struct {
	out      io.Writer
	terminal bool
	quiet    bool

	mu     sync.Mutex
	drawn  int // width of the line that is to be drawn over
	layers map[string]layerProgress
}

type layerProgress struct{ done, total int64 }

func (a *app) watcher(cfg *config.Config) *watcher {
	return &watcher{out: a.Stderr, terminal: a.StderrTerminal && !cfg.Quiet, quiet: cfg.Quiet, layers: map[string]layerProgress{}}
}

// Write lets the log share the stream.
func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.erase()
	return w.out.Write([]byte(render.TerminalLines(string(p))))
}

// line prints one line.
func (w *watcher) line(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.erase()
	fmt.Fprintln(w.out, render.Terminal(text))
}

// event is the pipeline's Progress function.
func (w *watcher) event(e pipeline.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.quiet:
	case e.Layer != nil:
		w.layer(e)
	case e.Done && e.State == report.Skipped: // nobody waits for what was not asked for
	case e.Done:
		w.erase()
		place := e.Stage
		if e.Platform != "" {
			place += " " + e.Platform
		}
		state := ""
		if e.State != report.Done {
			state = string(e.State) + ": "
		}
		fmt.Fprintln(w.out, render.Terminal(place+": "+state+e.Reason))
	}
}

// layer draws the sum of what came down over the line before.
func (w *watcher) layer(e pipeline.Event) {
	if !w.terminal {
		return
	}
	key := e.Platform + e.Layer.Digest.String()
	w.layers[key] = layerProgress{e.Layer.Done, e.Layer.Total}
	var done, total int64
	for _, l := range w.layers {
		done, total = done+l.done, total+l.total
	}
	const mib = 1 << 20
	text := fmt.Sprintf("pull: %.1f of %.1f MiB", float64(done)/mib, float64(total)/mib)
	pad := max(0, w.drawn-len(text))
	fmt.Fprintf(w.out, "\r%s%s", text, strings.Repeat(" ", pad))
	w.drawn = len(text)
}

// erase clears the line that is being drawn.
func (w *watcher) erase() {
	if w.drawn > 0 {
		fmt.Fprintf(w.out, "\r%s\r", strings.Repeat(" ", w.drawn))
		w.drawn = 0
	}
}

func (w *watcher) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.erase()
}
