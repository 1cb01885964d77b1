package cli

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/report"
)

// joinPath joins a directory of this machine and a path of the report.
func joinPath(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }

// artifactName is unique for an image and a platform within a run, and has none of the
// characters that artifact storage refuses.
func artifactName(cfg *config.Config, r *report.Report) string {
	if cfg.ArtifactName != "" {
		return cfg.ArtifactName
	}
	parts := []string{"imagegate"}
	if name := r.Subject.Repository; name != "" {
		parts = append(parts, name[strings.LastIndexByte(name, '/')+1:])
	}
	parts = append(parts, r.Subject.Platform)
	if _, hex, ok := strings.Cut(r.Subject.Digest, ":"); ok && len(hex) >= 12 {
		parts = append(parts, hex[:12])
	}
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
			return c
		}
		return '-'
	}, strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "-"))
	return name
}
