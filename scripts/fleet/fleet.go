// Package fleet runs the worlds of syncengine/simtest over real files: every device is a replica of clients/device,
// to which other programs write through connections of their own, and the centre is a store of server/store. The
// generator, the faults and the oracle are those of the worlds in memory, and the same seed must be the same world
// there and here, event for event.
//
// A process that ends leaves its files as they are at that moment, in the middle of a transaction: the next process
// opens a copy that was taken then, and SQLite recovers what its log holds. Nothing here cuts the power; scripts/prove
// does.
package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

// TempDir makes a folder for the files of one world: in memory (/dev/shm) where there is one, since the worlds wait for
// a disk at every commit and a real one makes them many times slower.
func TempDir() (string, error) {
	const memory = "/dev/shm"
	base := ""
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		base = memory
	}
	dir, err := os.MkdirTemp(base, "doorstep-fleet-")
	if err != nil && base != "" {
		return os.MkdirTemp("", "doorstep-fleet-")
	}
	return dir, err
}

// Run lets the world of a seed live over files in dir.
func Run(dir string, seed uint64, opts simtest.Options) simtest.Report {
	var open []interface{ Close() error }
	defer func() {
		for _, x := range open {
			_ = x.Close() // what matters was durable at each commit
		}
	}()
	opts.Make = func(s *schema.Schema) simtest.Centre {
		c := NewCentre(filepath.Join(dir, "centre"), s)
		open = append(open, c)
		return c
	}
	opts.Device = func(s *schema.Schema, id, account string) simtest.Device {
		d := NewDevice(filepath.Join(dir, account), s, id, account)
		open = append(open, d)
		return d
	}
	return simtest.Run(seed, opts)
}

// RunInMemory lets the same world live without files, but with the SDK's way of sealing what other programs wrote:
// what Run must come to.
func RunInMemory(seed uint64, opts simtest.Options) simtest.Report {
	opts.Device = func(s *schema.Schema, id, account string) simtest.Device {
		return &memory{simtest.NewMemDevice(s, id, account), s}
	}
	return simtest.Run(seed, opts)
}

// file is a database of a process that may end. Each process has its own copy of the file.
type file struct {
	base  string
	life  int
	image string // what a process that ended left, "" while it lives
}

func (f *file) path() string { return fmt.Sprintf("%s-%d.db", f.base, f.life) }

// end copies the files as they are, as they would be found after kill -9.
func (f *file) end() {
	if f.image != "" {
		return
	}
	f.image = fmt.Sprintf("%s-%d.db", f.base, f.life+1)
	for _, tail := range []string{"", "-wal"} { // not -shm: it is made anew by recovery
		b, err := os.ReadFile(f.path() + tail)
		if tail != "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(err)
		must(os.WriteFile(f.image+tail, b, 0o600))
	}
}

// next makes what was left the file of a new process. The old one has been closed.
func (f *file) next() {
	for _, tail := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(f.path() + tail)
	}
	f.life++
	f.image = ""
}

// dying calls a hook before a commit; if it ends the process, the files stay as they are now.
func (f *file) dying(hook func() error) error {
	defer func() {
		if r := recover(); r != nil {
			f.end()
			panic(r)
		}
	}()
	return hook()
}

// must ends the world with a finding: simtest reports panics.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("fleet: %v", err))
	}
}
