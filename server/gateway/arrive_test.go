package gateway_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/server/feed"
	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// fill puts rows into a grid of its own for a device.
func (c *county) fill(i, rows int) {
	c.t.Helper()
	scope := fmt.Sprintf("grid-%d", i)
	c.store.SetPrincipal(deviceID(i), &se.Principal{
		Account: "account-of-" + deviceID(i), Device: deviceID(i), Grants: []se.Grant{{Scope: scope, Role: "grid_worker"}},
	})
	cs := &se.Changeset{Device: deviceID(i), N: 1, Author: "account-of-" + deviceID(i), Schema: 1}
	for n := range rows {
		cs.Changes = append(cs.Changes, se.Change{Table: "hazard", Row: rowID(i<<20 | 1<<19 | n), Op: se.OpInsert, Cells: []se.CellWrite{
			{Cell: "scope", Values: []schema.Value{schema.Text(scope)}}, {Cell: "kind_code", Values: []schema.Value{schema.Text("stairs")}},
			{Cell: "description", Values: []schema.Value{schema.Text(fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i), byte(n), byte(n >> 8)})))}},
		}})
	}
	results, err := c.centre.Submit(c.t.Context(), []*se.Changeset{cs}, se.Contact{})
	require.NoError(c.t, err)
	require.Equal(c.t, se.Accepted, results[0].Verdict.Kind, "%+v", results[0].Verdict.Reason)
}

// arrive takes the whole of the phone's first step, each chunk checked against its manifest, and counts rows. It says that
// it has seen the first part when it may go on.
func (p *phone) arrive(unpacks []string, on <-chan struct{}, packings *sync.Map) (rows int, err error) {
	p.hello.Unpacks = unpacks
	p.say(&session.Hello{Hello: p.hello})
	manifests := map[string]*session.Manifest{}
	for frames := int64(0); ; {
		m, err := p.next()
		if err != nil {
			return rows, err
		}
		switch m := m.(type) {
		case *session.Manifest:
			manifests[m.ID] = m
		case *session.Delta:
			frames++
			rows += len(m.Items)
			if m.Packed != nil {
				sum := manifests[m.Snapshot].Chunks[m.Chunk-1]
				if se.Hash(sha256.Sum256(m.Packed)) != sum.Hash {
					return rows, fmt.Errorf("chunk %d has another hash", m.Chunk)
				}
				items, err := wire.Unpack(manifests[m.Snapshot].Encoding, m.Packed, sum.Size)
				if err != nil || len(items) != sum.Rows {
					return rows, fmt.Errorf("chunk %d has %d rows: %w", m.Chunk, len(items), err)
				}
				rows += sum.Rows
				packings.Store(manifests[m.Snapshot].Encoding, true)
			}
			select {
			case <-on:
			case <-time.After(p.patience):
				return rows, errors.New("the bystander was not served meanwhile")
			}
			p.say(&session.Seen{Frames: frames, Epoch: m.To.Epoch, Cursor: m.To.Seq, View: m.View})
			if m.Done {
				return rows, nil
			}
		}
	}
}

// Thirty devices that need everything come at once. What is read and queued for them and what is kept of snapshots stays
// within its bytes, all of them get all of it, and somebody else's changesets are judged meanwhile as if they were alone.
func TestManyArriveAtOnce(t *testing.T) {
	const devices, rows, heavy, packed = 30, 2000, 5 << 20, 640 << 10
	snapshots := se.NewSnapshots(se.SnapshotOptions{Packers: wire.Packers(), Bytes: packed})
	var c *county
	bells := feed.New()
	c = open(t, func(o *gateway.Options) {
		o.MaxHeavy = heavy
		o.Bell = bells.County(1)
	})
	// The same store behind a centre that keeps snapshots, and takes large changesets for filling it.
	s, err := declared()
	require.NoError(t, err)
	cen := centre.New(se.New(s, se.DefaultLimits), c.store, centre.Options{Now: time.Now, Bell: bells.County(1), Snapshots: snapshots})
	c.centre.Close()
	c.centre = cen
	c.swap(cen)
	for i := range devices {
		c.fill(i, rows)
	}
	by := c.greet(90, wire.Binary)
	const meanwhile = 4 // nobody has arrived before the bystander was served so often, however fast or slow the machine
	on := make(chan struct{})
	var wg sync.WaitGroup
	var packings sync.Map // encodings that came
	got, errs := make([]int, devices), make([]error, devices)
	for i := range devices {
		p := c.dial(i, wire.Binary)
		p.patience = 2 * time.Minute                                                         // it waits for its turn
		wg.Go(func() { got[i], errs[i] = p.arrive(wire.Unpackable()[i%2:], on, &packings) }) // every other one is of an earlier version
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for range meanwhile {
		by.works()
	}
	close(on)
	for busy := true; busy; {
		by.works()
		select {
		case <-done:
			busy = false
		default:
		}
	}
	for i := range devices {
		require.NoError(t, errs[i])
		require.Equal(t, rows, got[i])
	}
	for _, encoding := range wire.Unpackable() {
		_, out := packings.Load(encoding)
		require.True(t, out, encoding)
	}
	waiting, used, most := c.gate.Heavy()
	require.Zero(t, waiting)
	require.Zero(t, used, "everything is given back")
	require.Positive(t, most)
	require.LessOrEqual(t, most, heavy)
	stats := snapshots.Stats()
	require.GreaterOrEqual(t, stats.Built, int64(devices))
	require.LessOrEqual(t, stats.Bytes, packed)
	require.Positive(t, stats.Evicted)
}
