package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
)

// DefaultFile is the configuration file that is read when none is named.
const DefaultFile = ".imagegate.yaml"

// maxSecret bounds a password read from a file or standard input, in bytes.
const maxSecret = 64 << 10

// Sources are where values come from. Nil functions mean that there is no such
// source.
type Sources struct {
	// Flags holds the values of the flags that were given, by option name.
	Flags map[string][]string
	// Input returns an action input by option name, "" when it was not given.
	Input func(name string) string
	// Getenv reads the environment for defaults (the cache directory).
	Getenv func(string) string
	// ReadFile reads the configuration file and the password file.
	ReadFile func(string) ([]byte, error)
	// Stdin is read for registry-password-stdin.
	Stdin io.Reader
	// GOOS and GOARCH are the machine's, for defaults.
	GOOS, GOARCH string
	// Only names the options that are read; the others have their defaults. Nil reads all.
	Only []string
}

// Load reads every source by the one precedence and checks every value. The error
// joins all mistakes; each is a *[fault.Error] with code Usage.
func Load(s Sources) (*Config, error) {
	c := &Config{}
	var errs []error

	named := firstOf(last(s.Flags["config"]), s.input("config"))
	file, rows, err := readConfigFile(s, named)
	if err != nil {
		errs = append(errs, err)
	}
	c.Trust = rows
	for _, o := range Options() {
		value, origin := s.value(o, file)
		if value == "" {
			continue
		}
		if err := o.apply(c, value); err != nil {
			shown := fmt.Sprintf("%q", value)
			if o.Secret {
				shown = "its value"
			}
			errs = append(errs, fault.Usagef("read option "+o.Name+" from "+origin,
				"run imagegate verify --help for the options and their values", "%s: %w", shown, err))
		}
		if o.Secret && origin != fromInput {
			c.Warnings = append(c.Warnings, secretWarning(o.Name, origin))
		}
	}
	errs = append(errs, c.finish(s)...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// The origins of a value, as messages name them.
const (
	fromFlag    = "a flag"
	fromInput   = "an action input"
	fromDefault = "the defaults"
)

func (s Sources) input(name string) string {
	if s.Input == nil {
		return ""
	}
	return s.Input(name)
}

// value finds the value of o and says where it came from.
func (s Sources) value(o Option, file map[string]string) (value, origin string) {
	if s.Only != nil && !slices.Contains(s.Only, o.Name) {
		return o.Default, fromDefault
	}
	names := []string{o.Name}
	if o.Alias != "" {
		names = append(names, o.Alias)
	}
	for _, n := range names {
		if given, ok := s.Flags[n]; ok {
			v := last(given)
			if o.Kind == List {
				v = strings.Join(given, "\n")
			}
			if v != "" {
				return v, fromFlag
			}
		}
	}
	if o.Use != FlagOnly {
		for _, n := range names {
			if v := s.input(n); strings.TrimSpace(v) != "" {
				return v, fromInput
			}
		}
		for _, n := range names {
			if v, ok := file[n]; ok && v != "" {
				return v, "the configuration file"
			}
		}
	}
	return o.Default, fromDefault
}

func (o Option) apply(c *Config, value string) error {
	if len(o.Values) > 0 {
		value = strings.ToLower(strings.TrimSpace(value))
		if !slices.Contains(o.Values, value) {
			return fmt.Errorf("want %s", strings.Join(o.Values, ", "))
		}
	}
	return o.set(c, value)
}

func secretWarning(name, origin string) string {
	if origin == fromFlag {
		return name + " was given as a flag, where other users of the machine can read it; use " + name + "-stdin or " + name + "-file"
	}
	return name + " stands in the configuration file, where everyone who reads the repository can read it; use " + name + "-file or an action input"
}

// finish fills what depends on several options or on the machine.
func (c *Config) finish(s Sources) []error {
	var errs []error
	if holdsLogin(c.Image) {
		c.Image = "" // and is shown nowhere
		errs = append(errs, fault.Usagef("read the image reference",
			"leave it out, and use registry-username with registry-password-stdin or registry-password-file", "it holds a login, or an @ that stands before no digest"))
	}
	if c.CacheDir == "" {
		c.CacheDir = defaultCacheDir(s)
	}
	if c.AllPlatforms && c.Platform != "" {
		errs = append(errs, fault.Usagef("read options", "drop one of them", "platform and platforms exclude each other"))
	}
	if c.Platform == "" {
		c.Platform = DefaultPlatform(s.GOARCH)
	}
	given := 0
	for _, set := range []bool{c.RegistryPassword != "", c.RegistryPasswordStdin, c.RegistryPasswordFile != ""} {
		if set {
			given++
		}
	}
	if given > 1 {
		errs = append(errs, fault.Usagef("read options", "keep one of them",
			"registry-password, registry-password-stdin and registry-password-file exclude each other"))
		return errs
	}
	if err := c.readPassword(s); err != nil {
		errs = append(errs, err)
	}
	if c.RegistryUsername == "" && c.RegistryPassword != "" {
		errs = append(errs, fault.Usagef("read options", "give registry-username too; with an organization access token it is the organization's name",
			"a registry password without a user"))
	}
	if c.RegistryUsername != "" && c.RegistryPassword == "" && given == 0 {
		errs = append(errs, fault.Usagef("read options", "give registry-password, registry-password-stdin or registry-password-file too",
			"a registry user without a password"))
	}
	return errs
}

// holdsLogin says whether a reference has a user, a password or a token in it, as URLs
// may. The only @ of a reference stands before a digest.
func holdsLogin(ref string) bool {
	for _, local := range []string{"oci-dir:", "docker-archive:"} {
		if strings.HasPrefix(ref, local) {
			return false
		}
	}
	if i := strings.LastIndexByte(ref, '@'); i >= 0 && strings.HasPrefix(ref[i+1:], "sha") && !strings.Contains(ref[i:], "/") {
		ref = ref[:i]
	}
	return strings.Contains(ref, "@")
}

// readPassword takes the password from the file or from standard input. One line
// break at the end is not part of it.
func (c *Config) readPassword(s Sources) error {
	var data []byte
	var err error
	switch {
	case c.RegistryPasswordFile != "" && s.ReadFile != nil:
		data, err = s.ReadFile(c.RegistryPasswordFile)
	case c.RegistryPasswordStdin && s.Stdin != nil:
		data, err = io.ReadAll(io.LimitReader(s.Stdin, maxSecret+1))
	default:
		return nil
	}
	if err == nil && len(data) > maxSecret {
		err = fmt.Errorf("longer than %d bytes", maxSecret)
	}
	if err == nil && len(strings.TrimRight(string(data), "\r\n")) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return fault.New(fault.Usage, "read the registry password",
			"registry-password-file names a file that holds the password and nothing else; registry-password-stdin reads it from standard input", err)
	}
	c.RegistryPassword = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	return nil
}

// readConfigFile returns the file's values by option name and its trust table; nil
// when no file is wanted, or none was named and there is none.
func readConfigFile(s Sources, named string) (map[string]string, []TrustRow, error) {
	if s.ReadFile == nil || named == None {
		return nil, nil, nil
	}
	name := firstOf(named, DefaultFile)
	data, err := s.ReadFile(name)
	if err != nil {
		if named == "" && errors.Is(err, fs.ErrNotExist) {
			return nil, nil, nil
		}
		return nil, nil, fault.New(fault.Usage, "read the configuration file "+name, "check the path, or leave out config", err)
	}
	values, rows, err := parseFile(data)
	if err != nil {
		return nil, nil, fault.New(fault.Usage, "read the configuration file "+name, "its keys are the options of imagegate verify --help, and trust", err)
	}
	return values, rows, nil
}

// DefaultPlatform is the platform of images that run on this machine: linux with its
// architecture, since hardened images are Linux images also where a desktop is not.
func DefaultPlatform(goarch string) string {
	if goarch == "" {
		goarch = "amd64"
	}
	return "linux/" + goarch
}

// defaultCacheDir follows os.UserCacheDir, with the environment passed in.
func defaultCacheDir(s Sources) string {
	getenv := s.Getenv
	if getenv == nil {
		return ""
	}
	if temp := getenv("RUNNER_TEMP"); s.Input != nil && temp != "" {
		return filepath.Join(temp, "imagegate-cache") // the folder that action.yml caches
	}
	switch s.GOOS {
	case "windows":
		if d := getenv("LocalAppData"); d != "" {
			return filepath.Join(d, "imagegate")
		}
	case "darwin":
		if d := getenv("HOME"); d != "" {
			return path.Join(d, "Library", "Caches", "imagegate")
		}
	default:
		if d := getenv("XDG_CACHE_HOME"); path.IsAbs(d) {
			return path.Join(d, "imagegate")
		}
		if d := getenv("HOME"); d != "" {
			return path.Join(d, ".cache", "imagegate")
		}
	}
	return ""
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// sortedKeys returns the keys of m in order, for messages.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
