package main

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/seals"
)

const signingKeys = "signing-keys.pem"

// tendEvery is how often keys are looked at: whether a command has rotated them, and whether they are due.
const tendEvery = time.Minute

const sealingKeys = "sealing-keys.json"

// openSeals opens the keys of sealed columns. Where they had to be made although there are data, somebody should know: a
// file that got lost opens what it sealed, and no new one does.
func (a *app) openSeals(now time.Time) error {
	keys, made, err := seals.Open(a.folder.file(sealingKeys), a.schema, now, rand.Reader)
	if err != nil {
		return err
	}
	a.seals = keys
	if _, err := os.Stat(a.folder.file("doorstep.db")); made && err == nil {
		a.log.Info().Str("file", sealingKeys).Msg("keys of sealed columns were made; back this file up apart from the data. If one was here before, restore it: nothing else opens what it sealed")
	}
	return nil
}

// tend takes over keys that a command has changed, and rotates them when they are due.
func (a *app) tend(now time.Time) {
	changed, err := a.keys.Reload()
	if err != nil {
		a.log.Warn().Err(err).Msg("the signing keys cannot be read again; those of before stay in use")
		return
	}
	if changed {
		a.log.Info().Msg("signing keys were rotated")
	}
	if changed, err := a.seals.Reload(); err != nil {
		a.log.Warn().Err(err).Msg("the keys of sealed columns cannot be read again; those of before stay in use")
	} else if changed {
		a.log.Info().Msg("keys of sealed columns were rotated")
	}
	if every := a.config.RotateAfter; every > 0 && a.keys.Age(now) >= every {
		if err := a.keys.Rotate(now); err != nil {
			a.log.Warn().Err(err).Msg("the signing keys are due for rotation, which failed; those of before stay in use")
			return
		}
		a.log.Info().Msg("signing keys were rotated, as configured")
	}
}

func keysCommand(out io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	group := &cobra.Command{Use: "keys", Short: "Change the centre's keys", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	rotate := &cobra.Command{
		Use: "rotate", Short: "Sign tokens with a new key from now on", Args: noArgs,
		Long: `Sign tokens with a new key from now on. Tokens of before hold until their time is over, 8 hours at most; nobody has to
sign in anew. A running centre takes the new key over within a minute. After a theft of the key file: stop the centre,
move signing-keys.pem away and start it; then everybody signs in anew, and phones notice nothing.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			path := filepath.Join(c.Data, signingKeys)
			if _, err := os.Stat(path); err != nil {
				return usage("there are no signing keys in %s; name the data folder of a centre with --data", c.Data)
			}
			kid, err := auth.RotateKeys(path, now(), rand.Reader)
			if err != nil {
				return err
			}
			tell(out, "new key: %s\n", kid)
			return nil
		},
	}
	sealed := &cobra.Command{
		Use: "rotate-sealed", Short: "Seal with new keys from now on", Args: noArgs,
		Long: `Seal columns of identity numbers and the like with new keys from now on: after a phone was lost whose person saw them. What
was sealed before stays as it is and can be opened by those who may. A running centre takes the keys over within a
minute and gives them to each device with its next connection.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			n, err := seals.Rotate(filepath.Join(c.Data, sealingKeys), now(), rand.Reader)
			if errors.Is(err, os.ErrNotExist) {
				return usage("there are no keys of sealed columns in %s; name the data folder of a centre with --data", c.Data)
			}
			if err != nil {
				return err
			}
			tell(out, "new keys: %d\n", n)
			return nil
		},
	}
	addFlags(rotate.Flags())
	addFlags(sealed.Flags())
	group.AddCommand(rotate, sealed)
	return group
}
