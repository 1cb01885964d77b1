package report

// Kind says what came of looking at one thing. It is the vocabulary of the gate's one
// promise: what could not be looked at is never a pass. The policy has a row for each
// kind and stage.
type Kind string

const (
	// Found: looked and found. The finding itself is in a list of its own.
	Found Kind = "found"
	// FoundNone: looked everywhere and found nothing where something belongs.
	FoundNone Kind = "found-none"
	// Unread: could not look, or not to the end. Something may be there.
	Unread Kind = "could-not-look"
	// LeftOut: not looked at on purpose, by a bound or a rule.
	LeftOut Kind = "left-out"
	// Information: everything was looked at, and this is worth knowing.
	Information Kind = "information"
)

// Kinds lists the kinds.
func Kinds() []Kind { return []Kind{Found, FoundNone, Unread, LeftOut, Information} }

// StageNames lists the stages in the order in which they are told.
func StageNames() []string {
	return []string{StageResolve, StagePull, StageSBOM, StageAttest, StageVuln, StageVEX, StageHarden, StageRun}
}

// Observation is one thing that a stage saw beside what its own lists hold. A stage
// returns its observations together with its result, so that none is lost.
type Observation struct {
	Stage string `json:"stage"`
	Kind  Kind   `json:"kind"`
	// Family is the family of attestations that it concerns; "" when it may be any, and for
	// other stages.
	Family string `json:"family,omitempty"`
	// Message is a sentence. It may quote text of the image, the registry or a document.
	Message string `json:"message"`
	// Count is how many things it speaks of; 0 means one.
	Count int `json:"count,omitempty"`
	// Platform is set in a run over several platforms.
	Platform string `json:"platform,omitempty"`
}

// N is how many things the observation speaks of.
func (o Observation) N() int { return max(o.Count, 1) }
