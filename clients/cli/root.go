package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
)

// app is one run of the command line. It belongs to the goroutine of Main.
type app struct {
	Program
	lang string
	json bool

	ctx      context.Context // of Main; ends what is asked at the terminal
	file     string          // --replica
	pinFile  string          // --pin-file
	typedPIN *string         // once it was asked for
	folder   string          // --schema
	declared *schema.Schema
	replica  *device.Replica
}

// command makes a command. Its help is in the catalogue under "help." + its path without spaces.
func (a *app) command(key, use string, args cobra.PositionalArgs, run func(*cobra.Command, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: a.say("help." + key), Args: args, RunE: run, DisableFlagsInUseLine: true,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

// group is a command that only holds others.
func (a *app) group(key, use string, subs ...*cobra.Command) *cobra.Command {
	c := a.command(key, use, nil, nil)
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return a.unknown(cmd, args[0])
		}
		return nil
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return misuse("command_missing", cmd.CommandPath(), strings.Join(names(cmd), ", "))
	}
	c.AddCommand(subs...)
	return c
}

func names(cmd *cobra.Command) []string {
	var out []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, c.Name())
		}
	}
	return out
}

func (a *app) unknown(cmd *cobra.Command, name string) error {
	near := cmd.SuggestionsFor(name)
	if len(near) == 0 {
		near = names(cmd)
	}
	return misuse("command_unknown", name, strings.Join(near, ", "))
}

// exactly and between say how many arguments a command takes.
func (a *app) exactly(n int) cobra.PositionalArgs { return a.between(n, n) }

func (a *app) between(low, high int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return misuse("args_few", low, len(args))
		case high >= 0 && len(args) > high:
			return misuse("args_many", args[high])
		}
		return nil
	}
}

func (a *app) root() *cobra.Command {
	root := a.group("root", "doorstep",
		a.enrolCommand(), a.trustCommand(), a.useCommand(), a.statusCommand(), a.asidesCommand(), a.syncCommand(), a.watchCommand(), a.checkCommand(), a.repairsCommand(), a.recoverCommand(), a.replicaCommand(),
		a.completed(a.newCommand(), tableAndValues(1)), a.completed(a.setCommand(), tableAndValues(2)), a.completed(a.deleteCommand(), tableAndRow),
		a.completed(a.listCommand(), tableAndValues(1)), a.completed(a.showCommand(), tableAndRow),
		a.completed(a.historyCommand(), tableRowColumn), a.conflictsCommand(), a.rejectedCommand(), a.inboxCommand(), a.completed(a.tablesCommand(), tableNames),
		a.loginCommand(), a.logoutCommand(), a.whoAmICommand(), a.bootstrapCommand(), a.orgCommand(), a.gridCommand(), a.staffingCommand(),
		a.accountCommand(), a.assignCommand(), a.deviceCommand(), a.auditCommand(), a.codeCommand(), a.conflictCommand(), a.quarantineCommand(), a.restoreCommand(), a.versionCommand())
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SuggestionsMinimumDistance = 2
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.Version = ""
	f := root.PersistentFlags()
	f.SortFlags = false
	f.BoolVar(&a.json, "json", false, a.say("flag.json"))
	f.String("lang", "", a.say("flag.lang"))
	f.StringVar(&a.file, "replica", "", a.say("flag.replica"))
	f.StringVar(&a.pinFile, "pin-file", "", a.say("flag.pin_file"))
	f.StringVar(&a.folder, "schema", "", a.say("flag.schema"))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if f := flagFault(err); f != nil {
			return f
		}
		return err
	})
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if v, _ := cmd.Flags().GetString("lang"); cmd.Flags().Changed("lang") && !slices.Contains([]string{zh, en, "zh"}, v) {
			return misuse("lang_unknown", v)
		}
		return nil
	}
	a.helpTexts(root)
	return root
}

func (a *app) versionCommand() *cobra.Command {
	return a.command("version", "version", a.exactly(0), func(*cobra.Command, []string) error {
		if a.json {
			s, err := a.schema()
			if err != nil {
				return err
			}
			return a.emit(map[string]any{"version": a.Version, "schema": s.Version})
		}
		a.print("version", a.Version)
		return nil
	})
}

// schema gives the declarations: the built-in ones, and those of --schema or DOORSTEP_SCHEMA.
func (a *app) schema() (*schema.Schema, error) {
	if a.declared != nil {
		return a.declared, nil
	}
	dir := a.folder
	if dir == "" {
		dir = a.Env("DOORSTEP_SCHEMA")
	}
	s, err := load.LoadDir(dir)
	if err != nil {
		return nil, wrong("schema_bad", dir, a.cause(err)).because(err)
	}
	a.declared = s
	return s, nil
}

// table gives a record type by its name or label.
func (a *app) table(name string) (*schema.Table, error) {
	s, err := a.schema()
	if err != nil {
		return nil, err
	}
	if t := s.Table(name); t != nil {
		return t, nil
	}
	var known []string
	for _, t := range s.Tables {
		if t.Label.ZH == name || strings.EqualFold(t.Label.EN, name) {
			return t, nil
		}
		known = append(known, t.Name)
	}
	return nil, wrong("no_table", clean(name), strings.Join(known, ", "))
}

// path is the replica's file.
func (a *app) path() string {
	if a.file != "" {
		return a.file
	}
	if p := a.Env("DOORSTEP_REPLICA"); p != "" {
		return p
	}
	if p := a.profile(); p != "" {
		return p
	}
	return "doorstep.db"
}

func (a *app) options() (device.Options, error) {
	s, err := a.schema()
	return device.Options{Schema: s, Clock: a.Clock, Rand: a.Rand, After: a.After, App: "doorstep " + a.Version}, err
}

// open opens the replica once; Main closes it.
func (a *app) open() (*device.Replica, error) {
	if a.replica != nil {
		return a.replica, nil
	}
	o, err := a.options()
	if err != nil {
		return nil, err
	}
	path := a.path()
	switch info, err := os.Stat(path); {
	case os.IsNotExist(err):
		return nil, fail(ExitNotAllowed, "no_replica", path).because(err)
	case err == nil && !info.Mode().IsRegular():
		return nil, wrong("replica_no_file", path)
	}
	if err := a.unlock(path, &o); err != nil {
		return nil, err
	}
	r, err := device.Open(path, o)
	if err != nil {
		return nil, err
	}
	a.replica = r
	return r, nil
}

// absolute shows where a file is.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}
