// Command report measures the product against the floors of this machine: it runs both in turns, so that what slows the
// machine down for a while slows both down, and prints each workload's figures with their spread, the ratio of the
// medians and the goal. A benchmark that fails ends it with 1; a goal that is missed does not.
//
//	go run ./scripts/bench/report [-rounds 5] [-run BacklogOne] [-keep FILE] [-page docs/benchmarks.md -plot docs/benchmarks.svg]
//	go run ./scripts/bench/report -from FILE …
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds           int
	only             *regexp.Regexp
	keep, from       string
	page, plot       string
	floors, products string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{floors: "./scripts/bench/floor", products: "./scripts/bench/product"}
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "how many times each is run")
	only := flags.String("run", "", "workloads whose benchmark's name matches this")
	flags.StringVar(&o.keep, "keep", "", "file to keep what the benchmarks printed in")
	flags.StringVar(&o.from, "from", "", "such a file: nothing is run")
	flags.StringVar(&o.page, "page", "", "page whose section of figures is written anew")
	flags.StringVar(&o.plot, "plot", "", "file for a drawing of the ratios (SVG)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	text, err := o.measured(ctx)
	if err != nil {
		return err
	}
	log, err := parse(strings.NewReader(text))
	if err != nil {
		return err
	}
	rows := rowsOf(log, o.only)
	section := figures(log, rows)
	fmt.Fprint(out, section)
	if o.page != "" {
		if err := rewrite(o.page, section); err != nil {
			return err
		}
	}
	if o.plot != "" {
		return os.WriteFile(o.plot, []byte(draw(rows)), 0o644)
	}
	return nil
}

// measured is what the benchmarks print, or have printed.
func (o *options) measured(ctx context.Context) (string, error) {
	if o.from != "" {
		text, err := os.ReadFile(o.from)
		return string(text), err
	}
	var text strings.Builder
	err := o.measure(ctx, io.MultiWriter(&text, os.Stderr))
	if o.keep != "" {
		if e := os.WriteFile(o.keep, []byte(text.String()), 0o644); err == nil {
			err = e
		}
	}
	return text.String(), err
}
