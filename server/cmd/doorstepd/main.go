// Command doorstepd is a Doorstep centre. It alone reads configuration, the wall clock and randomness, and wires the
// packages of server together; wire.go is the place to look.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/server/store"
)

// version is set by the linker (scripts/build.sh).
var version = unbuilt

const unbuilt = "development"

// Exit codes, part of the program's contract (doorstepd --help).
const (
	exitOK      = 0
	exitFailed  = 1 // it could not do its work: the message says why
	exitUsage   = 2 // an argument, a variable or the configuration file is wrong: nothing was done
	exitStopped = 3 // it did not stop within the time given; no acknowledged work is lost
)

// usageError is a mistake in what was given; its text names it and says what to do.
type usageError struct {
	format string
	args   []any
}

func (e *usageError) Error() string { return in(langEN, e.format, e.args...) }

func usage(format string, args ...any) error { return &usageError{format, args} }

// errSlowStop says that connections were cut off at the end.
var errSlowStop = failed("the centre did not stop in time and cut its connections off; no acknowledged work is lost")

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, os.Environ, time.Now))
}

// run is the program; tests call it. serve stops when ctx ends, as it does on a signal.
func run(ctx context.Context, args []string, out, errs io.Writer, environ func() []string, now func() time.Time) int {
	lang := language(args, environ())
	out = &voice{out, lang}
	root := command(out, errs, environ, now)
	root.SetArgs(append([]string{}, args...)) // with nil it would take those of the process
	strict(root)
	translate(root, lang)
	err := root.ExecuteContext(ctx)
	var u *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &u):
		fmt.Fprintln(errs, "doorstepd: "+words(lang, err))
		return exitUsage
	case errors.Is(err, errSlowStop):
		fmt.Fprintln(errs, "doorstepd: "+words(lang, err))
		return exitStopped
	}
	fmt.Fprintln(errs, "doorstepd: "+words(lang, err))
	return exitFailed
}

func command(out, errs io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	root := &cobra.Command{
		Use:   "doorstepd",
		Short: "Doorstep (敲门) centre: takes what phones bring, decides, and gives everybody the same",
		Long: `Doorstep (敲门) centre: takes what phones bring, decides, and gives everybody the same.

Exit codes: 0 done; 1 it could not do its work; 2 an argument, variable or the configuration file is wrong and
nothing was done; 3 it did not stop within the time given.`,
		SilenceErrors: true, SilenceUsage: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().String("lang", "", "language of what is printed: zh-CN or en (default: that of the locale)")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if v, _ := cmd.Flags().GetString("lang"); cmd.Flags().Changed("lang") && v != langZH && v != langEN && v != "zh" {
			return usage("--lang takes zh-CN or en, not %q", v)
		}
		if name := cmd.Name(); name == "serve" || name == "check" {
			return nil // they say it in their own way
		}
		for _, x := range strays(environ) {
			fmt.Fprintln(errs, "doorstepd: "+in(langOf(out), "the variable %s is no setting and is ignored; %v", x.name, x.hint))
		}
		return nil
	}
	root.SetOut(out)
	root.SetErr(errs)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v; '%s --help' lists what there is", err, cmd.CommandPath())
	})
	root.AddCommand(serveCommand(out, errs, environ, now), tlsCommand(out, environ, now), keysCommand(out, environ, now), schemaCommand(out, environ),
		restoreCommand(out, errs, environ, now), confirmCommand(out, errs, environ, now),
		checkCommand(out, environ, now), auditCommand(out, environ, now), backupCommand(out, environ, now), drillCommand(out, environ, now),
		versionCommand(out), openAPICommand(out))
	return root
}

// noArgs refuses arguments that are no flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("%q is not known to '%s'; '%s --help' lists what there is", args[0], cmd.CommandPath(), cmd.CommandPath())
}

func versionCommand(out io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := loadSchema("")
			if err != nil {
				return err
			}
			switch rev := revision(); {
			case rev != "":
				tell(out, "doorstepd %s\n  revision %s, %s\n", version, rev, runtime.Version())
			case version != unbuilt: // then it is what version control called the source
				tell(out, "doorstepd %s\n  built with %s\n", version, runtime.Version())
			default:
				tell(out, "doorstepd %s\n  of which source is not known: the build had no version control to ask (./scripts/task build notes it); %s\n", version, runtime.Version())
			}
			tell(out, "  declarations %d, store format %d\n", s.Version, store.Format())
			return nil
		},
	}
}

// revision is what version control knew the source as when the program was built; "" if it was not asked.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	rev, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " with changes"
		}
	}
	if rev == "" {
		return "" // built outside of a repository's own folder, or without its history
	}
	return rev + dirty
}

func openAPICommand(out io.Writer) *cobra.Command {
	var old bool
	cmd := &cobra.Command{
		Use: "openapi", Short: "Print the REST interface as OpenAPI 3.1 (JSON)", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			doc, err := api.OpenAPI(old)
			if err != nil {
				return err
			}
			_, err = out.Write(doc)
			return err
		},
	}
	cmd.Flags().BoolVar(&old, "downgrade", false, "print OpenAPI 3.0, for generators that know no newer")
	return cmd
}
