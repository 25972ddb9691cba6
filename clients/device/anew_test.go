package device_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// opened starts the centre on its folder and makes the administrator, a grid, and a replica that holds a building.
func (p *program) opened(t *testing.T) (path string, building se.RowID) {
	t.Helper()
	p.administered(p.start())
	return p.town(t)
}

func (p *program) database(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.data, "doorstep.db"))
	require.NoError(t, err)
	return text
}

// account gives the id of a login.
func (p *program) account(login string) string {
	for _, a := range p.get("/v1/accounts?limit=1000")["accounts"].([]any) {
		if m := a.(map[string]any); m["login"] == login {
			return m["id"].(string)
		}
	}
	return ""
}

// code gives a new enrolment code for a login.
func (p *program) code(login string) string {
	return p.post("/v1/codes", map[string]any{"account": p.account(login)})["code"].(string)
}

// backedUp takes a copy of the database while the centre is stopped: then its log is in the file.
func (p *program) backedUp(t *testing.T) (path string) {
	t.Helper()
	p.stop()
	path = filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, os.WriteFile(path, p.database(t), 0o600))
	p.start()
	return path
}

// sentAndUnsent starts a centre and a phone that has sent one record and written another since.
func sentAndUnsent(t *testing.T) (*program, *device.Replica) {
	t.Helper()
	p := built(t)
	path, building := p.opened(t)
	a := reopened(t, path)
	room(t, a, building, "sent")
	synced(t, a, way(t, a))
	room(t, a, building, "unsent")
	return p, a
}

func refusedSync(t *testing.T, r *device.Replica, remote device.Remote, code device.Code) {
	t.Helper()
	ctx, cancel := timeout()
	defer cancel()
	_, err := r.Sync(ctx, remote)
	require.Equal(t, code, device.CodeOf(err), "%v", err)
}

// TestEnrolledAfterTheBackup: a phone that was enrolled after the backup was taken is unknown to the restored centre. A new
// code for its person makes it a device again: what the centre lost of it comes back, what it never sent comes too.
func TestEnrolledAfterTheBackup(t *testing.T) {
	p := built(t)
	path, building := p.opened(t)
	a := reopened(t, path)
	p.post("/v1/accounts", map[string]any{"login": "late", "name": "late"})
	late := p.account("late")
	p.post("/v1/assignments", map[string]any{"account": late, "role": "grid_worker", "scope": grid})
	backup := p.backedUp(t)
	p.login()
	b, err := device.Create(filepath.Join(t.TempDir(), "late.db"), device.Options{App: "test 1"})
	require.NoError(t, err)
	defer b.Close()
	first := p.code("late")
	old, err := b.Enrol(bg, device.Enrolment{Centre: p.url, Code: first, Label: "late"})
	require.NoError(t, err)
	_, err = b.Enrol(bg, device.Enrolment{Centre: p.url, Code: p.code("late"), Label: "late"})
	require.Equal(t, device.CodeEnrolled, device.CodeOf(err), "the centre knows it: %v", err)
	synced(t, b, way(t, b))
	for _, no := range []string{"1", "2", "3"} {
		room(t, b, building, no)
		synced(t, b, way(t, b))
	}
	room(t, b, building, "4, unsent")
	before := entered(t, b)
	remote := way(t, b)
	p.stop()
	p.run("restore", backup)
	p.start()
	p.login()
	refusedSync(t, b, remote, device.CodeUnauthorised)
	require.Equal(t, before, entered(t, b), "nothing is taken from it")
	_, err = b.Enrol(bg, device.Enrolment{Centre: p.url, Code: p.code("late"), Label: "late"})
	require.Error(t, err, "not before it is confirmed")
	p.post("/v1/restore/confirm", map[string]any{})
	_, err = b.Enrol(bg, device.Enrolment{Centre: p.url, Code: p.code("wang"), Label: "late"})
	require.Error(t, err, "a code for somebody else")
	id, err := b.Enrol(bg, device.Enrolment{Centre: p.url, Code: p.code("late"), Label: "late"})
	require.NoError(t, err)
	require.NotEqual(t, old.Device, id.Device)
	synced(t, b, way(t, b))
	synced(t, b, remote)
	require.Equal(t, before, entered(t, b))
	s := wholly(t, b)
	require.Equal(t, old.Device, s.Became[0].Parent)
	require.Len(t, s.Asides, 1)
	synced(t, a, way(t, a))
	require.Equal(t, dump(t, a), dump(t, b), "the centre has it all")
	require.NoError(t, b.DropAsides())
	require.Empty(t, wholly(t, b).Asides)
}

// TestCopyMadeAfterTheBackup: a copied replica became a device of its own after the backup was taken. The restored centre does
// not know it, but the one that it is a copy of: enrolled again it is a copy of that one, and what both have is not offered
// a second time under another name.
func TestCopyMadeAfterTheBackup(t *testing.T) {
	p := built(t)
	path, building := p.opened(t)
	a := reopened(t, path)
	room(t, a, building, "both have it")
	synced(t, a, way(t, a))
	require.NoError(t, a.Close())
	twin := copyOf(t, path, "twin.db")
	backup := p.backedUp(t)
	a, b := reopened(t, path), reopened(t, twin)
	room(t, a, building, "a")
	synced(t, a, way(t, a))
	room(t, b, building, "b")
	remote := way(t, b)
	require.NotNil(t, synced(t, b, remote).Became)
	p.stop()
	p.run("restore", backup)
	p.start()
	p.login()
	p.post("/v1/restore/confirm", map[string]any{})
	refusedSync(t, b, remote, device.CodeUnauthorised)
	_, err := b.Enrol(bg, device.Enrolment{Centre: p.url, Code: p.code("wang"), Label: "wang"})
	require.NoError(t, err)
	require.EqualValues(t, 1, became(t, b)[0].Fork, "what both have is the first one's")
	for range 2 {
		synced(t, a, way(t, a))
		synced(t, b, way(t, b))
	}
	require.Len(t, wholly(t, b).Became, 2)
	require.Equal(t, dump(t, a), dump(t, b))
	require.Len(t, entered(t, a), 1+3)
}

func became(t *testing.T, r *device.Replica) []device.Became {
	t.Helper()
	list, err := r.Forks(bg)
	require.NoError(t, err)
	return list
}

// TestLostKeyIsEnrolledAgain: without its key file a replica cannot speak for itself; a new code mends that, and its work
// is there once.
func TestLostKeyIsEnrolledAgain(t *testing.T) {
	p, a := sentAndUnsent(t)
	require.NoError(t, os.Remove(device.KeyPath(a.Path())))
	_, err := a.Remote(bg, nil, device.WebSocketOptions{})
	require.Equal(t, device.CodeKey, device.CodeOf(err))
	_, err = a.Enrol(bg, device.Enrolment{Centre: p.url, Code: p.code("wang"), Label: "wang"})
	require.NoError(t, err)
	synced(t, a, way(t, a))
	require.EqualValues(t, 1, wholly(t, a).Became[0].Fork)
	require.Len(t, entered(t, a), 3)
}

// anotherCentre puts an empty centre in the place of the one that a phone belongs to, and gives the phone with unsent work.
func anotherCentre(t *testing.T, keep ...string) (*program, *device.Replica, device.Remote) {
	t.Helper()
	p, a := sentAndUnsent(t)
	remote := way(t, a)
	p.stop()
	list, err := filepath.Glob(filepath.Join(p.data, "*"))
	require.NoError(t, err)
	for _, f := range list {
		if len(keep) == 0 || strings.HasPrefix(filepath.Base(f), "doorstep.db") {
			require.NoError(t, os.RemoveAll(f))
		}
	}
	return p, a, remote
}

// stays checks that a phone that met another centre holds what it held, and says so.
func stays(t *testing.T, r *device.Replica, before []string) {
	t.Helper()
	require.Equal(t, before, entered(t, r))
	require.Len(t, outbox(t, r), 1)
	s, err := r.Status(bg)
	require.NoError(t, err)
	require.Equal(t, 1, s.Outbox)
	require.NotEmpty(t, s.View)
}

// TestCaseO02CentreMadeAnew (O2; couchdb#3897): the centre is made anew and empty. A phone does not believe that everything is there: it
// is not known any more, says so, and keeps all it has. With the old database back it goes on as if nothing had been.
func TestCaseO02CentreMadeAnew(t *testing.T) {
	p, a, remote := anotherCentre(t)
	before := entered(t, a)
	p.start()
	refusedSync(t, a, remote, device.CodeUnauthorised)
	stays(t, a, before)
}

// TestCaseO20SetUpAnew (O20; realm-js#3548): as O2, but the folder with its keys stays and the database alone is new: "client unknown".
// Nothing is wiped; the old database put back, the unsent work arrives.
func TestCaseO20SetUpAnew(t *testing.T) {
	p, a := sentAndUnsent(t)
	before, remote := entered(t, a), way(t, a)
	p.stop()
	db := filepath.Join(p.data, "doorstep.db")
	old := p.database(t)
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(db + end)
	}
	p.start()
	refusedSync(t, a, remote, device.CodeUnauthorised)
	stays(t, a, before)
	p.stop()
	for _, end := range []string{"-wal", "-shm"} {
		_ = os.Remove(db + end)
	}
	require.NoError(t, os.WriteFile(db, old, 0o600))
	p.start()
	synced(t, a, remote)
	require.Equal(t, before, entered(t, a))
	wholly(t, a)
}

// TestCaseO35WrongTarget (O35; joplin#5857): a phone is led to another centre, empty, that has people of its own. It is not let in there,
// not even with a code of that centre, which stays unused; nothing local goes.
func TestCaseO35WrongTarget(t *testing.T) {
	p, a, remote := anotherCentre(t)
	before := entered(t, a)
	p.administered(p.start())
	p.divisions()
	strange := p.person("wang", "grid_worker")
	refusedSync(t, a, remote, device.CodeUnauthorised)
	_, err := a.Enrol(bg, device.Enrolment{Centre: p.url, Code: strange, Label: "wang"})
	require.ErrorContains(t, err, "code_of_another")
	stays(t, a, before)
	b, err := device.Create(filepath.Join(t.TempDir(), "new.db"), device.Options{App: "test 1"})
	require.NoError(t, err)
	defer b.Close()
	_, err = b.Enrol(bg, device.Enrolment{Centre: p.url, Code: strange, Label: "new"})
	require.NoError(t, err, "the code was not used up")
}

// TestCaseO03OlderBackup (O3; cht-core#8093): the centre is put back to before what a phone had sent and been told is accepted. It is
// made again from that phone alone.
func TestCaseO03OlderBackup(t *testing.T) {
	p := built(t)
	path, building := p.opened(t)
	backup := p.backedUp(t)
	a := reopened(t, path)
	for _, no := range []string{"1", "2", "3"} {
		room(t, a, building, no)
	}
	synced(t, a, way(t, a))
	before := entered(t, a)
	p.stop()
	p.run("restore", backup)
	p.run("confirm")
	p.start()
	p.login()
	synced(t, a, way(t, a))
	require.Equal(t, before, entered(t, a))
	wholly(t, a)
	b, bWay := p.enrolled("li", "grid_worker")
	synced(t, b, bWay)
	require.Equal(t, before, entered(t, b), "the centre has it again")
}
