package vex

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

// feedDocument is a feed of n statements in the form of the real one: one CVE each, a
// versioned source name, an unversioned binary name, and the image with both inside.
func feedDocument(n, cves int) []byte {
	var b strings.Builder
	b.WriteString(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"Feed","version":1,"timestamp":"2025-01-01T00:00:00Z","statements":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		cve, pkg := i%cves, i%500
		src := fmt.Sprintf("pkg:deb/debian/src%d@1.%d-1%%2Bdeb13u1?os_distro=trixie&os_name=debian&os_version=13", pkg, i/cves)
		bin := fmt.Sprintf("pkg:deb/debian/lib%d", pkg)
		fmt.Fprintf(&b, `{"@id":"id-%d","vulnerability":{"name":"CVE-2025-%05d"},"timestamp":"2025-09-30T00:00:00Z","products":[{"@id":%q},{"@id":%q},`+
			`{"@id":"pkg:docker/dhi/python","subcomponents":[{"@id":%q},{"@id":%q}]},{"@id":"pkg:oci/dhi%%2Fpython","subcomponents":[{"@id":%q},{"@id":%q}]}],`+
			`"status":"not_affected","status_notes":"Marked no-dsa","justification":"vulnerable_code_cannot_be_controlled_by_adversary"}`,
			i%100, cve, src, bin, src, bin, src, bin)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

func feedFindings(n, cves int) []report.Vulnerability {
	out := make([]report.Vulnerability, n)
	for i := range out {
		cve := i % cves
		out[i] = find(fmt.Sprintf("CVE-2025-%05d", cve), fmt.Sprintf("pkg:deb/debian/lib%d@1.0-1%%2Bdeb13u1?arch=amd64&distro=debian-13&upstream=src%d", cve%500, cve%500))
	}
	return out
}

// BenchmarkDecide shows that the time grows with the statements and with the findings,
// not with their product. The largest is the size of a whole vendor feed.
func BenchmarkDecide(b *testing.B) {
	for _, size := range []struct{ statements, findings int }{
		{37_500, 5_000}, {75_000, 5_000}, {150_000, 5_000}, {300_000, 5_000}, {300_000, 2_500}, {300_000, 10_000},
	} {
		b.Run(fmt.Sprintf("statements=%d/findings=%d", size.statements, size.findings), func(b *testing.B) {
			data := feedDocument(size.statements, 5_000)
			before := liveHeap()
			doc, err := FromFile("feed", data)
			if err != nil {
				b.Fatal(err)
			}
			held := int64(liveHeap()) - int64(before)
			runtime.KeepAlive(data)
			findings := feedFindings(size.findings, 5_000)
			image := testImage()
			b.ReportAllocs()
			for b.Loop() {
				r, err := Decide(findings, []Document{doc}, image, Options{})
				if err != nil || suppressed(r.Vulnerabilities) == 0 {
					b.Fatal(err, suppressed(r.Vulnerabilities))
				}
			}
			b.ReportMetric(float64(held)/(1<<20), "document-MiB")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	data := feedDocument(20_000, 5_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromFile("feed", data); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMemory keeps a tenth of a whole feed within a tenth of its bounds and the part
// that the findings take; BenchmarkDecide shows the whole.
func TestMemory(t *testing.T) {
	data := feedDocument(30_000, 5_000)
	findings := feedFindings(5_000, 5_000)
	before := liveHeap()
	doc := must(t)(FromFile("feed", data))
	held := int64(liveHeap()) - int64(before)
	runtime.KeepAlive(data)
	spent := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decide(findings, []Document{doc}, testImage(), Options{}); err != nil {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if held > 12<<20 || spent > 64<<20 {
		t.Errorf("30,000 statements take %d MiB and a decision %d MiB, want at most 12 and 64", held>>20, spent>>20)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
