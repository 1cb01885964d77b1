package cli

import (
	"os"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
)

// cacheDir gives the run a directory for the database: the configured one, or with
// cache: false one that the returned function removes.
func (a *app) cacheDir(cfg *config.Config) (cleanup func(), err error) {
	if cfg.Cache && cfg.CacheDir != "" {
		return func() {}, nil
	}
	dir, err := os.MkdirTemp("", "imagegate-cache-")
	if err != nil {
		return nil, fault.New(fault.Internal, "make a directory for the database", "free disk space, or give cache-dir", err)
	}
	cfg.CacheDir = dir
	return func() { _ = os.RemoveAll(dir) }, nil
}
