package pipeline_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// TestStalledDatabaseIsAskedForAgain: a server that falls silent once is no fault, and one
// that stays silent decides nothing.
func TestStalledDatabaseIsAskedForAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		times int32
		want  report.Result
		asked int32
	}{
		{"once", 1, report.Pass, 2},
		{"always", 100, report.Error, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newFaultWorld(t, t.TempDir())
			archive, err := os.ReadFile(w.demo.DBArchive)
			if err != nil {
				t.Fatal(err)
			}
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(to http.ResponseWriter, req *http.Request) {
				if asked.Add(1) > tt.times {
					_, _ = to.Write(archive)
					return
				}
				_, _ = to.Write(archive[:len(archive)/2])
				_ = http.NewResponseController(to).Flush()
				<-req.Context().Done()
			}))
			defer server.Close()
			w.cfg.DB = server.URL + "/db.tar.zst"
			r := w.gate(t.Context(), time.Second)
			if r.Verdict.Result != tt.want || asked.Load() < tt.asked {
				t.Errorf("verdict %s %q, asked %d times; want %s and at least %d", r.Verdict.Result, r.Verdict.Reasons, asked.Load(), tt.want, tt.asked)
			}
		})
	}
}
