package demo

import (
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/testkit"
)

// Versions that several parts of the demo speak of.
const (
	pythonVersion = "3.13.9"
	libcVersion   = "2.36-9%2Bdeb12u7" // as written in a package URL
	missedVersion = "2.36-9%2Bdeb12u6" // one version older, and one bit apart
	missedCVE     = "CVE-2026-4438"
)

// image describes the demo image, built at created and signed by key.
func image(key *testkit.Key, created time.Time) (testkit.Image, error) {
	img := testkit.Image{Name: Repository, Tags: []string{Tag, pythonVersion + "-debian12"}, Key: key}
	for _, arch := range []string{"amd64", "arm64"} {
		status, list, err := packages(arch)
		if err != nil {
			return img, fmt.Errorf("read the package database: %w", err)
		}
		root, err := rootFiles()
		if err != nil {
			return img, fmt.Errorf("read the root file system: %w", err)
		}
		root = append(root,
			testkit.File{Path: "etc/os-release", Symlink: "../usr/lib/os-release"},
			testkit.File{Path: "home/nonroot", Dir: true, Mode: 0o700, UID: 65532, GID: 65532},
			testkit.File{Path: "root", Dir: true, Mode: 0o700},
			testkit.File{Path: "tmp", Dir: true, Mode: 0o1777},
		)
		python, err := runtime(created)
		if err != nil {
			return img, err
		}
		p := testkit.Platform{
			Platform: v1.Platform{OS: "linux", Architecture: arch},
			Layers: []testkit.Layer{
				{Files: append(root, installed(status, list)...)},
				{Files: python, Compression: testkit.Zstd},
			},
			Config: v1.ConfigFile{
				Created: v1.Time{Time: created},
				Config: v1.Config{
					User:       "65532:65532",
					WorkingDir: "/home/nonroot",
					Entrypoint: []string{"/opt/python/bin/python3"},
					Env:        []string{"PATH=/opt/python/bin:/usr/bin:/bin", "PYTHON_VERSION=" + pythonVersion},
					Labels:     labels(created),
				},
			},
		}
		if p.Attestations, err = attestations(list, created); err != nil {
			return img, err
		}
		img.Platforms = append(img.Platforms, p)
	}
	return img, nil
}

// runtime is the layer with the interpreter, for which a line of text stands.
func runtime(created time.Time) ([]testkit.File, error) {
	own, err := indented(spdx(Repository, []component{python}, created))
	if err != nil {
		return nil, err
	}
	return []testkit.File{
		{Path: "opt/python/bin/python3.13", Mode: 0o755, Content: []byte("This file stands for the interpreter; the demo runs nothing.\n")},
		{Path: "opt/python/bin/python3", Symlink: "python3.13"},
		{Path: "opt/docker/sbom/python/.spdx.python.json", Content: own},
		{Path: "opt/docker/sbom/.spdx.json", Symlink: "python/.spdx.python.json"},
	}, nil
}

// labels are those of a DHI runtime image of Debian 12.
func labels(created time.Time) map[string]string {
	l := testkit.Labels(Repository, pythonVersion+"-debian12", created)
	l["com.docker.dhi.distro"] = "debian-12"
	l["com.docker.dhi.date.release"] = "2024-10-07"
	l["com.docker.dhi.definition"] = "image/python/debian-12/3.13"
	l["com.docker.dhi.title"] = "Python 3.13.x"
	return l
}
