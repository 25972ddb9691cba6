package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/clients/trust"
)

func (a *app) enrolCommand() *cobra.Command {
	var e device.Enrolment
	var flags *trustFlags
	var encrypt bool
	c := a.command("enrol", "enrol --server URL --code CODE [--label TEXT] [--encrypt]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if err := needFlags(cmd, "server", "code"); err != nil {
			return err
		}
		if err := checkServer(e.Centre); err != nil {
			return err
		}
		if err := errors.Join(tooLong("--code", e.Code, 64), tooLong("--label", e.Label, 100)); err != nil {
			return err
		}
		if e.Label == "" {
			e.Label = hostName()
		}
		var err error
		if e.Trust, err = flags.trust(trust.Trust{}); err != nil {
			return err
		}
		return a.enrol(cmd.Context(), e, encrypt)
	})
	c.Aliases = []string{"enroll"}
	c.Flags().StringVar(&e.Centre, "server", "", a.say("flag.server"))
	c.Flags().StringVar(&e.Code, "code", "", a.say("flag.code"))
	c.Flags().StringVar(&e.Label, "label", "", a.say("flag.label"))
	c.Flags().BoolVar(&encrypt, "encrypt", false, a.say("flag.encrypt"))
	flags = a.trustFlags(c)
	return c
}

// hostName is what a device is called that nobody named.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "doorstep"
	}
	return short(name, 60)
}

// needFlags says which flags are missing, all at once.
func needFlags(cmd *cobra.Command, names ...string) error {
	for _, n := range names {
		if f := cmd.Flags().Lookup(n); f == nil || f.Value.String() == "" {
			return misuse("flag_missing", n)
		}
	}
	return nil
}

// enrolled is what enrol tells programs.
type enrolled struct {
	Device  string   `json:"device"`
	Account string   `json:"account"`
	Centre  string   `json:"centre"`
	Replica string   `json:"replica"`
	Key     string   `json:"key"`
	Sync    *syncDoc `json:"sync"` // null: the first download is still to come
}

// enrol makes the replica, and takes it away again if the centre does not want it.
func (a *app) enrol(ctx context.Context, e device.Enrolment, encrypt bool) error {
	path := a.path()
	made, err := a.openOrMake(path, encrypt)
	if err != nil {
		return err
	}
	_, noKey := os.Stat(device.KeyPath(path))
	e.Client, e.Lang = a.Client, a.lang
	before, err := a.replica.Identity(ctx)
	if err != nil {
		return err
	}
	id, err := a.replica.Enrol(ctx, e)
	if err != nil {
		if made {
			a.discard(path, noKey != nil)
			if encrypt {
				_ = os.Remove(device.CipherPath(path)) // nothing is under it any more
			}
		}
		if device.CodeOf(err) == device.CodeOffline {
			return unreachable(err)
		}
		return err
	}
	known, err := a.replica.Trust(ctx)
	if err == nil {
		err = a.met(id.Centre, known) // signing in there needs no fingerprint any more
	}
	if err != nil {
		return err
	}
	doc := enrolled{id.Device, id.Account, id.Centre, absolute(path), absolute(device.KeyPath(path)), nil}
	if !a.json {
		a.print("enrolled", doc.Replica, doc.Key)
		if before.Device != "" {
			a.print("became", id.Device)
		}
	}
	return a.firstRound(ctx, doc)
}

// openOrMake opens the replica that is to be enrolled, and makes it if there is none.
func (a *app) openOrMake(path string, encrypt bool) (made bool, err error) {
	o, err := a.options()
	if err != nil {
		return false, err
	}
	_, missing := os.Stat(path)
	made = missing != nil
	if made && encrypt {
		err = a.newCipher(path, &o)
	} else {
		err = a.unlock(path, &o)
	}
	if err != nil {
		return made, err
	}
	if encrypt && o.Cipher == nil {
		return made, wrong("replica_in_clear", path)
	}
	if made {
		a.replica, err = device.Create(path, o)
	} else {
		a.replica, err = device.Open(path, o)
	}
	if err != nil {
		if made && encrypt {
			_ = os.Remove(device.CipherPath(path)) // nothing is under it
		}
		return made, a.creating(path, err)
	}
	return made, nil
}

// firstRound brings the records of a replica that has just been enrolled, and tells how it went.
func (a *app) firstRound(ctx context.Context, doc enrolled) error {
	if !a.json {
		a.warn("enrol_downloading")
	}
	report, err := a.round(ctx)
	if err == nil {
		s := a.syncDoc(report)
		doc.Sync = &s
	}
	if a.json {
		if e := a.emit(doc); e != nil {
			return e
		}
	} else if err == nil {
		a.printRound(*doc.Sync)
		if s, e := a.replica.Status(ctx); e == nil && len(s.Grants) == 0 {
			a.print("no_grants")
		}
	}
	return err
}

// creating says where the file could not be made.
func (a *app) creating(path string, err error) error {
	var d *device.Error
	if errors.As(err, &d) {
		return err
	}
	return wrong("replica_not_made", path).because(err)
}

// discard takes a replica away that belongs to nobody: nothing was ever written into it.
func (a *app) discard(path string, key bool) {
	_ = a.replica.Close()
	a.replica = nil
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(path + end)
	}
	if key {
		_ = os.Remove(device.KeyPath(path))
	}
}
