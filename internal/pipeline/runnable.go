package pipeline

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden/runcheck"
	"github.com/imagegate/imagegate/internal/registry"
)

// runnable is what an engine is asked to run: an image of a registry by the digest that
// is judged, one of the engine by its name, and one of a file as an archive to load.
func runnable(img *registry.Image, man *registry.Manifest, opt *runcheck.Options) (name string) {
	switch img.Source {
	case registry.SourceRegistry:
		return img.Repository + "@" + man.Descriptor.Digest.String()
	case registry.SourceDocker:
		return strings.TrimPrefix(img.Reference, registry.SourceDocker+":")
	}
	opt.Archive = func(ctx context.Context, w io.Writer, name string) error { return save(ctx, img, man, w, name) }
	return img.Reference
}

// Runnable prepares opt for running ref, which may name a file; the platform is that of
// cfg. The returned function closes what was opened for it, and is never nil.
func Runnable(ctx context.Context, cfg *config.Config, ref string, opt *runcheck.Options) (name string, done func() error, err error) {
	done = func() error { return nil }
	kind, rest, _ := strings.Cut(ref, ":")
	switch kind {
	case registry.SourceOCIDir, registry.SourceDockerArchive:
	case registry.SourceDocker:
		if port, _, path := strings.Cut(rest, "/"); rest == "" || path && strings.Trim(port, "0123456789") == "" {
			return ref, done, nil // a registry by the name of docker
		}
		return rest, done, nil
	default:
		return ref, done, nil
	}
	want, err := v1.ParsePlatform(cfg.Platform)
	if err != nil {
		return "", done, fault.Usagef("read the platform", "write os/arch, such as linux/arm64", "%q is no platform", cfg.Platform)
	}
	img, err := registry.Open(ctx, ref, registry.Options{Timeout: cfg.Timeout})
	if err != nil {
		return "", done, err
	}
	man, err := img.Manifest(ctx, *want)
	if err != nil {
		return "", img.Close, err
	}
	return runnable(img, man, opt), img.Close, nil
}

// save writes an image as docker save does (moby, "Docker Image Specification v1.2",
// "Combined Image JSON + Filesystem Changeset Format"), with its layers as they are.
func save(ctx context.Context, img *registry.Image, man *registry.Manifest, w io.Writer, name string) error {
	t := tar.NewWriter(w)
	file := func(name string, size int64, content io.Reader) error {
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err := io.Copy(t, content)
		return err
	}
	configName := man.Manifest.Config.Digest.Hex + ".json"
	if err := file(configName, int64(len(man.ConfigRaw)), bytes.NewReader(man.ConfigRaw)); err != nil {
		return err
	}
	layers := []string{}
	for i, d := range man.Manifest.Layers {
		blob, err := img.Layer(ctx, d)
		if err != nil {
			return err
		}
		layer := fmt.Sprintf("%d-%s.tar", i, d.Digest.Hex)
		err = file(layer, d.Size, blob)
		if closed := blob.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return fmt.Errorf("layer %s: %w", d.Digest, err)
		}
		layers = append(layers, layer)
	}
	list, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{name}, "Layers": layers}})
	if err != nil {
		return err
	}
	if err := file("manifest.json", int64(len(list)), bytes.NewReader(list)); err != nil {
		return err
	}
	return t.Close()
}
