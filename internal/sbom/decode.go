package sbom

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/anchore/syft/syft/format/cyclonedxjson"
	"github.com/anchore/syft/syft/format/spdxjson"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/imagegate/imagegate/internal/fault"
)

// DefaultDecodeLimit is the largest document that [Decode] reads when it is given no
// limit, in bytes.
const DefaultDecodeLimit = 256 << 20

// Decode reads an SBOM in one of [Formats] and says which it was. At most limit bytes
// are read; 0 means [DefaultDecodeLimit]. The time of the document is not kept:
// [SBOM.Encode] then writes the epoch.
//
// The error is a *[fault.Error] with code Usage: the document is larger than the limit,
// is in no known format or version, or does not parse.
func Decode(r io.Reader, limit int64) (*SBOM, Format, error) {
	const op, hint = "read the SBOM", "give a JSON document of Syft, SPDX 2.x or CycloneDX 1.x"
	if limit <= 0 {
		limit = DefaultDecodeLimit
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, "", fault.New(fault.Usage, op, "", err)
	}
	if int64(len(data)) > limit {
		return nil, "", fault.Usagef(op, hint, "the document is larger than %d bytes", limit)
	}
	for _, d := range []struct {
		format Format
		sbom.FormatDecoder
	}{
		{SyftJSON, syftjson.NewFormatDecoder()},
		{CycloneDX, cyclonedxjson.NewFormatDecoder()},
		{SPDX, spdxjson.NewFormatDecoder()},
	} {
		s, ok, err := decode(d.FormatDecoder, data)
		if err != nil {
			return nil, "", fault.New(fault.Usage, op, hint, fmt.Errorf("%s: %w", d.format, err))
		}
		if ok {
			return &SBOM{syft: s, generator: found(s)}, d.format, nil
		}
	}
	return nil, "", fault.Usagef(op, hint, "the format is not known")
}

// decode tries one decoder; ok is false when the document is in another format. The
// decoders are given whatever a stranger wrote, so a panic of theirs is an error.
func decode(d sbom.FormatDecoder, data []byte) (s *sbom.SBOM, ok bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, ok, err = nil, false, fmt.Errorf("the document makes the reader give up: %v", r)
		}
	}()
	id, version := d.Identify(bytes.NewReader(data))
	if id == "" {
		return nil, false, nil
	}
	if version == "" {
		return nil, false, errors.New("the version of the format is not known")
	}
	s, _, _, err = d.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, false, err
	}
	if s == nil {
		return nil, false, errors.New("the document is empty")
	}
	if s.Artifacts.Packages == nil {
		s.Artifacts.Packages = pkg.NewCollection()
	}
	return s, true, nil
}

// found names the tool that a decoded document says it was made by.
func found(s *sbom.SBOM) string {
	switch {
	case s.Descriptor.Name == "":
		return "an unnamed tool"
	case s.Descriptor.Version == "":
		return s.Descriptor.Name
	}
	return s.Descriptor.Name + " " + s.Descriptor.Version
}
