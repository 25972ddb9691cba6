// Package cli is the command line of Doorstep: for device users over a replica, and for supervisors and administrators
// over the centre's REST interface.
//
// Every command writes its result to standard output, for people or (with --json) for programs, and at most one plain
// sentence about what went wrong to standard error. The exit codes and the shapes of --json are promised in docs/cli.md.
package cli

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"time"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// Exit codes. They are part of the interface: docs/cli.md.
const (
	ExitOK         = 0
	ExitFailed     = 1
	ExitUsage      = 2 // an argument or value is wrong; nothing was done
	ExitOffline    = 3 // the centre cannot be reached; work is kept and will be sent later
	ExitRefused    = 4 // the centre refused something
	ExitConflicts  = 5 // conflicts are open, where that was asked
	ExitNotAllowed = 6 // not signed in, or not enrolled
	ExitDiffers    = 7 // the replica differs from the centre still, or differed too often
)

// Program is the command line with everything it needs from outside. In, Out, Err, Env and Now must be set; the zero
// value of the rest is right for a program on a real machine.
type Program struct {
	Version string // "" = "unknown"
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Env     func(name string) string
	Environ func() []string // name=value of all of them, to tell of misspelt ones; nil = none

	Now    func() time.Time
	Zone   *time.Location // in which times are read and shown; nil = the machine's
	Rand   io.Reader      // for ids and keys; nil = crypto/rand
	Clock  device.Clock   // of the replica; nil = the machine's
	Client *http.Client   // for REST, trusted as it is; nil = one that waits 60 s and takes only the centre it knows
	After  func(time.Duration) <-chan time.Time
	// Secret reads a password that is not to be seen, after showing prompt; nil = from the terminal that In is. It
	// gives errNoTerminal if there is none.
	Secret func(prompt string) (string, error)
}

// Main runs one command and gives its exit code. It never panics on what it is given. ctx ends `watch`.
func (p Program) Main(ctx context.Context, args []string) int {
	p.defaults()
	a := &app{Program: p, lang: language(args, p.Env), ctx: ctx}
	root := a.root()
	if !byProgram(args) {
		a.strays()
	}
	root.SetArgs(append([]string{}, args...)) // with nil it would take those of the process
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	cmd, err := root.ExecuteContextC(ctx)
	if a.replica != nil {
		if e := a.replica.Close(); err == nil && e != nil {
			err = e
		}
	}
	return a.report(cmd, err)
}

func (p *Program) defaults() {
	if p.Version == "" {
		p.Version = "unknown"
	}
	if p.Zone == nil {
		p.Zone = time.Local
	}
	if p.Rand == nil {
		p.Rand = rand.Reader
	}
}
