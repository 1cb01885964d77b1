package pipeline

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// commitOf is the commit that a checkout is at; "" for a folder that is no checkout.
func (p *platform) commitOf(root string) string {
	const most = 4096
	git := filepath.Join(root, ".git")
	head, err := p.deps.ReadFile(filepath.Join(git, "HEAD"))
	if err != nil || len(head) > most {
		return ""
	}
	text := strings.TrimSpace(string(head))
	if ref, ok := strings.CutPrefix(text, "ref: "); ok {
		if !fs.ValidPath(ref) {
			return ""
		}
		data, err := p.deps.ReadFile(filepath.Join(git, filepath.FromSlash(ref)))
		if err != nil {
			return p.packedRef(git, ref)
		}
		text = strings.TrimSpace(string(data))
	}
	return commitID(text)
}

// packedRef finds a branch that git keeps in one file with others.
func (p *platform) packedRef(git, ref string) string {
	data, err := p.deps.ReadFile(filepath.Join(git, "packed-refs"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if id, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == ref {
			return commitID(id)
		}
	}
	return ""
}

// commitID is text when it is one (SHA-1 or SHA-256, in hex), else "".
func commitID(text string) string {
	if (len(text) == 40 || len(text) == 64) && strings.Trim(text, "0123456789abcdef") == "" {
		return text
	}
	return ""
}
