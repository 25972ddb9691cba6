package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/store"
)

// stranded gives the refusal of declarations its sentence: each fault names its file and line and says the way out.
func stranded(dir string, err error) error {
	var s *store.StrandsError
	if !errors.As(err, &s) {
		return err
	}
	from := failed("the built-in declarations")
	if dir != "" {
		from = failed("the declarations in %s", dir)
	}
	return usage("%s cannot follow those in use: phones that have the old ones would be stranded, or rows left without a place. Nothing was changed.\n%v", from, s.Faults)
}

// versionOf says where the version of declarations comes from: that of the folder counts on top of the built-in one.
func versionOf(s *schema.Schema, dir string) error {
	built, err := load.Default()
	if dir == "" || err != nil {
		return failed("version %d", s.Version)
	}
	return failed("version %d: %d of the built-in ones and %d in version.yaml of %s", s.Version, built.Version, s.Version-built.Version, dir)
}

func schemaCommand(out io.Writer, environ func() []string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "schema", Short: "Check a county's declarations", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(checkSchemaCommand(out, environ))
	return cmd
}

func checkSchemaCommand(out io.Writer, environ func() []string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "check [FOLDER]", Short: "Tell whether declarations may replace those that the store holds",
		Long: `Tell whether the declarations in FOLDER (else those of --schema, else the built-in ones) are in order, and may
replace those that the store holds while phones of the old ones are out in the field. Nothing is changed, and the
centre may be running. serve asks the same before it starts.

Exit code 0: they may. 2: they may not; each line says file, line, what is wrong and the way out.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("'doorstepd schema check' takes one folder, not %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				c.Schema = args[0]
			}
			s, err := loadSchema(c.Schema)
			if err != nil {
				return err
			}
			path := filepath.Join(c.Data, "doorstep.db")
			if err := store.Check(path, s, store.WithCounty(c.County)); err != nil {
				return stranded(c.Schema, err)
			}
			if _, err := os.Stat(path); err != nil {
				tell(out, "The declarations (%v) are in order. There is no store in %s to compare them with.\n", versionOf(s, c.Schema), c.Data)
				return nil
			}
			tell(out, "The declarations (%v) are in order and may replace those in use.\n", versionOf(s, c.Schema))
			return nil
		},
	}
	addFlags(cmd.Flags())
	return cmd
}
