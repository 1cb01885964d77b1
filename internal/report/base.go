package report

// Base is the image that a derived image is built on, as far as that was proven.
type Base struct {
	// Boundary is whole (all layers are the base), derived (there are layers on top) or
	// unproven (the layers of the base that the label names are not in the image, as in
	// a squashed one).
	Boundary string `json:"boundary"`
	// Layers is the number of layers that are the base's; 0 when that is unproven.
	Layers int `json:"layers"`
	// Reference, Digest and IndexDigest name the base, once it was found and its layers
	// were compared; Source says where its name came from: provenance or base (the
	// option).
	Reference   string `json:"reference,omitempty"`
	Digest      string `json:"digest,omitempty"`
	IndexDigest string `json:"indexDigest,omitempty"`
	Source      string `json:"source,omitempty"`
	// Attestations of the base were found, Verified of them verified.
	Attestations int `json:"attestations,omitempty"`
	Verified     int `json:"verified,omitempty"`
	// Membership says by what its packages were told from those on top: sbom (a verified
	// bill of the base, or base-sbom), files (the layers of their files); "" when they
	// were not.
	Membership string `json:"membership,omitempty"`
	// Reason is a sentence: what was proven, or what is missing.
	Reason string `json:"reason"`
}
