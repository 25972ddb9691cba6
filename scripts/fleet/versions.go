package fleet

import (
	"path/filepath"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

var _ simtest.Updater = (*Device)(nil)

// Upgrade implements simtest.Updater: the next program opens the file. That it may be killed while it does is another
// test's subject: opening makes several commits.
func (d *Device) Upgrade(s *schema.Schema, clock replica.Clock) error {
	d.clock = clock
	must(d.Close())
	d.begin()
	d.schema = s
	r, err := device.Open(d.path(), d.options())
	must(err)
	d.replica = r
	d.open()
	return nil
}

// RunVersions lets the world of a seed with phones of several versions live over files in dir.
func RunVersions(dir string, seed uint64, opts simtest.Options) simtest.Report {
	return over(dir, opts, func(opts simtest.Options) simtest.Report { return simtest.RunVersions(seed, opts) })
}

// over runs a world with everything that it makes in dir.
func over(dir string, opts simtest.Options, run func(simtest.Options) simtest.Report) simtest.Report {
	var open []interface {
		Close() error
		sound() error
	}
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
		d := NewDevice(filepath.Join(dir, account+id[:8]), s, id, account)
		open = append(open, d)
		return d
	}
	r := run(opts)
	for _, x := range open {
		if err := x.sound(); err != nil && r.Finding == "" {
			r.Finding = err.Error()
		}
	}
	return r
}
