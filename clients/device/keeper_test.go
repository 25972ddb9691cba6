package device_test

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Under a PIN the file holds nothing of the secret, opens by that PIN alone, and is gone when it is forgotten.
func TestKeeper(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	k := &device.FileKeeper{Path: path, PIN: "2468"}
	none, err := k.Load()
	require.NoError(t, err)
	require.Nil(t, none)
	require.NoError(t, k.Store([]byte("secret-canary")))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(text), "canary")
	for range 2 {
		back, err := k.Load()
		require.NoError(t, err)
		require.Equal(t, "secret-canary", string(back))
	}
	for _, pin := range []string{"", "2469"} {
		_, err = (&device.FileKeeper{Path: path, PIN: pin}).Load()
		require.ErrorIs(t, err, device.ErrPIN)
	}
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = k.Load()
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, k.Forget())
	require.NoError(t, k.Forget())
	require.NoFileExists(t, path)
	again, err := k.Load()
	require.NoError(t, err)
	require.Nil(t, again)
}

// A program that was not given the PIN, such as one that sends for everybody on a phone, neither reads nor replaces what is
// under it; when the keys are to go, they go all the same.
func TestKeysUnderAPINAreLeftToWhoKnowsIt(t *testing.T) {
	r := create(t)
	keys := func(r *device.Replica, b byte) {
		var list []seal.Key
		if b > 0 {
			list = []seal.Key{{Table: "resident", Column: "id_no", ID: 1, Secret: [32]byte{b}}}
		}
		greet(t, r.Session(), &se.Welcome{Epoch: 1, View: viewA, Grants: grants(), Limits: se.DefaultLimits, Keys: list})
	}
	with := func(pin string) *device.Replica {
		require.NoError(t, r.Close())
		var err error
		r, err = device.Open(r.Path(), device.Options{Clock: &hand{}, Keys: &device.FileKeeper{Path: device.SealPath(r.Path()), PIN: pin}})
		require.NoError(t, err)
		return r
	}
	defer func() { _ = r.Close() }()
	file := func() string {
		text, err := os.ReadFile(device.SealPath(r.Path()))
		require.NoError(t, err)
		return string(text)
	}
	keys(r, 1)
	require.NoError(t, device.SetPIN(r.Path(), "", "2468"))
	before := file()
	for _, pin := range []string{"", "2469"} {
		keys(with(pin), 2)
		require.Equal(t, before, file())
	}
	require.ErrorIs(t, (&device.FileKeeper{Path: device.SealPath(r.Path())}).Store([]byte("x")), device.ErrPIN)
	keys(with("2468"), 2)
	require.NotEqual(t, before, file(), "who knows it takes over what is new")
	under, err := (&device.FileKeeper{Path: device.SealPath(r.Path())}).Wrapped()
	require.NoError(t, err)
	require.True(t, under)
	keys(with(""), 0)
	require.NoFileExists(t, device.SealPath(r.Path()))
}

// cutting is a way to the centre on which something happens just before a message is handed over.
type cutting struct {
	device.Remote
	before func(session.Message)
}

func (c cutting) Dial(ctx context.Context) (device.Conn, error) {
	conn, err := c.Remote.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return cuttingConn{conn, c.before}, nil
}

type cuttingConn struct {
	device.Conn
	before func(session.Message)
}

func (c cuttingConn) Receive() (session.Message, error) {
	m, err := c.Conn.Receive()
	if err == nil {
		c.before(m)
	}
	return m, err
}

// Whoever signs out in the middle of a sync gets nothing more into the file, and no keys back, however much is on its way.
func TestLogoutDuringSync(t *testing.T) {
	o := opened(t)
	o.divisions()
	wang, out := o.enrolled("wang", "grid_worker")
	_, err := wang.Write(bg, func(tx *device.Tx) error {
		_, err := tx.Insert("hazard", map[string]any{"scope": grid, "kind_code": "stairs", "description": "canary"})
		return err
	})
	require.NoError(t, err)
	_, err = wang.Sync(bg, out)
	require.NoError(t, err)
	for name, when := range map[string]func(session.Message) bool{
		"welcome": func(m session.Message) bool { _, ok := m.(*session.Welcome); return ok },
		"delta":   func(m session.Message) bool { _, ok := m.(*session.Delta); return ok },
	} {
		t.Run(name, func(t *testing.T) {
			r, remote := o.enrolled("li-"+name, "grid_worker")
			var left [32]byte
			gone := false
			_, err := r.Sync(bg, cutting{remote, func(m session.Message) {
				if !gone && when(m) {
					gone = true
					require.NoError(t, r.Close())
					require.NoError(t, r.ForgetKeys())
					left = sum(t, r.Path())
				}
			}})
			require.Error(t, err)
			require.True(t, gone)
			require.Equal(t, left, sum(t, r.Path()))
			require.NoFileExists(t, device.SealPath(r.Path()))
			require.NoFileExists(t, r.Path()+"-wal")
			text, err := os.ReadFile(r.Path())
			require.NoError(t, err)
			require.NotContains(t, string(text), "canary")
		})
	}
}

func sum(t *testing.T, path string) (out [32]byte) {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return sha256.Sum256(b)
}
