package sbom

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// identity is a UUID for the document in the given format: a version 8 one (RFC 9562,
// section 5.8), made from the image's digest and everything else that makes one
// document of an image differ from the next. Nothing about it is random.
func (s *SBOM) identity(f Format) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		string(f), s.subject(), s.syft.Source.Name, s.syft.Source.Version,
		s.syft.Descriptor.Name, s.syft.Descriptor.Version, s.generator, s.time(),
	}, "\n")))
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
