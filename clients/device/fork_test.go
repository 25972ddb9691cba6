package device_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// twinned closes a replica, copies it into a folder of its own, and opens it again.
func twinned(t *testing.T, r *device.Replica, name string) (again *device.Replica, twin string) {
	t.Helper()
	require.NoError(t, r.Close())
	twin = copyOf(t, r.Path(), name)
	return reopened(t, r.Path()), twin
}

// copyOf copies the files of a closed replica, its key with them, into a folder of its own.
func copyOf(t *testing.T, path, name string) (to string) {
	t.Helper()
	to = filepath.Join(t.TempDir(), name)
	copied(t, path, to)
	return to
}

// copied copies the files of a closed replica, its key with them.
func copied(t *testing.T, from, to string) {
	t.Helper()
	list, err := filepath.Glob(from + "*")
	require.NoError(t, err)
	for _, f := range list {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to+strings.TrimPrefix(f, from), text, 0o600))
	}
}

func reopened(t *testing.T, path string) *device.Replica {
	t.Helper()
	r, err := device.Open(path, device.Options{App: "test 1"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func way(t *testing.T, r *device.Replica) device.Remote {
	t.Helper()
	w, err := r.Remote(bg, nil, device.WebSocketOptions{})
	require.NoError(t, err)
	return w
}

// town makes a county with a grid and a building in it, and a worker's replica that holds it.
func (o *office) town(t *testing.T) (path string, building se.RowID) {
	t.Helper()
	o.divisions()
	boss, bossWay := o.enrolled("boss", "supervisor")
	synced(t, boss, bossWay)
	building = insert(t, boss, "building", map[string]any{"no": "1"})
	synced(t, boss, bossWay)
	a, aWay := o.enrolled("wang", "grid_worker")
	synced(t, a, aWay)
	path = a.Path()
	require.NoError(t, a.Close())
	return path, building
}

func room(t *testing.T, r *device.Replica, building se.RowID, no string) se.RowID {
	t.Helper()
	return insert(t, r, "dwelling", map[string]any{"building_id": building, "room_no": no})
}

// wholly tells that nothing waits on a replica, nothing was refused, and gives who it is.
func wholly(t *testing.T, r *device.Replica) device.Status {
	t.Helper()
	s, err := r.Status(bg)
	require.NoError(t, err)
	require.Zero(t, s.Outbox)
	require.Zero(t, s.Refused)
	require.Empty(t, s.Notices)
	return s
}

// TestCopiedReplicaGoesOn (O22, O36): a replica's folder is copied, both have work that was never sent and write more;
// both sync, over and over. The second one to come is a device of its own from where they part: everything is at the
// centre once, and both go on. A third copy, lent to nobody and found later, does the same.
func TestCopiedReplicaGoesOn(t *testing.T) {
	o := opened(t)
	path, building := o.town(t)
	a := reopened(t, path)
	room(t, a, building, "sent")
	synced(t, a, way(t, a))
	room(t, a, building, "both have it")
	require.NoError(t, a.Close())
	twin, third := copyOf(t, path, "twin.db"), copyOf(t, path, "third.db")
	a, b := reopened(t, path), reopened(t, twin)
	room(t, a, building, "written on a")
	room(t, b, building, "written on b")
	room(t, b, building, "and more on b")

	require.Nil(t, synced(t, a, way(t, a)).Became)
	bWay := way(t, b)
	report := synced(t, b, bWay)
	require.NotNil(t, report.Became, "told once")
	require.EqualValues(t, 2, report.Became.Fork, "what both have is the centre's; what b alone has comes after it")
	require.Nil(t, synced(t, b, bWay).Became)
	synced(t, a, way(t, a))
	sa, sb := wholly(t, a), wholly(t, b)
	require.NotEqual(t, sa.Identity.Device, sb.Identity.Device)
	require.Equal(t, report.Became.Device, sb.Identity.Device)
	require.Equal(t, sa.Identity.Device, sb.Became[0].Parent)
	require.Empty(t, sa.Became)
	require.Equal(t, dump(t, a), dump(t, b))
	require.Len(t, entered(t, a), 1+5, "each once")

	for _, r := range []*device.Replica{a, b} {
		room(t, r, building, "goes on "+r.Path()[len(r.Path())-6:])
		synced(t, r, way(t, r))
	}
	c := reopened(t, third)
	room(t, c, building, "found later")
	synced(t, c, way(t, c))
	synced(t, a, way(t, a))
	synced(t, b, bWay)
	require.Len(t, entered(t, a), 1+8)
	require.Equal(t, dump(t, a), dump(t, b))
	require.Equal(t, dump(t, a), dump(t, c))
	require.NoFileExists(t, device.KeyPath(twin)+".next")
	shown := o.get("/v1/devices/" + sb.Identity.Device)
	require.Equal(t, sa.Identity.Device, shown["parent"])
	require.EqualValues(t, 2, shown["fork"])
}

// TestReplicaPutBack (O22, O36): a replica is put back from its own backup to an older state and written on. It hears that
// it is behind itself, becomes a device of its own at the place where the backup was made, and brings what it wrote since;
// what it had sent before comes back to it from the centre. Nothing is there twice.
func TestReplicaPutBack(t *testing.T) {
	o := opened(t)
	path, building := o.town(t)
	a := reopened(t, path)
	room(t, a, building, "before the backup")
	synced(t, a, way(t, a))
	waits := room(t, a, building, "unsent in the backup")
	a, backup := twinned(t, a, "backup.db")
	synced(t, a, way(t, a))
	write(t, a, func(tx *device.Tx) error {
		return tx.Set("dwelling", waits, map[string]any{"room_no": "edited after it"})
	})
	after := room(t, a, building, "after the backup")
	synced(t, a, way(t, a))
	old, err := a.Identity(bg)
	require.NoError(t, err)
	require.NoError(t, a.Close())
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(path + end)
	}
	copied(t, backup, path)

	a = reopened(t, path)
	require.Equal(t, device.MarkSaved, mark(t, a, "dwelling", waits))
	fresh := room(t, a, building, "put back")
	report := synced(t, a, way(t, a))
	require.NotNil(t, report.Became)
	require.Equal(t, old.Device, report.Became.Parent)
	require.EqualValues(t, 2, report.Became.Fork, "what had reached the centre is known to be there")
	wholly(t, a)
	for _, id := range []se.RowID{waits, after, fresh} {
		require.Equal(t, device.MarkDone, mark(t, a, "dwelling", id))
	}
	require.Len(t, entered(t, a), 1+4)
	row, err := a.Get(bg, "dwelling", waits)
	require.NoError(t, err)
	require.Equal(t, "edited after it", row.Values["room_no"].Str())
	require.NoError(t, a.Close())
	a = reopened(t, path)
	room(t, a, building, "another day")
	synced(t, a, way(t, a))
	require.Len(t, entered(t, a), 1+5)
}

// TestForkIsTakenUpAgain: the request for a device of one's own is cut off anywhere: before it is sent, before the answer
// comes, before the answer is written, before the key has its place. The next round goes on, and the centre makes one device.
func TestForkIsTakenUpAgain(t *testing.T) {
	o := opened(t)
	path, building := o.town(t)
	a := reopened(t, path)
	room(t, a, building, "1")
	a, twin := twinned(t, a, "twin.db")
	room(t, a, building, "a")
	synced(t, a, way(t, a))
	b := reopened(t, twin)
	room(t, b, building, "b")
	cut := &lossy{}
	client := &http.Client{Transport: cut}
	remote, err := b.Remote(bg, client, device.WebSocketOptions{})
	require.NoError(t, err)
	devices := func() int { return len(o.get("/v1/devices?limit=1000")["devices"].([]any)) }
	before := devices()
	for _, cut.request = range []bool{true, false} {
		cut.on = true
		refusedSync(t, b, remote, device.CodeOffline)
		require.FileExists(t, device.KeyPath(twin)+".next", "the key is on the disk before it is used")
	}
	require.Equal(t, before+1, devices(), "the second request came through, its answer did not")
	cut.on = false
	next, err := os.ReadFile(device.KeyPath(twin) + ".next")
	require.NoError(t, err)
	was, err := os.ReadFile(device.KeyPath(twin))
	require.NoError(t, err)
	synced(t, b, remote)
	require.Equal(t, before+1, devices())
	now, err := os.ReadFile(device.KeyPath(twin))
	require.NoError(t, err)
	require.Equal(t, next, now)

	// Killed between the transaction and the renaming.
	require.NoError(t, b.Close())
	require.NoError(t, os.WriteFile(device.KeyPath(twin)+".next", next, 0o600))
	require.NoError(t, os.WriteFile(device.KeyPath(twin), was, 0o600))
	b = reopened(t, twin)
	room(t, b, building, "b goes on")
	require.Nil(t, synced(t, b, way(t, b)).Became)
	require.Equal(t, before+1, devices())
	synced(t, a, way(t, a))
	require.Equal(t, dump(t, a), dump(t, b))
	require.Len(t, entered(t, a), 1+4)
}

// TestCopiesOfACopyOnItsWay: the folder is copied while a new key waits in it: two copies ask with the same key. The one that
// is not what the centre made a device of makes another key.
func TestCopiesOfACopyOnItsWay(t *testing.T) {
	o := opened(t)
	path, building := o.town(t)
	a := reopened(t, path)
	room(t, a, building, "1")
	synced(t, a, way(t, a))
	a, old := twinned(t, a, "old.db")
	room(t, a, building, "2")
	a, young := twinned(t, a, "young.db")
	room(t, a, building, "3")
	synced(t, a, way(t, a))

	b := reopened(t, young)
	room(t, b, building, "b")
	cut := &lossy{on: true}
	remote, err := b.Remote(bg, &http.Client{Transport: cut}, device.WebSocketOptions{})
	require.NoError(t, err)
	refusedSync(t, b, remote, device.CodeOffline)
	key, err := os.ReadFile(device.KeyPath(young) + ".next")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(device.KeyPath(old)+".next", key, 0o600))

	c := reopened(t, old)
	for _, no := range []string{"c1", "c2", "c3"} {
		room(t, c, building, no)
	}
	report := synced(t, c, way(t, c))
	require.EqualValues(t, 1, report.Became.Fork)
	cut.on = false
	report = synced(t, b, remote)
	require.EqualValues(t, 2, report.Became.Fork)
	for range 2 {
		for _, r := range []*device.Replica{a, b, c} {
			synced(t, r, way(t, r))
		}
	}
	require.Equal(t, dump(t, a), dump(t, b))
	require.Equal(t, dump(t, a), dump(t, c))
	require.Len(t, entered(t, a), 1+3+1+3)
}

// TestRefusedCopyStops: a copy of a device that was revoked gets no new name; it stops, says so, and keeps its work.
func TestRefusedCopyStops(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	file := filepath.Join(t.TempDir(), "copy.db")
	shell(t, a, "VACUUM INTO '"+file+"';")
	twin, err := device.Open(file, device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer twin.Close()
	household(t, a)
	household(t, twin)
	synced(t, a, c)
	for _, remote := range []device.Remote{c, refusing{c}} {
		ctx, cancel := timeout()
		_, err = twin.Sync(ctx, remote)
		cancel()
		require.Equal(t, device.CodeClone, device.CodeOf(err), "%v", err)
		var e *device.Error
		require.ErrorAs(t, err, &e)
		require.False(t, e.Retry)
		require.Len(t, outbox(t, twin), 1)
	}
	s, err := twin.Status(bg)
	require.NoError(t, err)
	require.Len(t, s.Notices, 1)
	require.Empty(t, s.Became)
}

// refusing is a centre that makes no devices of copies.
type refusing struct{ device.Remote }

func (refusing) Fork(context.Context, device.ForkRequest) (se.Forked, error) {
	return se.Forked{}, &device.Error{Code: device.CodeRevoked}
}

// lossy loses requests to make a device of a copy, or their answers.
type lossy struct{ on, request bool }

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	if !l.on || r.URL.Path != "/v1/devices/fork" {
		return http.DefaultTransport.RoundTrip(r)
	}
	if !l.request {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	return nil, context.DeadlineExceeded
}
