// Command arrive proves that a centre of bounded memory serves everybody who comes at once: some hundred devices, each
// needing a snapshot of many thousand records, arrive within a second at a real doorstepd that may take 512 MiB (as root,
// the kernel gives it no more), while another device keeps pushing small changesets. It ends with 1 if a device did not get all of its rows, if the centre
// took more memory, or if the bystander had to wait. With a folder the records are made once (-dir, some 6 GB and six
// minutes). Take so many that it goes on beyond the first minute, after which retention runs beside it.
//
//	go run ./scripts/prove/arrive [-devices 300] [-grids 300] [-records 20000] [-dir FOLDER]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
)

type options struct {
	devices, grids, records, replicas int
	memory                            int // MiB
	dir                               string
	centre                            string
	seedOnly, confine                 bool
	patience, longest                 time.Duration // bystander's p99, and what he may wait once
}

func main() {
	var o options
	flag.IntVar(&o.devices, "devices", 300, "devices that arrive at once")
	flag.IntVar(&o.grids, "grids", 0, "grids they work in; 0 = one for each device")
	flag.IntVar(&o.records, "records", 20_000, "records in each grid")
	flag.IntVar(&o.replicas, "replicas", 3, "of the devices, how many keep a real replica")
	flag.IntVar(&o.memory, "memory", 512, "MiB that the centre may take")
	flag.StringVar(&o.dir, "dir", "", "folder to work in, which may be seeded already; empty = a temporary one")
	flag.StringVar(&o.centre, "centre", "", "the doorstepd to measure; empty = built from these sources")
	flag.BoolVar(&o.confine, "confine", os.Geteuid() == 0, "let the kernel bound the centre's memory, in a control group; needs root")
	flag.BoolVar(&o.seedOnly, "seed", false, "seed the folder, and measure nothing")
	flag.DurationVar(&o.patience, "patience", 2*time.Second, "what the bystander's p99 may be")
	flag.DurationVar(&o.longest, "longest", 5*time.Second, "what the bystander may wait at most")
	flag.Parse()
	if o.grids == 0 {
		o.grids = o.devices
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, crowd.Outside{Now: time.Now, Random: rand.N[time.Duration]})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "arrive:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out crowd.Outside) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "arrive")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	if o.centre == "" {
		o.centre = filepath.Join(o.dir, "doorstepd")
		if text, err := exec.CommandContext(ctx, "go", "build", "-tags", "sqlite_fts5", "-o", o.centre, "./server/cmd/doorstepd").CombinedOutput(); err != nil {
			return fmt.Errorf("build the centre: %w: %s", err, text)
		}
	}
	county, err := prepare(ctx, o, out)
	if err != nil || o.seedOnly {
		return err
	}
	c, err := crowd.Start(o.centre, filepath.Join(o.dir, "data"), o.memory, o.confine)
	if err != nil {
		return err
	}
	defer c.Stop()
	return county.arrive(ctx, c, o)
}

// prepare gives who may arrive, in a folder that is seeded if it is not yet.
func prepare(ctx context.Context, o options, out crowd.Outside) (*county, error) {
	s, err := known(o.dir, o)
	if err != nil {
		return nil, err
	}
	x, err := crowd.Open(filepath.Join(o.dir, "data"), out)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	if s == nil {
		began := out.Now()
		if s, err = seed(ctx, x, o); err != nil {
			return nil, fmt.Errorf("seed: %w", err)
		}
		if err := s.keep(o.dir); err != nil {
			return nil, err
		}
		took := out.Now().Sub(began)
		fmt.Printf("seeded    %d grids × %d records = %d in %.1f s (%.0f a second)\n",
			o.grids, o.records, o.grids*o.records, took.Seconds(), float64(o.grids*o.records)/took.Seconds())
	}
	return admit(ctx, x, s, o)
}

// arrived is what became of those who came at once.
type arrived struct {
	errs                []error         // of each device
	times               []time.Duration // of each device, in order of length once all are there
	rows, bytes, packed atomic.Int64
	wall                time.Duration
}

// arrive measures: everybody comes within a second, and the bystander works as usual meanwhile.
func (k *county) arrive(ctx context.Context, c *crowd.Process, o options) error {
	idle := c.Peak()
	replicas, err := os.MkdirTemp(o.dir, "replicas")
	if err != nil {
		return err
	}
	defer os.RemoveAll(replicas)
	by, err := k.settle(ctx, c.URL)
	if err != nil {
		return fmt.Errorf("the bystander: %w", err)
	}
	stop := make(chan struct{})
	pushed := make(chan result, 1)
	go func() { pushed <- by.push(ctx, stop) }()
	all := k.come(ctx, c.URL, replicas, o)
	close(stop)
	r := <-pushed
	peak := c.Peak()
	if len(r.waits) == 0 {
		return errors.Join(errors.New("the bystander got no verdict"), r.err)
	}
	failed := all.print()
	fmt.Printf("memory    peak %d MiB of %d (before: %d)\n", peak, o.memory, idle)
	if most, ok := c.Most(); ok {
		fmt.Printf("confined  with the files' pages at most %d MiB; the kernel gives no more\n", most)
	}
	p99, longest := r.print()
	m, err := c.Metrics(ctx)
	if err != nil {
		return err
	}
	m.Print("commits", "doorstep_commit_seconds")
	m.Print("pushes", "doorstep_push_seconds")
	switch {
	case failed > 0:
		return fmt.Errorf("%d devices did not get everything", failed)
	case r.err != nil:
		return fmt.Errorf("the bystander: %w", r.err)
	case peak > o.memory || peak == 0:
		return fmt.Errorf("the centre took %d MiB, it may take %d", peak, o.memory)
	case p99 > o.patience:
		return fmt.Errorf("the bystander's p99 is %v, above %v", p99, o.patience)
	case longest > o.longest:
		return fmt.Errorf("the bystander waited %v once, he may %v", longest, o.longest)
	}
	fmt.Println("all done")
	return nil
}

// come lets all devices arrive, and waits until each has what it came for or has failed.
func (k *county) come(ctx context.Context, url, replicas string, o options) *arrived {
	all := &arrived{errs: make([]error, o.devices), times: make([]time.Duration, o.devices)}
	var wg sync.WaitGroup
	began := k.Now()
	for i := range o.devices {
		wg.Go(func() {
			if all.errs[i] = crowd.Pause(ctx, time.Second*time.Duration(i)/time.Duration(o.devices)); all.errs[i] != nil { // all within a second
				return
			}
			first := k.Now()
			var got crowd.Taken
			var err error
			if i < o.replicas {
				got, err = k.replica(ctx, url, filepath.Join(replicas, fmt.Sprintf("replica-%d.db", i)), i)
			} else {
				got, err = k.visit(ctx, url, i)
			}
			all.times[i] = k.Now().Sub(first)
			if err == nil && got.Rows < o.records {
				err = fmt.Errorf("got %d rows of %d", got.Rows, o.records)
			}
			all.errs[i] = err
			all.rows.Add(int64(got.Rows))
			all.bytes.Add(int64(got.Bytes))
			all.packed.Add(int64(got.Chunks))
		})
	}
	wg.Wait()
	all.wall = k.Now().Sub(began)
	return all
}

// print shows what they got and how long it took, and gives how many did not get it.
func (all *arrived) print() (failed int) {
	for i, err := range all.errs {
		if err != nil {
			failed++
			fmt.Printf("device %d: %v\n", i, err)
		}
	}
	slices.Sort(all.times)
	fmt.Printf("arrived   %d devices, %d failed, %d rows, %.1f MB received, %d chunks\n",
		len(all.errs), failed, all.rows.Load(), float64(all.bytes.Load())/1e6, all.packed.Load())
	fmt.Printf("took      %.1f s in all; a device p50 %.1f s, p99 %.1f s\n", all.wall.Seconds(), at(all.times, 50).Seconds(), at(all.times, 99).Seconds())
	return failed
}

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}
