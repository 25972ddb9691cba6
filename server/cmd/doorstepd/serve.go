package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// greeting is what serve prints once it listens.
type greeting struct {
	URL       string `json:"url"`
	Data      string `json:"data"`
	AdminCode string `json:"admin_code,omitempty"` // until there is an administrator; each start makes a new one
	Version   string `json:"version"`
	// Fingerprint of the centre's own authority, as codes carry it; empty where public authorities vouch, and for plain text.
	Fingerprint string `json:"fingerprint,omitempty"`
}

func serveCommand(out, errs io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	var asJSON, show bool
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the centre", Args: noArgs,
		Long: `Run the centre. Without configuration it keeps its data in ./doorstep-data and listens on 127.0.0.1:8737.

Until there is an administrator, each start prints a new one-time code with which the first one is made.
Every flag can be given as a variable (DOORSTEP_LISTEN, DOORSTEP_LOG_LEVEL …) or in a YAML file (--config);
flags go before variables, and variables before the file. SIGTERM or SIGINT stops it in order.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if show {
				s, _, err := gather(cmd.Flags(), environ)
				if err == nil {
					s.print(out)
					_, err = s.check()
				}
				return err
			}
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			logger := newLog(errs, c, now)
			for _, x := range strays(environ) {
				logger.Warn().Str("variable", x.name).Str("hint", x.hint.Error()).Msg("this DOORSTEP_ variable is no setting of doorstepd")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return serve(ctx, c, logger, now, func(g greeting) { greet(out, g, asJSON) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print where it listens as one line of JSON")
	cmd.Flags().BoolVar(&show, "print-config", false, "print every setting and where its value comes from, and start nothing")
	addFlags(cmd.Flags())
	return cmd
}

func greet(out io.Writer, g greeting, asJSON bool) {
	if asJSON {
		json.NewEncoder(out).Encode(g) //nolint:errcheck // nobody reads it then
		return
	}
	tell(out, "Doorstep centre listens on %s\ndata: %s\n", g.URL, g.Data)
	if g.Fingerprint != "" {
		tell(out, "fingerprint: %s\n", g.Fingerprint)
	}
	if g.AdminCode != "" {
		tell(out, "one-time administrator code: %s\n", g.AdminCode)
	}
}

// serve runs the centre until ctx ends, then stops it in order.
func serve(ctx context.Context, c config, logger zerolog.Logger, now func() time.Time, ready func(greeting)) (err error) {
	l, err := listen(c.Listen) // before anything is made: a busy port leaves no data folder behind
	if err != nil {
		return err
	}
	a, err := open(c, logger, now)
	if err != nil {
		l.Close()
		return err
	}
	code, err := a.auth.BootstrapCode(ctx)
	if err != nil {
		l.Close()
		return errors.Join(err, a.closeStore())
	}
	failed := make(chan error, 1)
	go func() { failed <- a.accept(l) }()
	logger.Info().Str("listen", l.Addr().String()).Int64("county", c.County).Int("schema", a.schema.Version).Str("version", version).Msg("centre started")
	ready(greeting{a.scheme() + l.Addr().String(), a.folder.path, code, version, a.fingerprint()})
	keeping, enough := context.WithCancel(context.WithoutCancel(ctx))
	kept := a.retain(keeping)
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-again:
			a.reload(logger)
			a.tend(now())
			continue
		case <-tick.C:
			a.tend(now())
			continue
		case <-ctx.Done():
		case err = <-failed:
			if errors.Is(err, http.ErrServerClosed) {
				err = nil
			}
		}
		running = false
	}
	logger.Info().Msg("centre stops")
	enough()
	<-kept
	err = errors.Join(err, a.stop())
	logger.Info().Bool("in_order", err == nil).Msg("centre stopped")
	return err
}

// httpErrors takes what net/http would print. The text may hold an address; it is cut down to its first words.
func httpErrors(logger zerolog.Logger) *log.Logger { return log.New(quiet{logger}, "", 0) }

type quiet struct{ log zerolog.Logger }

func (q quiet) Write(b []byte) (int, error) {
	q.log.Debug().Msg("a connection broke the rules of HTTP or TLS")
	return len(b), nil
}
