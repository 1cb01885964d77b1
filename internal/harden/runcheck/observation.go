// Package runcheck starts an image as a hardened container through the Docker Engine
// API (Docker, or podman's compatible socket) and says what it saw: whether it starts,
// what it tries to write, who it is, and how it stops.
//
// It starts exactly one container at a time and removes it whatever happens, and so it
// does with an image that it had to load. What the engine pulls stays with it, and
// nothing else of the engine is changed. Where there is no engine it says that it could not look; what could not be seen is
// undecided.
//
// Start reading at [Run], then [Judge]; the checks themselves are in checks.go and
// need no engine.
package runcheck

import (
	"encoding/json"
	"strings"
)

// Observation is what was seen of one container.
type Observation struct {
	Image string `json:"image"`
	// Engine names the engine and its version.
	Engine string `json:"engine,omitempty"`
	// User, Tmpfs with the size of each, Memory (bytes), PIDs, Network, and what replaced
	// the image's own Entrypoint and Cmd are how it was started.
	User       string   `json:"user"`
	Tmpfs      []string `json:"tmpfs,omitempty"`
	TmpfsSize  string   `json:"tmpfsSize,omitempty"`
	Memory     int64    `json:"memory,omitempty"`
	PIDs       int64    `json:"pids,omitempty"`
	Network    string   `json:"network,omitempty"`
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
	// Volumes are those that the image declares: writable whatever the root is.
	Volumes []string `json:"volumes,omitempty"`

	// Started is true when the engine could start the program; StartError why not.
	Started    bool   `json:"started"`
	StartError string `json:"startError,omitempty"`
	// Running is true when it was still there at the end of the time of observation;
	// ExitCode and OOM say how it ended by itself.
	Running  bool `json:"running"`
	ExitCode int  `json:"exitCode"`
	OOM      bool `json:"oom,omitempty"`
	// Log are the last lines of its output, cut to a bounded length.
	Log []string `json:"log,omitempty"`

	// Denied are paths that it tried to write and could not, as its output says;
	// Changed are paths that it wrote where the root was writable.
	Denied  []string `json:"denied,omitempty"`
	Changed []string `json:"changed,omitempty"`
	// Probed is true when the image was also run with a writable root.
	Probed bool `json:"probed,omitempty"`

	// Status is what /proc says of the first process; nil when it could not be read.
	Status *Status `json:"status,omitempty"`
	// Zombies is the number of dead children that were not reaped; -1 when not known.
	Zombies int `json:"zombies"`

	// Stop is how it stopped when asked; nil when it was not asked.
	Stop *Stop `json:"stop,omitempty"`
}

// Status are lines of /proc/PID/status (proc(5)).
type Status struct {
	UID        int    `json:"uid"`
	GID        int    `json:"gid"`
	CapEff     string `json:"capEff"`
	CapPrm     string `json:"capPrm"`
	CapBnd     string `json:"capBnd"`
	NoNewPrivs int    `json:"noNewPrivs"`
	Seccomp    int    `json:"seccomp"`
}

// Stop is the end of a container that was asked to stop.
type Stop struct {
	// Signal is what was sent, Grace how many seconds it had.
	Signal string `json:"signal"`
	Grace  int    `json:"grace"`
	// Killed is true when the time was not enough.
	Killed   bool `json:"killed"`
	ExitCode int  `json:"exitCode"`
	// Milliseconds it took; 0 when no clock was given.
	Milliseconds int64 `json:"milliseconds,omitempty"`
}

// ParseObservation reads the JSON form.
func ParseObservation(data []byte) (*Observation, error) {
	o := &Observation{Zombies: -1}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(o); err != nil {
		return nil, err
	}
	return o, nil
}
