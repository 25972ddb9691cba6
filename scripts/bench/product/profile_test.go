package product

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// profiles is the variable that names the folder for profiles.
const profiles = "BENCH_PROFILES"

func profilingEnv() []string {
	if dir := os.Getenv(profiles); dir != "" {
		return []string{"BENCH_PROFILE=" + filepath.Join(dir, "centre")}
	}
	return nil
}

var profiled int

// profile profiles the centre's processor and that of the devices, which is this process's, until stop is called.
func (c *centre) profile(b *testing.B) (stop func()) {
	dir := os.Getenv(profiles)
	if dir == "" {
		return func() {}
	}
	b.Helper()
	profiled++
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("devices.%d", profiled)))
	require.NoError(b, err)
	require.NoError(b, c.Signal(syscall.SIGUSR1))
	require.NoError(b, pprof.StartCPUProfile(f))
	return func() {
		b.Helper()
		before := c.profiles(dir)
		require.NoError(b, c.Signal(syscall.SIGUSR2))
		pprof.StopCPUProfile()
		require.NoError(b, f.Close())
		look := time.NewTicker(10 * time.Millisecond)
		defer look.Stop()
		for c.profiles(dir) == before { // the centre must not be ended before it has written its own
			<-look.C
			require.False(b, c.Gone())
		}
	}
}

// profiles is how many profiles the centre has written, all of each.
func (c *centre) profiles(dir string) int {
	list, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("centre.%d.*.goroutine", c.Pid())))
	require.NoError(c.t, err)
	return len(list)
}

// profiler is a file more of doorstepd: with the one signal it begins a profile of its processor, with the other it ends it and
// writes what is in memory, after a collection, and where its goroutines are.
const profiler = `package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
)

func init() {
	path := os.Getenv("BENCH_PROFILE")
	if path == "" {
		return
	}
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		var f *os.File
		for n := 0; ; {
			if <-heard == syscall.SIGUSR2 {
				pprof.StopCPUProfile()
				_ = f.Close()
				runtime.GC()
				for _, what := range []string{"heap", "allocs", "goroutine"} {
					if m, err := os.Create(f.Name() + ".part"); err == nil {
						_ = pprof.Lookup(what).WriteTo(m, 0)
						_ = m.Close()
						_ = os.Rename(m.Name(), f.Name()+"."+what)
					}
				}
				continue
			}
			n++
			var err error
			if f, err = os.Create(fmt.Sprint(path, ".", os.Getpid(), ".", n)); err == nil {
				err = pprof.StartCPUProfile(f)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
}
`
