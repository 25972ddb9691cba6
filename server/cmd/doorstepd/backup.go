package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/server/store"
)

// manifest stands beside a backup and says what it must be.
type manifest struct {
	County int64     `json:"county"`
	Made   time.Time `json:"made"`
	By     string    `json:"by"`
	store.Copy
}

func manifestOf(backup string) string { return backup + ".manifest.json" }

func backupCommand(out io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use: "backup --to FILE", Short: "Copy the database while the centre runs, and verify the copy", Args: noArgs,
		Long: `Copy the database to FILE while the centre runs (or while it does not), check the copy whole and by its chains, and write
FILE.manifest.json beside it. Keys are not in it: copy signing-keys.pem, sealing-keys.json, county.key and
tls-authority.pem (those that are there) once, and again after every rotation, to a place that the backups do not lie
in. Nothing opens sealed columns without sealing-keys.json.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			path, err := database(c)
			if err != nil {
				return err
			}
			if to == "" {
				return usage("where to? Give --to FILE")
			}
			if info, err := os.Stat(filepath.Dir(to)); err != nil || !info.IsDir() {
				return usage("there is no folder %s to write the backup to; make it, or correct --to", filepath.Dir(to))
			}
			if _, err := os.Lstat(to); err == nil {
				return usage("%s is there already and is never written over; choose a new name", to)
			}
			m, err := backup(path, to, c.County, now)
			if err != nil {
				return err
			}
			tell(out, "backed up: %s, %d:%d, %d bytes\n", to, m.Epoch, m.Seq, m.Bytes)
			return nil
		},
	}
	addFlags(cmd.Flags())
	cmd.Flags().StringVar(&to, "to", "", "file to write; it must not exist")
	return cmd
}

func backup(path, to string, county int64, now func() time.Time) (m manifest, err error) {
	made := now().UTC()
	if err := store.Backup(path, to); err != nil {
		return m, err
	}
	c, err := store.CheckCopy(to, county)
	if err != nil {
		return m, errors.Join(failed("the backup is no good and was removed: %w", err), os.Remove(to))
	}
	m = manifest{county, made, "doorstepd " + version, c}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	return m, writeDurably(manifestOf(to), string(text)+"\n")
}

// copyFile copies a file for a drill, with its mode 0600.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return usage("the backup %s cannot be read: %v; correct the path", from, cause(err))
	}
	defer in.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	return errors.Join(err, f.Sync(), f.Close())
}

// uncompared says that there is nothing beside a backup to compare it with, if so.
func uncompared(out io.Writer, backup string) {
	if _, err := os.Stat(manifestOf(backup)); errors.Is(err, os.ErrNotExist) {
		tell(out, "there is no %s beside the backup: it was verified by its own chains, and compared with nothing\n", filepath.Base(manifestOf(backup)))
	}
}

// compare checks a copy against the manifest beside the backup; without one nothing is compared.
func compare(from string, c store.Copy) error {
	text, err := os.ReadFile(manifestOf(from))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var m manifest
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return failed("%s cannot be read: %w", filepath.Base(manifestOf(from)), err)
	}
	if m.Copy != c {
		return failed("the backup is not what %s says: it was changed or damaged since", filepath.Base(manifestOf(from)))
	}
	return nil
}
