package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/doorstep-sync/doorstep/internal/spelling"
	"github.com/doorstep-sync/doorstep/syncengine"
)

//go:embed defaults.yaml
var defaults []byte

const envPrefix = "DOORSTEP_"

// config is what serve was told; defaults.yaml says what each means.
type config struct {
	Listen         string
	Data           string
	County         int64
	Schema         string
	Origins        []string
	LogLevel       string
	LogFormat      string
	StopWithin     time.Duration
	MaxConnections int
	CodeLife       time.Duration
	HouseholdType  string
	CountyKey      string
	Quotas         syncengine.Quotas
	Retention      time.Duration // 0 = for ever
	SnapshotBytes  int
	HeavyBytes     int
	TLS            tlsConfig
	AnchorFolder   string
	AnchorEvery    int64         // entries of history
	RotateAfter    time.Duration // of signing keys; 0 = only by command
}

// settings gives the keys that flags may set, with what a flag is called.
var settings = map[string]string{"listen": "listen", "data": "data", "county": "county", "schema": "schema", "origins": "origin",
	"log.level": "log-level", "log.format": "log-format", "stop_within": "stop-within", "max_connections": "max-connections", "code_life": "code-life"}

func init() {
	for key, flag := range tlsSettings {
		settings[key] = flag
	}
}

func addFlags(f *pflag.FlagSet) {
	addTLSFlags(f)
	f.String("config", "", "YAML file with settings")
	f.String("listen", "", "address and port to listen on (default 127.0.0.1:8737)")
	f.String("data", "", "folder for the database and the keys (default ./doorstep-data)")
	f.String("county", "", "number of this installation's county (default 1)")
	f.String("schema", "", "folder with the county's own declarations")
	f.StringSlice("origin", nil, "page allowed to open sockets, such as https://console.example.org; may be repeated")
	f.String("log-level", "", "debug, info, warn or error (default info)")
	f.String("log-format", "", "json, console or auto (default auto)")
	f.String("stop-within", "", "how long stopping may take (default 20s)")
	f.String("max-connections", "", "sockets open at once (default 10000)")
	f.String("code-life", "", "how long an enrolment code may be used (default 15m)")
}

// source tells where each value came from, for messages.
type source struct {
	k     *koanf.Koanf
	where map[string]string // key → "the variable DOORSTEP_LISTEN"
}

// configure reads file < variables < flags and checks every value. unknown lists DOORSTEP_ variables that mean nothing.
func configure(flags *pflag.FlagSet, environ func() []string) (c config, unknown []string, err error) {
	s, unknown, err := gather(flags, environ)
	if err != nil {
		return c, nil, err
	}
	c, err = s.check()
	return c, unknown, err
}

// gather reads all values without checking them.
func gather(flags *pflag.FlagSet, environ func() []string) (s *source, unknown []string, err error) {
	s = &source{koanf.New("."), map[string]string{}}
	if err := s.k.Load(raw(defaults), yaml.Parser()); err != nil {
		return nil, nil, fmt.Errorf("bug: defaults.yaml: %w", err)
	}
	known := s.k.Keys()
	if err := s.file(flags, environ, known); err != nil {
		return nil, nil, err
	}
	if unknown, err = s.variables(environ, known); err != nil {
		return nil, nil, err
	}
	return s, unknown, s.flags(flags)
}

// raw is a koanf provider over bytes.
type raw []byte

func (r raw) ReadBytes() ([]byte, error)    { return r, nil }
func (r raw) Read() (map[string]any, error) { return nil, errors.New("bytes only") }

func (s *source) file(flags *pflag.FlagSet, environ func() []string, known []string) error {
	path, err := flags.GetString("config")
	if err != nil {
		return err
	}
	what := "--config"
	if path == "" {
		what = "the variable DOORSTEP_CONFIG"
		for _, e := range environ() {
			if v, ok := strings.CutPrefix(e, envPrefix+"CONFIG="); ok {
				path = v
			}
		}
	}
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() && what != "--config" {
		return nil // of the command line, which took the same variable for the folder of its sign-in once
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return usage("%s names %q, which cannot be read: %v; correct the path", what, path, cause(err))
	}
	return s.merge(path, text, known)
}

// merge takes over what a file sets.
func (s *source) merge(path string, text []byte, known []string) error {
	k := koanf.New(".")
	if err := k.Load(raw(text), yaml.Parser()); err != nil {
		return usage("%s is not valid YAML: %v; correct it", path, err)
	}
	for _, key := range k.Keys() {
		if !slices.Contains(known, key) {
			return usage("%s sets %q, which is no setting; %s", path, key, instead(key, known))
		}
		s.where[key] = key + " in " + path
	}
	return s.k.Merge(k)
}

func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// clientVariables are those of the command line, which may work in the same environment.
var clientVariables = []string{envPrefix + "LANG", envPrefix + "SETTINGS", envPrefix + "REPLICA", envPrefix + "HOME", envPrefix + "PIN_FILE"}

// variableOf is the name of the variable of a setting.
func variableOf(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// stray is a DOORSTEP_ variable that means nothing, and what it may have been meant to be.
type stray struct {
	name string
	hint error
}

func strays(environ func() []string) (out []stray) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	addFlags(flags)
	s, unknown, err := gather(flags, func() []string { return without(environ(), envPrefix+"CONFIG=") })
	if err != nil {
		return nil // said by whoever needs the settings
	}
	known := append([]string{envPrefix + "CONFIG"}, clientVariables...)
	for _, key := range s.k.Keys() {
		known = append(known, variableOf(key))
	}
	for _, name := range unknown {
		out = append(out, stray{name, insteadOf(name, known)})
	}
	return out
}

// insteadOf is instead for names that all begin alike.
func insteadOf(name string, known []string) error {
	typed := strings.TrimPrefix(name, envPrefix)
	best := spelling.Nearest(name, known, func(string) int { return len(typed) / 2 })
	if best == "" {
		return failed("remove it; 'doorstepd serve --print-config' lists the settings")
	}
	return failed("did you mean %q? Otherwise remove it", best)
}

func without(environ []string, start string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(e string) bool { return strings.HasPrefix(e, start) })
}

func (s *source) variables(environ func() []string, known []string) (unknown []string, err error) {
	err = s.k.Load(env.Provider(".", env.Opt{Prefix: envPrefix, EnvironFunc: environ, TransformFunc: func(name, value string) (string, any) {
		for _, key := range known {
			if name != variableOf(key) {
				continue
			}
			s.where[key] = "the variable " + name
			if key == "origins" || key == "tls.names" {
				return key, split(value)
			}
			return key, value
		}
		if name != envPrefix+"CONFIG" && !slices.Contains(clientVariables, name) {
			unknown = append(unknown, name)
		}
		return "", nil
	}}), nil)
	return unknown, err
}

func split(list string) []string {
	var out []string
	for _, s := range strings.Split(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (s *source) flags(flags *pflag.FlagSet) error {
	return s.k.Load(posflag.ProviderWithFlag(flags, ".", s.k, func(f *pflag.Flag) (string, any) {
		if !f.Changed {
			return "", nil
		}
		for key, flag := range settings {
			if flag == f.Name {
				s.where[key] = "--" + f.Name
				return key, posflag.FlagVal(flags, f)
			}
		}
		return "", nil
	}), nil)
}

// wrong is the sentence about a value: what it is called where it was given, the value, and what it must be.
func (s *source) wrong(key string, must any) error {
	where := s.where[key]
	if where == "" {
		where = key
	}
	what := any(where)
	if name, ok := strings.CutPrefix(where, "the variable "); ok {
		what = failed("the variable %s", name)
	}
	return usage("%s is %q; it must be %s", what, s.k.String(key), must)
}

func (s *source) check() (c config, err error) {
	k := s.k
	c = config{Listen: k.String("listen"), Data: k.String("data"), Schema: k.String("schema"), Origins: k.Strings("origins"),
		LogLevel: k.String("log.level"), LogFormat: k.String("log.format"), HouseholdType: k.String("staffing.record"), CountyKey: k.String("county_key")}
	if !validAddress(c.Listen) {
		return c, s.wrong("listen", failed("an address and a port from 0 to 65535, such as 127.0.0.1:8737 or :8737"))
	}
	if strings.TrimSpace(c.Data) == "" || strings.ContainsRune(c.Data, 0) {
		return c, s.wrong("data", failed("the path of a folder, such as ./doorstep-data"))
	}
	if c.County, err = strconv.ParseInt(k.String("county"), 10, 64); err != nil || c.County < 1 {
		return c, s.wrong("county", failed("a whole number from 1, such as 370115"))
	}
	if n, err := strconv.Atoi(k.String("max_connections")); err != nil || n < 1 || n > 1_000_000 {
		return c, s.wrong("max_connections", failed("a whole number from 1 to 1000000"))
	} else {
		c.MaxConnections = n
	}
	if c.Quotas, err = s.quotas(); err != nil {
		return c, err
	}
	if n, err := strconv.Atoi(k.String("retention_days")); err != nil || n < 0 || n > 36500 {
		return c, s.wrong("retention_days", failed("a whole number of days from 0 to 36500, 0 for ever"))
	} else {
		c.Retention = time.Duration(n) * 24 * time.Hour
	}
	if n, err := strconv.Atoi(k.String("snapshots_mib")); err != nil || n < 1 || n > 65536 {
		return c, s.wrong("snapshots_mib", failed("a whole number from 1 to 65536"))
	} else {
		c.SnapshotBytes = n << 20
	}
	if n, err := strconv.Atoi(k.String("heavy_mib")); err != nil || n < 8 || n > 65536 {
		return c, s.wrong("heavy_mib", failed("a whole number from 8 to 65536"))
	} else {
		c.HeavyBytes = n << 20
	}
	c.AnchorFolder = k.String("anchors.folder")
	if c.AnchorEvery, err = strconv.ParseInt(k.String("anchors.every"), 10, 64); err != nil || c.AnchorEvery < 1 || c.AnchorEvery > 1_000_000 {
		return c, s.wrong("anchors.every", failed("a whole number from 1 to 1000000"))
	}
	for _, d := range []struct {
		key         string
		field       *time.Duration
		least, most time.Duration
		such        string
	}{{"stop_within", &c.StopWithin, time.Second, 10 * time.Minute, "20s"}, {"code_life", &c.CodeLife, time.Minute, 24 * time.Hour, "15m"}, {"keys.rotate_after", &c.RotateAfter, 0, 87600 * time.Hour, "2160h"}} {
		v, err := time.ParseDuration(k.String(d.key))
		if err != nil || v < d.least || v > d.most {
			return c, s.wrong(d.key, failed("a duration from %v to %v, such as %s", d.least, d.most, d.such))
		}
		*d.field = v
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel) {
		return c, s.wrong("log.level", failed("debug, info, warn or error"))
	}
	if !slices.Contains([]string{"auto", "json", "console"}, c.LogFormat) {
		return c, s.wrong("log.format", failed("auto, json or console"))
	}
	c.TLS, err = s.checkTLS()
	return c, err
}

func (s *source) quotas() (q syncengine.Quotas, err error) {
	var n [4]int64
	for i, key := range []string{"quotas.refused", "quotas.refused_mib", "quotas.scope_rows", "quotas.candidates"} {
		if n[i], err = strconv.ParseInt(s.k.String(key), 10, 64); err != nil || n[i] < 0 || n[i] > 1e9 {
			return q, s.wrong(key, failed("a whole number from 0 (no bound) to 1000000000"))
		}
	}
	return syncengine.Quotas{Refused: int(n[0]), RefusedBytes: n[1] << 20, ScopeRows: n[2], Candidates: int(n[3])}, nil
}

func validAddress(listen string) bool {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535 && port == strconv.Itoa(n)
}
