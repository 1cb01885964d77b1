package sbom

import (
	"cmp"
	"runtime"
	"time"
)

// Options tune [Extract]. The zero value is ready to use.
type Options struct {
	// Tool and Version name the program in what is written. "" means imagegate and dev.
	Tool, Version string
	// Created is written as the time of the documents, in UTC and whole seconds. The
	// zero time is written as 1970-01-01T00:00:00Z.
	Created time.Time
	// Parallel is how many files are cataloged at once. 0 means one for each core that
	// the program may use.
	Parallel int
	// MaxEmbedded is the largest SBOM read inside the image, in bytes. 0 means 64 MiB.
	MaxEmbedded int64
	// MaxWarnings bounds the files that are each named as unread; one more observation
	// says how many there are. 0 means 100.
	MaxWarnings int
	// MaxUnpacked bounds what Java archives take on disk while they are cataloged, with
	// all archives in them and all at one time, in bytes. One that needs more by itself
	// is not cataloged and told as unread. 0 means 4 GiB.
	MaxUnpacked int64
	// MaxRatio is how many times its size an archive may take. It applies from 256 MiB
	// on. 0 means 250.
	MaxRatio int64
	// MaxNesting is how many levels of archives may be in an archive. 0 means 8.
	MaxNesting int
	// MaxDirectory bounds the list of what is in one archive, in bytes. 0 means 32 MiB,
	// which is some 300,000 entries.
	MaxDirectory int64
	// MaxText bounds the descriptions and licenses of one archive, with all archives in
	// it, which are held in memory, in bytes. 0 means 64 MiB.
	MaxText int64
	// Grace is how long a cataloger is waited for that goes on when its time is over. 0
	// means 10 seconds.
	Grace time.Duration
	// TempDir is where databases and archives are copied to while they are looked into.
	// "" means the system's directory for temporary files.
	TempDir string
}

func (o Options) withDefaults() Options {
	o.Tool = cmp.Or(o.Tool, "imagegate")
	o.Version = cmp.Or(o.Version, "dev")
	if o.MaxEmbedded <= 0 {
		o.MaxEmbedded = 64 << 20
	}
	if o.MaxWarnings <= 0 {
		o.MaxWarnings = 100
	}
	if o.MaxUnpacked <= 0 {
		o.MaxUnpacked = 4 << 30
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	if o.MaxRatio <= 0 {
		o.MaxRatio = 250
	}
	if o.MaxNesting <= 0 {
		o.MaxNesting = 8
	}
	if o.MaxDirectory <= 0 {
		o.MaxDirectory = 32 << 20
	}
	if o.MaxText <= 0 {
		o.MaxText = 64 << 20
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	return o
}
