// Package hardentest makes images and containers out of the examples in checks, for
// tests. Nothing but tests imports it.
//
// Start reading at [Image].
package hardentest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"testing/fstest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/harden/imagecheck"
)

// Now is the time at which examples are looked at.
func Now() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

// image is the JSON form of an example of an image.
type image struct {
	Config  v1.Config `json:"config"`
	Created time.Time `json:"created"`
	History []string  `json:"history"`
	Layers  []int64   `json:"layers"`
	Files   []struct {
		Path string `json:"path"`
		Mode string `json:"mode"` // octal, with setuid, setgid and sticky; 0644 when empty
		Dir  bool   `json:"dir"`
		Link string `json:"link"`
		Text string `json:"text"`
		UID  int    `json:"uid"`
		GID  int    `json:"gid"`
		Caps bool   `json:"caps"`
	} `json:"files"`
}

// Image reads an example: the configuration, and the files with their modes.
func Image(text string) (imagecheck.Input, error) {
	var e image
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return imagecheck.Input{}, fmt.Errorf("read the example of an image: %w", err)
	}
	in := imagecheck.Input{
		Reference: "example", Now: Now(), Layers: e.Layers,
		Config: &v1.ConfigFile{Config: e.Config, Created: v1.Time{Time: e.Created}},
	}
	for _, h := range e.History {
		in.Config.History = append(in.Config.History, v1.History{CreatedBy: h})
	}
	files := fstest.MapFS{}
	for _, f := range e.Files {
		if f.Mode == "" {
			f.Mode = "0644"
		}
		n, err := strconv.ParseUint(f.Mode, 8, 32)
		if err != nil {
			return imagecheck.Input{}, fmt.Errorf("mode of %s: %w", f.Path, err)
		}
		mode := fs.FileMode(n & 0o777)
		for bit, m := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
			if n&bit != 0 {
				mode |= m
			}
		}
		data := []byte(f.Text)
		switch {
		case f.Dir:
			mode |= fs.ModeDir
		case f.Link != "":
			mode, data = fs.ModeSymlink|0o777, []byte(f.Link)
		}
		h := &tar.Header{Uid: f.UID, Gid: f.GID}
		if f.Caps {
			h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01"}
		}
		files[f.Path] = &fstest.MapFile{Data: data, Mode: mode, Sys: h}
	}
	in.FS = files
	return in, nil
}
