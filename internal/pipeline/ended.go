package pipeline

import (
	"context"
	"errors"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// ended is how a stage ended: how far it came, and what it saw beside its results. A stage
// returns one, so that it cannot end without saying so. The zero value has no state, which
// the verdict takes for an error.
type ended struct {
	report.Stage
	seen []report.Observation
	// fault is what kept the stage from its work.
	fault error
}

// ends is a stage that came to an end.
func ends(stage string, state report.State, reason string, seen ...report.Observation) ended {
	return ended{Stage: report.Stage{Name: stage, State: state, Reason: reason}, seen: seen}
}

// skipped is a stage that nobody asked for.
func skipped(stage string) ended { return ends(stage, report.Skipped, "not asked for") }

// failed is a stage that could not do its work.
func failed(stage string, err error, seen ...report.Observation) ended {
	e := blind(stage, err.Error(), fault.HintOf(err), seen...)
	e.fault = err
	return e
}

// blind is a stage that could not look, with the next step.
func blind(stage, reason, hint string, seen ...report.Observation) ended {
	e := ends(stage, report.Failed, reason, seen...)
	e.Hint = hint
	return e
}

// saw is one thing that a stage saw.
func saw(stage string, kind report.Kind, message string) report.Observation {
	return report.Observation{Stage: stage, Kind: kind, Message: message}
}

// end records how a stage ended. The fault of a stage that reads the image is the run's:
// without the image nothing is decided. So is a mistake in an option, which the user has
// to hear of.
func (p *platform) end(e ended) {
	p.mu.Lock()
	p.report.Stages = append(p.report.Stages, e.Stage)
	p.report.Observations = append(p.report.Observations, e.seen...)
	if err := e.fault; err != nil && (e.Name == report.StageResolve || e.Name == report.StagePull || errors.Is(err, context.Canceled) || fault.CodeOf(err) == fault.Usage) {
		p.faults = append(p.faults, err)
	}
	p.mu.Unlock()
	p.event(Event{Stage: e.Name, Platform: p.name, Done: true, State: e.State, Reason: e.Reason})
}

// observe records what was seen after the stage had ended.
func (p *platform) observe(seen ...report.Observation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Observations = append(p.report.Observations, seen...)
}
