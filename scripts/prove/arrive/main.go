// Command arrive proves that a centre of bounded memory serves everybody who comes at once: some hundred devices, each
// needing a snapshot of many thousand records, arrive within a second at a real doorstepd that may take 512 MiB, while
// another device keeps pushing small changesets. It ends with 1 if a device did not get all of its rows, if the centre
// took more memory, or if the bystander had to wait.
//
//	go run ./scripts/prove/arrive [-devices 300] [-grids 300] [-records 20000]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

type options struct {
	devices, grids, records, replicas int
	memory                            int // MiB
	dir                               string
	patience                          time.Duration // bystander's p99
}

func main() {
	var o options
	flag.IntVar(&o.devices, "devices", 300, "devices that arrive at once")
	flag.IntVar(&o.grids, "grids", 0, "grids they work in; 0 = one for each device")
	flag.IntVar(&o.records, "records", 20_000, "records in each grid")
	flag.IntVar(&o.replicas, "replicas", 3, "of the devices, how many keep a real replica")
	flag.IntVar(&o.memory, "memory", 512, "MiB that the centre may take")
	flag.StringVar(&o.dir, "dir", "", "folder to work in; empty = a temporary one")
	flag.DurationVar(&o.patience, "patience", 2*time.Second, "what the bystander's p99 may be")
	flag.Parse()
	if o.grids == 0 {
		o.grids = o.devices
	}
	if err := run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "arrive:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "arrive")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	bin := filepath.Join(o.dir, "doorstepd")
	if out, err := exec.CommandContext(ctx, "go", "build", "-tags", "sqlite_fts5", "-o", bin, "./server/cmd/doorstepd").CombinedOutput(); err != nil {
		return fmt.Errorf("build the centre: %w: %s", err, out)
	}
	began := time.Now()
	county, err := seed(ctx, filepath.Join(o.dir, "data"), o)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	took := time.Since(began)
	fmt.Printf("seeded    %d grids × %d records = %d in %.1f s (%.0f a second)\n",
		o.grids, o.records, o.grids*o.records, took.Seconds(), float64(o.grids*o.records)/took.Seconds())
	c, err := start(bin, filepath.Join(o.dir, "data"), o.memory)
	if err != nil {
		return err
	}
	defer c.stop()
	return county.arrive(ctx, c, o)
}

func (k *county) arrive(ctx context.Context, c *process, o options) error {
	idle := c.peak()
	stop := make(chan struct{})
	bystander := make(chan result, 1)
	go func() { bystander <- k.push(ctx, c.url, stop) }()
	var wg sync.WaitGroup
	var rows, bytes, packed atomic.Int64
	errs := make([]error, o.devices)
	times := make([]time.Duration, o.devices)
	began := time.Now()
	for i := range o.devices {
		wg.Go(func() {
			time.Sleep(time.Second * time.Duration(i) / time.Duration(o.devices)) // all within a second
			first := time.Now()
			var got taken
			var err error
			if i < o.replicas {
				got, err = k.replica(ctx, c.url, filepath.Join(o.dir, fmt.Sprintf("replica-%d.db", i)), i)
			} else {
				got, err = k.visit(ctx, c.url, i)
			}
			times[i] = time.Since(first)
			if err == nil && got.rows < o.records {
				err = fmt.Errorf("got %d rows of %d", got.rows, o.records)
			}
			errs[i] = err
			rows.Add(int64(got.rows))
			bytes.Add(int64(got.bytes))
			packed.Add(int64(got.chunks))
		})
	}
	wg.Wait()
	wall := time.Since(began)
	close(stop)
	by := <-bystander
	peak := c.peak()
	slices.Sort(times)
	slices.Sort(by.times)
	if len(by.times) == 0 {
		return errors.Join(errors.New("the bystander got no verdict"), by.err)
	}
	failed := 0
	for i, err := range errs {
		if err != nil {
			failed++
			fmt.Printf("device %d: %v\n", i, err)
		}
	}
	p99 := at(by.times, 99)
	fmt.Printf("arrived   %d devices, %d failed, %d rows, %.1f MB received, %d chunks\n", o.devices, failed, rows.Load(), float64(bytes.Load())/1e6, packed.Load())
	fmt.Printf("took      %.1f s in all; a device p50 %.1f s, p99 %.1f s\n", wall.Seconds(), at(times, 50).Seconds(), at(times, 99).Seconds())
	fmt.Printf("memory    peak %d MiB of %d (before: %d)\n", peak, o.memory, idle)
	fmt.Printf("bystander %d verdicts, p50 %v, p99 %v, longest %v\n", len(by.times), at(by.times, 50).Round(100*time.Microsecond), p99.Round(100*time.Microsecond), by.times[len(by.times)-1].Round(100*time.Microsecond))
	switch {
	case failed > 0:
		return fmt.Errorf("%d devices did not get everything", failed)
	case by.err != nil:
		return fmt.Errorf("the bystander: %w", by.err)
	case peak > o.memory || peak == 0:
		return fmt.Errorf("the centre took %d MiB, it may take %d", peak, o.memory)
	case p99 > o.patience:
		return fmt.Errorf("the bystander's p99 is %v, above %v", p99, o.patience)
	}
	fmt.Println("all done")
	return nil
}

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}
