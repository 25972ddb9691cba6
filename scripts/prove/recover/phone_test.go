//go:build prove

package recover

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/prove/child"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

// phoneFile is the variable that makes this program a phone with that replica.
const phoneFile = "DOORSTEP_RECOVER_PHONE"

// phoneKills is how often the phone is killed.
const phoneKills = 20

// phone opens a replica, comes in step with its centre, and then writes until it is killed. It says a line after each.
func phone(path string) error {
	ctx := context.Background()
	r, err := device.Open(path, device.Options{})
	if err != nil {
		return err
	}
	fmt.Println("open")
	remote, err := remoteOf(ctx, r)
	if err != nil {
		return err
	}
	if _, err := r.Sync(ctx, remote); err != nil {
		return err
	}
	fmt.Println("in step")
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, remote, device.Events{}) }()
	for n := 0; ; n++ {
		select {
		case err := <-ended:
			return err
		default:
		}
		if err := enter(ctx, r, crowd.Grid(full), 1); err != nil {
			return err
		}
		fmt.Println("wrote", n)
	}
}

func remoteOf(ctx context.Context, r *device.Replica) (device.Remote, error) {
	id, err := r.Identity(ctx)
	if err != nil {
		return nil, err
	}
	tokens, err := r.KeyTokens(ctx, nil)
	if err != nil {
		return nil, err
	}
	return device.WebSocket(id.Centre, tokens, device.WebSocketOptions{})
}

// enter writes hazards, each a changeset of its own.
func enter(ctx context.Context, r *device.Replica, grid string, n int) error {
	for range n {
		if _, err := r.Write(ctx, func(tx *device.Tx) error {
			_, err := tx.Insert("hazard", map[string]any{"scope": grid, "kind_code": "stairs", "description": "二单元楼道堆放杂物（虚构数据）"})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// full is the first grid that is filled to the brim.
const full = first + 1

// phones kills a device whose replica holds 20,000 records while it writes and synchronises, and measures from the start of
// its program until it is in step again. Nothing that it had written is missing.
func (s *site) phones() {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "replica.db")
	var code string
	s.seeding(func(ctx context.Context, x *crowd.Seeding) {
		m, err := x.Member(ctx, "resident", crowd.Grid(full))
		require.NoError(s.t, err)
		code, err = x.Code(ctx, m.Account)
		require.NoError(s.t, err)
	})
	s.start()
	r := s.enrol(file, code)
	began := time.Now()
	s.synced(r)
	require.NoError(s.t, r.Close())
	s.t.Logf("a replica of %d records was made in %v", perGrid, time.Since(began).Round(time.Millisecond))
	var opened, times spread
	wrote := 0
	for range phoneKills {
		began := time.Now()
		c, err := child.Start(os.Args[0], []string{phoneFile + "=" + file})
		require.NoError(s.t, err)
		s.said(c, 1)
		opened = append(opened, time.Since(began))
		s.said(c, 2)
		times = append(times, time.Since(began))
		s.said(c, 20)
		c.Kill()
		wrote += c.Count() - 2
	}
	s.t.Logf("a killed device of %d records: %v until its replica is open, %v until it is in step", perGrid, opened, times)
	figures.Of(s.t, figures.Phone20K, ms(times.longest()))
	r, err := device.Open(file, device.Options{})
	require.NoError(s.t, err)
	s.synced(r)
	require.GreaterOrEqual(s.t, s.hazards(r), perGrid+wrote, "what the phone had written is gone")
	require.NoError(s.t, r.Close())
	s.centre.Stop()
}

// said waits for so many lines.
func (s *site) said(c *child.Child, n int) {
	s.t.Helper()
	for c.Count() < n {
		select {
		case <-c.More:
		case <-c.Done:
			s.t.Fatalf("the phone ended: %s", c.Errors())
		case <-time.After(time.Minute):
			c.Kill()
			s.t.Fatal("the phone says nothing for a minute")
		}
	}
}

// enrol makes a replica.
func (s *site) enrol(file, code string) *device.Replica {
	s.t.Helper()
	r, err := device.Create(file, device.Options{})
	require.NoError(s.t, err)
	_, err = r.Enrol(s.t.Context(), device.Enrolment{Centre: s.centre.URL, Code: code, Label: "recover"})
	require.NoError(s.t, err)
	return r
}

// synced brings a replica in step.
func (s *site) synced(r *device.Replica) {
	s.t.Helper()
	remote, err := remoteOf(s.t.Context(), r)
	require.NoError(s.t, err)
	_, err = r.Sync(s.t.Context(), remote)
	require.NoError(s.t, err)
}

// hazards counts the records of a replica.
func (s *site) hazards(r *device.Replica) (n int) {
	s.t.Helper()
	require.NoError(s.t, r.QueryRow(s.t.Context(), `SELECT count(*) FROM hazard`).Scan(&n))
	return n
}
