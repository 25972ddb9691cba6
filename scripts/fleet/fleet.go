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
	"os"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
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
		dir, err = os.MkdirTemp("", "doorstep-fleet-")
	}
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir) // SQLite names its files so
}

// Run lets the world of a seed live over files in dir.
func Run(dir string, seed uint64, opts simtest.Options) simtest.Report {
	return over(dir, opts, func(opts simtest.Options) simtest.Report { return simtest.Run(seed, opts) })
}

// RunInMemory lets the same world live without files, but with the SDK's way of sealing what other programs wrote:
// what Run must come to.
func RunInMemory(seed uint64, opts simtest.Options) simtest.Report {
	opts.Device = func(s *schema.Schema, id, account string) simtest.Device {
		return &memory{simtest.NewMemDevice(s, id, account), s}
	}
	return simtest.Run(seed, opts)
}

// memory is simtest's replica with the SDK's way of sealing what other programs wrote.
type memory struct {
	*simtest.MemDevice
	schema *schema.Schema
}

// Seal implements simtest.Sealer.
func (m *memory) Seal(clock replica.Clock) error {
	return m.Update(func(tx replica.Tx) error {
		_, err := replica.Seal(tx, m.schema, clock, true)
		return err
	})
}
