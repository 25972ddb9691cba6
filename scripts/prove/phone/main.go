// Phone is a device of the kill proof: it keeps an enrolled replica in step with the centre and, between the words go
// and rest on its standard input, writes as fast as verdicts come. It prints, each once it is durable on the device:
//
//	open        the replica is open
//	met         the centre has answered for the first time
//	wrote N     a changeset was written
//	acked N     the verdicts up to N are filed
//	ended CODE  a conversation ended, if PROVE_TELLS is 1
//
// It is a phone in a hurry: waits are over twenty times as fast as on a real one, or PROVE_HURRY times; PROVE_EVERY, a
// duration, is the least time between what it writes.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/clients/trust"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// hurry is how many times faster than on a real phone waits are over, where PROVE_HURRY says nothing.
const hurry = "20"

// ahead is how many changesets may wait for their verdicts.
const ahead = 40

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "phone:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: phone FILE WHO")
	}
	who, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	faster, err := strconv.Atoi(setting("PROVE_HURRY", hurry))
	if err != nil {
		return err
	}
	every, err := time.ParseDuration(setting("PROVE_EVERY", "0s"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	r, err := device.Open(args[0], device.Options{After: func(d time.Duration) <-chan time.Time { return time.After(d / time.Duration(faster)) }})
	if err != nil {
		return err
	}
	fmt.Println("open")
	id, err := r.Identity(ctx)
	if err != nil {
		return err
	}
	tokens, err := r.KeyTokens(ctx, nil)
	if err != nil {
		return err
	}
	known, err := r.Trust(ctx)
	if err != nil {
		return err
	}
	remote, err := device.WebSocket(id.Centre, tokens, device.WebSocketOptions{Centre: trust.NewCentre(known)})
	if err != nil {
		return err
	}
	var events device.Events
	if setting("PROVE_TELLS", "0") == "1" {
		events.Failed = ended
	}
	failed := make(chan error, 2)
	go func() {
		failed <- r.Run(ctx, pointed{remote}, events)
	}()
	p := &phone{r: r, who: who, every: every}
	go p.listen()
	go func() { failed <- p.work(ctx) }()
	return <-failed
}

func setting(name, otherwise string) string {
	if text := os.Getenv(name); text != "" {
		return text
	}
	return otherwise
}

// ended tells that a conversation is over.
func ended(err error, _ time.Duration) {
	var e *device.Error
	if errors.As(err, &e) {
		fmt.Printf("ended %s\n", e.Code)
		return
	}
	fmt.Printf("ended other\n")
}

type phone struct {
	r     *device.Replica
	who   int
	every time.Duration
	going atomic.Bool
	ready bool // the shared rows have come
}

// listen follows the words on standard input; at its end the process ends.
func (p *phone) listen() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		p.going.Store(in.Text() == "go")
	}
	os.Exit(0)
}

// work writes and tells.
func (p *phone) work(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	said := int64(0)
	for {
		var written, acked int64
		if err := p.r.QueryRow(ctx, `SELECT last_n, acked FROM ds_state`).Scan(&written, &acked); err != nil {
			return err
		}
		if acked > said {
			said = acked
			fmt.Printf("acked %d\n", acked)
		}
		if !p.going.Load() || written-acked >= ahead || !p.furnished(ctx) {
			<-tick.C
			continue
		}
		m, err := workload.Write(ctx, p.r, p.who)
		if err != nil {
			return err
		}
		fmt.Printf("wrote %d\n", m.N)
		if p.every > 0 {
			<-time.After(p.every)
		}
	}
}

// furnished tells whether the shared rows have come.
func (p *phone) furnished(ctx context.Context) bool {
	if !p.ready {
		_, err := p.r.Get(ctx, "wish", workload.Wish)
		p.ready = err == nil
	}
	return p.ready
}
