package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

// outcome is what became of a program while a bug shows.
type outcome struct {
	red     bool
	endless bool // it used up its processor time, which is red too
	late    bool // the clock ended it, which is red too; a busy machine does so
	spent   time.Duration
}

// hurried tells whether a program was ended though it had processor time left. Of worlds, which are the same each time,
// nothing else is chance.
func (o outcome) hurried() bool { return o.late && !o.endless }

// chance tells whether what is red may be green the next time.
func (o outcome) chance() bool { return o.red && !o.endless }

// twice asks again where one answer is not enough.
func twice(unsure func(outcome) bool, ask func() (outcome, error)) (outcome, error) {
	o, err := ask()
	if err == nil && unsure(o) {
		return ask()
	}
	return o, err
}

// runner tells whether a program fails, dies or never ends while a bug shows. It is given so much processor time.
type runner func(ctx context.Context, patience time.Duration, number int, dir, path string, args ...string) (outcome, error)

// within gives a runner that takes so much more of the clock's time than of the processor's that a machine must be very
// busy to end what goes on.
func within(slower time.Duration) runner {
	return func(ctx context.Context, patience time.Duration, number int, dir, path string, args ...string) (outcome, error) {
		once, end := context.WithTimeout(ctx, slower*patience)
		defer end()
		limit := max(patience.Truncate(time.Second), time.Second) // what a shell can set
		shell := "ulimit -t " + strconv.Itoa(int(limit.Seconds())) + `; exec "$0" "$@"`
		cmd := exec.CommandContext(once, "sh", append([]string{"-c", shell, path}, args...)...) //nolint:gosec // our own programs
		cmd.Dir, cmd.WaitDelay = dir, time.Second
		cmd.Env = append(os.Environ(), planted.Switch+"="+strconv.Itoa(number), figures.File+"=")
		err := cmd.Run()
		if ctx.Err() != nil {
			return outcome{}, ctx.Err()
		}
		return became(cmd.ProcessState, err, limit, once.Err() != nil)
	}
}

// became tells what became of a program that is over, with what starting or ending it gave.
func became(s *os.ProcessState, err error, limit time.Duration, late bool) (outcome, error) {
	var o outcome
	if s != nil {
		o.spent = s.UserTime() + s.SystemTime()
	}
	var exit *exec.ExitError
	if late || errors.As(err, &exit) {
		o.red, o.late, o.endless = true, late, o.spent >= limit || !late && killed(s) && o.spent > limit/2
		return o, nil
	}
	return o, err
}

// killed tells whether a program was killed, as the kernel does with what used up its processor time. It counts that time
// in ticks, on a busy machine some too many: the time that it reports afterwards may be less.
func killed(s *os.ProcessState) bool {
	if s == nil {
		return false
	}
	w, is := s.Sys().(syscall.WaitStatus)
	return is && w.Signaled() && w.Signal() == syscall.SIGKILL
}
