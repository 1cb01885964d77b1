package report

// The kinds of a [Drift].
const (
	DriftAttestedOnly = "attested-only" // the vendor lists it, and it was not found
	DriftFoundOnly    = "found-only"    // it was found, and the vendor does not list it
	DriftVersion      = "version"       // both have it, in different versions
)

// Count is the number of differences, which is what a threshold is held against: each
// item weighs one, whatever its kind. A nil report counts 0 and says nothing: no bills
// were compared, which is not the same as bills that agree.
func (d *SBOMDriftReport) Count() int {
	if d == nil {
		return 0
	}
	return len(d.Items)
}
