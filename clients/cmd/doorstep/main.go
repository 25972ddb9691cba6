// Command doorstep is the command line of Doorstep: see docs/cli.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/doorstep-sync/doorstep/clients/cli"
)

var version string // set by scripts/build.sh

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := cli.Program{Version: version, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Environ: os.Environ, Now: time.Now}
	code := p.Main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
