package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/internal/durable"
	"github.com/doorstep-sync/doorstep/server/store"
	"github.com/doorstep-sync/doorstep/syncengine"
)

func restoreCommand(out, errs io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	var how restoring
	cmd := &cobra.Command{
		Use: "restore BACKUP", Short: "Put a backup of the database in place and begin a new epoch",
		Long: `Put a backup of the database in place and begin a new epoch. The centre must not run.

The backup is verified first, whole, by its chains, and against FILE.manifest.json if that lies beside it. The present
database is set aside in the data folder, not deleted. county.key stays: it is what devices prove their
copies with, and it is in no backup of the database. After the start no device is served before an administrator has
looked at grants and revocations and confirmed them: what was revoked after the backup is not revoked in it. Then the
devices offer again what the backup lacks.

A backup of another centre than the one in the data folder is refused, unless --other-centre says that it is meant.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("restore takes one backup file; '%s --help' says how", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			r, aside, err := restore(c, newLog(errs, c, now), args[0], how, now())
			if err != nil {
				return err
			}
			tell(out, "restored to seq %d, epoch %d begins; start the centre, check grants and revocations, then confirm (doorstep restore confirm).\n", r.Head, r.Epoch)
			if !how.unverified {
				uncompared(out, args[0])
			}
			if aside != "" {
				tell(out, "the database before: %s\n", aside)
			}
			return nil
		},
	}
	addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&how.unverified, "unverified", false, "take a backup that is found damaged, for want of a better one")
	cmd.Flags().BoolVar(&how.otherCentre, "other-centre", false, "take the backup of another centre, which takes the place of this one")
	return cmd
}

// restoring is what a person has said to put in place all the same.
type restoring struct{ unverified, otherCentre bool }

// restore puts the backup in place. Whatever goes wrong before the last rename leaves the data folder as it was.
func restore(c config, log zerolog.Logger, backup string, how restoring, now time.Time) (r syncengine.Restore, aside string, err error) {
	if _, err := os.Stat(backup); err != nil {
		return r, "", usage("the backup %s cannot be read: %v; correct the path", backup, cause(err)) // and no folder is made
	}
	declared, err := loadSchema(c.Schema)
	if err != nil {
		return r, "", err
	}
	f, err := openFolder(c.Data)
	if err != nil {
		return r, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	db, fresh := f.file("doorstep.db"), f.file("doorstep.db.restoring")
	if err := ownCounty(db, c.County); err != nil {
		return r, "", err
	}
	mark := epochMark{f.file(countyEpochFile), log}
	newest := mark.Newest()
	open := func(path string) (*store.Store, error) { return store.Open(path, declared, store.WithCounty(c.County)) }
	if _, statErr := os.Stat(db); statErr == nil { // it may be what is broken: then the file beside it has to do
		if s, err := open(db); err == nil {
			_ = s.View(func(tx syncengine.ReadTx) error {
				head, err := tx.Head()
				newest = max(newest, head.Epoch)
				return err
			})
			if err := s.Close(); err != nil {
				return r, "", err
			}
		}
	}
	if err := copyBackup(backup, fresh); err != nil {
		return r, "", err
	}
	if !how.unverified {
		if err := verified(backup, fresh, c.County); err != nil {
			return r, "", errors.Join(failed("%s is not in order, nothing was changed; take another backup, or this one with --unverified: %w", backup, err), os.Remove(fresh))
		}
	}
	if !how.otherCentre {
		if err := ownCentre(db, fresh, backup, c.County); err != nil {
			return r, "", errors.Join(err, removeCopy(fresh))
		}
	}
	s, err := open(fresh)
	if err != nil {
		return r, "", errors.Join(failed("%s cannot be used as a backup; nothing was changed: %w", backup, err), os.Remove(fresh))
	}
	r, err = beginEpoch(syncengine.New(declared, syncengine.DefaultLimits), s, newest, now.UnixMilli())
	if err = errors.Join(err, s.Close()); err != nil {
		return r, "", err
	}
	if err := mark.remember(r.Epoch); err != nil {
		return r, "", err
	}
	before := asideName(db, now)
	for _, end := range []string{"-wal", "-shm", ""} {
		if _, err := os.Stat(db + end); err != nil {
			continue
		}
		if err := os.Rename(db+end, before+end); err != nil {
			return r, "", failed("set the present database aside: %w", err)
		}
		aside = before
	}
	if err := os.Rename(fresh, db); err != nil {
		return r, aside, failed("put the backup in place: %w", err)
	}
	log.Warn().Int64("epoch", r.Epoch).Int64("head", r.Head).Msg("a backup was put in place")
	return r, aside, durable.SyncFolder(filepath.Dir(db))
}

// removeCopy removes a copy that was only read, with what reading it left beside it.
func removeCopy(path string) error {
	for _, end := range []string{"-wal", "-shm", ""} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// verified checks the copy of a backup as a drill does: whole, by its chains, and against its manifest.
func verified(backup, fresh string, county int64) error {
	copied, err := store.CheckCopy(fresh, county)
	if err != nil {
		return err
	}
	return compare(backup, copied)
}

// asideName is a name that no database was set aside under yet: who restores twice in a second keeps both.
func asideName(db string, now time.Time) string {
	name := db + ".before-" + now.UTC().Format("20060102T150405")
	for n, free := 2, name; ; n++ {
		if _, err := os.Lstat(free); errors.Is(err, os.ErrNotExist) {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

// copyBackup copies a file and has it on the disk when it returns.
func copyBackup(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return usage("the backup %s cannot be read: %v; correct the path", from, cause(err))
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return failed("copy the backup: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return failed("copy the backup: %w", err)
	}
	return nil
}

// confirmCommand confirms without a running centre; while it runs, an administrator confirms over REST.
func confirmCommand(out, errs io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	cmd := &cobra.Command{
		Use: "confirm", Short: "Confirm grants and revocations after a restore, while the centre does not run", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			did, err := confirm(c, now())
			if err != nil {
				return err
			}
			if !did {
				tell(out, "no restore waits for confirmation\n")
				return nil
			}
			tell(out, "confirmed: devices are served again\n")
			return nil
		},
	}
	addFlags(cmd.Flags())
	return cmd
}

func confirm(c config, now time.Time) (did bool, err error) {
	if _, err := database(c); err != nil {
		return false, err // and no folder is made
	}
	declared, err := loadSchema(c.Schema)
	if err != nil {
		return false, err
	}
	f, err := openFolder(c.Data)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := ownCounty(f.file(databaseFile), c.County); err != nil {
		return false, err
	}
	s, err := store.Open(f.file(databaseFile), declared, store.WithCounty(c.County))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = s.Update(func(tx syncengine.Tx) (err error) {
		did, err = syncengine.New(declared, syncengine.DefaultLimits).Confirm(tx, "doorstepd confirm", now.UnixMilli())
		return err
	})
	return did, err
}
