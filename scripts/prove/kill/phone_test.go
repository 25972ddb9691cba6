package kill

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/workload"
)

// phone is a device: a replica, and the process that works with it. What the process has promised outlives it.
type phone struct {
	*child.Child
	t       testing.TB
	program string
	who     int
	file    string
	points  string
	device  string // its id
	account string
	grant   string // the assignment to the other grid that it has; "" = none
	read    int    // lines of the running process that are read

	wrote, acked int64 // promised: the last n written, the last n with a verdict

	started time.Time     // this process
	opened  time.Duration // until its replica was open; 0 = not yet
	met     time.Duration // until the centre had answered; 0 = not yet
	down    bool          // it was killed, and is not started again
}

// enrol makes the replica and has the desk's one write the shared rows.
func (p *phone) enrol(centre, code string) {
	p.t.Helper()
	ctx := context.Background()
	r, err := device.Create(p.file, device.Options{})
	require.NoError(p.t, err)
	defer r.Close()
	id, err := r.Enrol(ctx, device.Enrolment{Centre: centre, Code: code, Label: fmt.Sprintf("phone %d", p.who)})
	require.NoError(p.t, err)
	p.device = id.Device
	if p.who != workload.Desk {
		return
	}
	tokens, err := r.KeyTokens(ctx, nil)
	require.NoError(p.t, err)
	remote, err := device.WebSocket(centre, tokens, device.WebSocketOptions{})
	require.NoError(p.t, err)
	_, err = r.Sync(ctx, remote)
	require.NoError(p.t, err)
	_, err = r.Write(ctx, func(tx *device.Tx) error {
		for _, row := range workload.Shared() {
			if err := insert(tx, workload.Scope, row); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(p.t, err)
	_, err = r.Write(ctx, func(tx *device.Tx) error {
		for i := range workload.Buildings {
			values := map[string]any{"no": fmt.Sprint(i + 1), "notes": fmt.Sprintf(canary+" %d 号楼 %x", i+1, sha256.Sum256([]byte{byte(i)}))}
			if err := insert(tx, workload.Other, workload.Row{Table: "building", Values: values}); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(p.t, err)
	report, err := r.Sync(ctx, remote)
	require.NoError(p.t, err)
	require.Equal(p.t, 2, report.Verdicts)
}

func insert(tx *device.Tx, scope string, row workload.Row) error {
	values := map[string]any{"scope": scope}
	if row.ID != "" {
		values["id"] = string(row.ID)
	}
	for k, v := range row.Values {
		values[k] = v
	}
	_, err := tx.Insert(row.Table, values)
	return err
}

// start runs the process, which writes from the beginning.
func (p *phone) start() {
	p.t.Helper()
	var err error
	p.read, p.started, p.opened, p.met, p.down = 0, time.Now(), 0, 0, false
	p.Child, err = child.Start(p.program, environment("PROVE_POINTS="+p.points), p.file, strconv.Itoa(p.who))
	require.NoError(p.t, err)
	p.Tell("go")
}

// listen takes over what the process has promised since.
func (p *phone) listen() {
	for _, line := range p.Lines(p.read) {
		p.read++
		var n int64
		switch {
		case line == "open":
			p.opened = time.Since(p.started)
		case line == "met":
			p.met = time.Since(p.started)
		case scan(line, "wrote %d", &n):
			p.wrote = n
		case scan(line, "acked %d", &n):
			p.acked = n
		default:
			p.t.Fatalf("phone %d said %q", p.who, line)
		}
	}
}

func scan(line, form string, n *int64) bool {
	_, err := fmt.Sscanf(line, form, n)
	return err == nil
}
