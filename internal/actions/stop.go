package actions

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
)

// StopCommands calls write with a writer on which workflow commands have no effect,
// and makes the runner listen again afterwards, whatever write returns. The word that
// ends the silence is random, so the text cannot say it.
//
// It protects text that is shown raw, such as the report for a terminal.
func (r *Runner) StopCommands(write func(w io.Writer) error) error {
	token := "imagegate-" + rand.Text()
	if err := r.issue("stop-commands", nil, token); err != nil {
		return err
	}
	wrote := write(r.out)
	if wrote != nil {
		wrote = fmt.Errorf("write with workflow commands stopped: %w", wrote)
	}
	return errors.Join(wrote, r.issue(token, nil, ""))
}
