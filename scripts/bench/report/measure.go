package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"
)

const tags = "sqlite_fts5"

// measure builds both sides once and runs them in turns.
func (o *options) measure(ctx context.Context, out io.Writer) error {
	load := loaded() // before we do anything
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sides := map[string]string{floors: o.floors, products: o.products}
	for side, pkg := range sides {
		if err := command(ctx, os.Stderr, "go", "test", "-tags", tags, "-c", "-o", filepath.Join(dir, side), pkg); err != nil {
			return err
		}
	}
	centre := filepath.Join(dir, "doorstepd")
	if err := command(ctx, os.Stderr, "go", "build", "-tags", tags, "-o", centre, "./server/cmd/doorstepd"); err != nil {
		return err
	}
	fmt.Fprintf(out, "machine: %s\nload: %s\ncommit: %s\ngo: %s\nsqlite: %s\nrounds: %d\n", machine(), load, commit(ctx), runtime.Version(), sqlite(), o.rounds)
	for round := range o.rounds {
		for _, t := range o.turns() {
			fmt.Fprintf(out, "side: %s\nround: %d\n", t.side, round+1)
			if err := o.bench(ctx, out, filepath.Join(dir, t.side), sides[t.side], centre, t.name, t.times); err != nil {
				return fmt.Errorf("%s of %s: %w", t.name, t.side, err)
			}
		}
	}
	return nil
}

// turn is one benchmark of one side.
type turn struct{ side, name, times string }

// turns are those of one round: each workload's floors right before it, each once.
func (o *options) turns() (list []turn) {
	for _, w := range workloads {
		if !o.only.MatchString(w.name) {
			continue
		}
		for _, name := range w.floors {
			list = add(list, turn{floors, name, timesOf(name)})
		}
		list = add(list, turn{products, w.name, w.times})
	}
	return list
}

func add(list []turn, t turn) []turn {
	if slices.Contains(list, t) {
		return list
	}
	return append(list, t)
}

// bench runs one benchmark in the folder of its package, as go test does.
func (o *options) bench(ctx context.Context, out io.Writer, program, pkg, centre, name, times string) error {
	cmd := exec.CommandContext(ctx, program, "-test.run", "^$", "-test.bench", "^Benchmark"+name+"$", "-test.benchtime", times, "-test.timeout", "15m")
	cmd.Dir = pkg
	// Its temporary files go with ours, also when it is interrupted.
	cmd.Env = append(os.Environ(), "BENCH_DOORSTEPD="+centre, "TMPDIR="+filepath.Dir(program))
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd.Run()
}

func command(ctx context.Context, to io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = to, to
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// machine tells what this one is.
func machine() string {
	text := fmt.Sprintf("%d processors", runtime.NumCPU())
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(b), "\n") {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				text += ", " + strings.TrimLeft(name, "\t :")
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kib); err == nil {
			text += fmt.Sprintf(", %d GiB", (kib+1<<19)>>20)
		}
	}
	return text + ", " + runtime.GOOS
}

// loaded tells what others did on the machine: on an idle one, about nothing.
func loaded() string {
	text, err := os.ReadFile("/proc/loadavg")
	minute, _, ok := strings.Cut(string(text), " ")
	if err != nil || !ok {
		return "unknown"
	}
	return minute + " in the minute before"
}

// commit is what the tree is at, with a mark if it was changed since.
func commit(ctx context.Context) string {
	var b bytes.Buffer
	err := command(ctx, &b, "git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*")
	return strings.TrimSpace(errorOr(err, b.String()))
}

func errorOr(err error, text string) string {
	if err != nil {
		return errors.Join(errors.New("unknown"), err).Error()
	}
	return text
}

// sqlite is the version that both programs hold.
func sqlite() string {
	version, _, _ := sqlite3.Version()
	return version
}
