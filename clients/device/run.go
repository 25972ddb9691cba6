package device

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// Back-off between tries: a random part of a ceiling that doubles with each failure, so that a thousand phones that
// lost one centre do not come back in step.
const (
	backoffFrom = time.Second
	backoffTo   = 5 * time.Minute
	busyFor     = 5 * time.Second // how long a centre that says it is busy is left alone, at least

	// mostAway is how many failures count, at most, while this device has no network at all: a try sends nothing then, so
	// that it costs neither the centre nor much of the battery, and somebody who comes up from a basement waits 8 s at most.
	mostAway = 4
)

// Run keeps the replica in step with the centre until ctx ends or something stands in the way that coming back will
// not mend: a device that was revoked, a replica that was copied. It sends at once what is sealed, by this program or
// by another, and waits longer after each failure that brought nothing; writing something ends the wait. Events may be
// zero.
func (r *Replica) Run(ctx context.Context, remote Remote, events Events) error {
	return r.alone(ctx, func() error {
		for failures := 0; ; {
			var last *conversation
			err := r.converse(ctx, remote, func(c *conversation) {
				last, c.events = c, events
				c.events.Synced = func(report Report) {
					failures = 0
					events.synced(report)
				}
			})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var e *Error
			if errors.As(err, &e) && !e.Retry {
				return err
			}
			if CodeOf(err) == CodeOffline && last.advanced() {
				failures = 0 // a link that breaks every few seconds brings more if it is tried again than if it is left alone
			}
			if failures++; noNetwork(err) {
				failures = min(failures, mostAway)
			}
			wait := jitter(failures, r.opts.Rand)
			if e != nil && e.After > 0 {
				wait += min(e.After, backoffTo) + within(min(e.After, backoffTo), r.opts.Rand)
			}
			r.opts.Log.Info().Err(err).Dur("wait", wait).Msg("conversation with the centre ended")
			events.failed(err, wait)
			early, err := r.pause(ctx, wait)
			if err != nil {
				return err
			}
			if early { // a try before its time: somebody who writes much without a network must not wait the longer for it
				failures--
			}
		}
	})
}

// noNetwork tells whether a try ended within this device: it has no way to anybody, or no name is known.
func noNetwork(err error) bool {
	var name *net.DNSError
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETDOWN) ||
		errors.As(err, &name)
}

// pause waits until the time is over or something was written, which ends it early.
func (r *Replica) pause(ctx context.Context, wait time.Duration) (early bool, err error) {
	over := r.opts.After(wait)
	poll := r.opts.After(pollEvery)
	for {
		select {
		case <-over:
			return false, nil
		case <-r.sealed:
			return true, nil
		case <-poll:
			if n, err := r.sealIfCaptured(ctx); err != nil || n > 0 {
				return true, err
			}
			poll = r.opts.After(pollEvery)
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// sealIfCaptured is Seal without a transaction where nothing was captured.
func (r *Replica) sealIfCaptured(ctx context.Context) (int64, error) {
	var captured bool
	err := r.read.QueryRowContext(ctx, `SELECT EXISTS(SELECT 1 FROM ds_capture)`).Scan(&captured)
	if err != nil || !captured {
		return 0, storage(err)
	}
	return r.Seal(ctx)
}

// jitter gives the wait after so many failures in a row: evenly spread up to the ceiling.
func jitter(failures int, random io.Reader) time.Duration {
	ceiling := backoffTo
	if failures < 10 {
		ceiling = min(backoffTo, backoffFrom<<(failures-1))
	}
	return within(ceiling, random)
}

// within gives a random duration below a ceiling.
func within(ceiling time.Duration, random io.Reader) time.Duration {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return ceiling
	}
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(ceiling))
}
