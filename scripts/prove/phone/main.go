// Phone is a device of the kill proof: it keeps an enrolled replica in step with the centre and, between the words go
// and rest on its standard input, writes as fast as verdicts come. It prints, each once it is durable on the device:
//
//	open        the replica is open
//	met         the centre has answered for the first time
//	wrote N     a changeset was written
//	acked N     the verdicts up to N are filed
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// hurry is how many times faster than on a real phone waits are over.
const hurry = 20

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
	ctx := context.Background()
	r, err := device.Open(args[0], device.Options{After: func(d time.Duration) <-chan time.Time { return time.After(d / hurry) }})
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
	remote, err := device.WebSocket(id.Centre, tokens, device.WebSocketOptions{})
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() {
		failed <- r.Run(ctx, pointed{remote}, device.Events{})
	}()
	p := &phone{r: r, who: who}
	go p.listen()
	go func() { failed <- p.work(ctx) }()
	return <-failed
}

type phone struct {
	r     *device.Replica
	who   int
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
