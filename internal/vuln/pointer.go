package vuln

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// pointer remembers what a URL gave last.
type pointer struct {
	Source   string    `json:"source"`
	Checksum string    `json:"checksum"`
	ETag     string    `json:"etag,omitempty"`
	Checked  time.Time `json:"checked"`
}

func (s *store) pointerPath(source string) string {
	return filepath.Join(s.root, "source-"+hexSum([]byte(source))[:16]+".json")
}

// last returns the pointer of source; a missing or damaged one is the zero value.
func (s *store) last(source string) pointer {
	data, err := readSmall(s.pointerPath(source))
	var p pointer
	if err != nil || json.Unmarshal(data, &p) != nil || p.Source != source || !isChecksum(p.Checksum) {
		return pointer{}
	}
	return p
}

func (s *store) remember(p pointer) {
	data, err := json.MarshalIndent(p, "", " ")
	if err == nil {
		err = s.writeAtomic(s.pointerPath(p.Source), data)
	}
	if err != nil { // the next run asks again
		s.opt.Logger.Debug("cannot remember the database's source", "error", err)
	}
}

func (s *store) writeAtomic(path string, data []byte) error {
	f, err := os.CreateTemp(s.root, "tmp-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		s.remove(f.Name())
	}
	return err
}

func isChecksum(s string) bool {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "sha256:"))
	return err == nil && len(b) == 32 && strings.HasPrefix(s, "sha256:") && s == strings.ToLower(s)
}
