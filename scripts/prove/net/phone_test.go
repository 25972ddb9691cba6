//go:build prove

package net

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/clients/trust"
	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// phone is a replica and the process that works with it.
type phone struct {
	*child.Child
	t    testing.TB
	who  int
	file string
	read int // lines that are read

	wrote, acked int64          // promised: the last n written, the last n with a verdict
	ended        int            // conversations that ended
	endedAt      time.Time      // when this test heard of the last
	why          string         // its code
	whys         map[string]int // conversations that ended, by code
}

// start runs the process, which writes from the beginning.
func (p *phone) start(front []string, program string, env ...string) {
	p.t.Helper()
	line := append(slices.Clone(front), program, p.file, strconv.Itoa(p.who))
	var err error
	p.Child, err = child.Start(line[0], append(env, "PROVE_TELLS=1"), line[1:]...)
	require.NoError(p.t, err)
	p.Tell("go")
}

// listen takes over what the process has said since.
func (p *phone) listen() {
	for _, line := range p.Lines(p.read) {
		p.read++
		var n int64
		switch {
		case line == "open" || line == "met":
		case scan(line, "wrote %d", &n):
			p.wrote = n
		case scan(line, "acked %d", &n):
			p.acked = n
		case scan(line, "ended %s", &p.why):
			p.ended++
			p.endedAt = time.Now()
			if p.whys == nil {
				p.whys = map[string]int{}
			}
			p.whys[p.why]++
		default:
			p.t.Fatalf("phone %d said %q", p.who, line)
		}
	}
}

func scan(line, form string, to any) bool {
	_, err := fmt.Sscanf(line, form, to)
	return err == nil
}

// enrolling is the word with which this test's program enrols a replica and does nothing else, from within the network
// that it is started in.
const enrolling = "enrol-a-replica"

// enrolled is that program: FILE CENTRE CODE WHO.
func enrolled(args []string) int {
	who, err := strconv.Atoi(args[3])
	if err == nil {
		err = enrol(args[0], args[1], args[2], who)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// enrol makes a replica and has the desk's one write the shared rows.
func enrol(file, centre, code string, who int) error {
	ctx := context.Background()
	r, err := device.Create(file, device.Options{})
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := r.Enrol(ctx, device.Enrolment{Centre: centre, Code: code, Label: fmt.Sprintf("phone %d", who)}); err != nil || who != workload.Desk {
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
	remote, err := device.WebSocket(centre, tokens, device.WebSocketOptions{Centre: trust.NewCentre(known)})
	if err != nil {
		return err
	}
	if _, err = r.Sync(ctx, remote); err != nil {
		return err
	}
	_, err = r.Write(ctx, func(tx *device.Tx) error {
		for _, row := range workload.Shared() {
			values := map[string]any{"scope": workload.Scope, "id": string(row.ID)}
			for k, v := range row.Values {
				values[k] = v
			}
			if _, err := tx.Insert(row.Table, values); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	report, err := r.Sync(ctx, remote)
	if err == nil && report.Verdicts != 1 {
		err = fmt.Errorf("%d verdicts on the shared rows", report.Verdicts)
	}
	return err
}
