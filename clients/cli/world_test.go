package cli_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/cli"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/feed"
	"github.com/doorstep-sync/doorstep/server/gateway"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/server/seals"
	"github.com/doorstep-sync/doorstep/server/store"
	"github.com/doorstep-sync/doorstep/server/territory"
	"github.com/doorstep-sync/doorstep/server/transport"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// start is when every test begins: 08:00 in Beijing. It is far ahead, because the gateway bounds its sockets by the
// same clock: deadlines set by it never pass on the machine's.
var start = time.Date(2046, 3, 2, 0, 0, 0, 0, time.UTC)

var beijing = time.FixedZone("Asia/Shanghai", 8*3600)

// world is a real centre on loopback and people at their machines, each with folder, clock and randomness.
type world struct {
	t       testing.TB
	dir     string
	url     string
	code    string // of the first administrator
	server  *httptest.Server
	people  map[string]*machine
	seals   *seals.Keys
	store   *store.Store
	sockets *gateway.Gateway
	running atomic.Int32 // commands
	down    atomic.Bool  // the centre hangs up on everybody

	mu sync.Mutex
	at time.Time
}

// Now is the centre's clock: a millisecond later each time it is asked.
func (w *world) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(time.Millisecond)
	return w.at
}

func (w *world) advance(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.at = w.at.Add(d) }

// dice is seeded randomness for several goroutines.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (d *dice) Read(b []byte) (int, error) { d.mu.Lock(); defer d.mu.Unlock(); return d.r.Read(b) }

func newDice(seed int64) *dice { return &dice{r: rand.New(rand.NewSource(seed))} }

// machine is one person's.
type machine struct {
	world *world
	name  string
	rand  io.Reader
	skew  time.Duration
}

// Read implements device.Clock.
func (m *machine) Read() replica.Clock {
	now := m.world.Now()
	return replica.Clock{Wall: now.Add(m.skew).UnixMilli(), Boot: "boot-" + m.name, Mono: now.Sub(start).Milliseconds() + 1}
}

func (m *machine) file() string { return filepath.Join(m.world.dir, m.name+".db") }

func (m *machine) config() string { return filepath.Join(m.world.dir, m.name+".config") }

func (w *world) machine(name string) *machine {
	m := w.people[name]
	if m == nil {
		seed := int64(len(w.people) + 100)
		m = &machine{world: w, name: name, rand: newDice(seed)}
		w.people[name] = m
	}
	return m
}

// run runs the real command in this process.
func (m *machine) run(ctx context.Context, stdin io.Reader, out, errs io.Writer, env map[string]string, args ...string) int {
	p := cli.Program{
		Version: "test", In: stdin, Out: out, Err: errs, Now: m.world.Now, Zone: beijing, Rand: m.rand, Clock: m,
		Env: func(name string) string {
			if v, ok := env[name]; ok {
				return v
			}
			return map[string]string{"DOORSTEP_REPLICA": m.file(), "DOORSTEP_SETTINGS": m.config()}[name]
		},
	}
	m.world.running.Add(1)
	code := p.Main(ctx, args)
	if m.world.running.Add(-1) == 0 { // one that watches stays connected
		m.world.quiet()
	}
	return code
}

// quiet waits until the centre knows that every connection has ended, and how far each device came on it.
func (w *world) quiet() {
	require.Eventually(w.t, func() bool { return w.sockets == nil || w.sockets.Connections() == 0 }, 30*time.Second, time.Millisecond)
}

// contacts notes contacts as doorstepd does.
type contacts struct {
	*centre.Centre
	people *directory.Directory
}

func (c contacts) Welcome(h se.Hello) (*se.Welcome, error) {
	w, err := c.Centre.Welcome(h)
	if err == nil {
		err = c.people.Hear(context.Background(), h.Device, directory.Heard{
			App: h.App, Schema: h.Schema, Epoch: h.Epoch, Reached: h.Cursor, Checked: h.Checked, Repaired: h.Repaired})
	}
	return w, err
}

// do runs a command that must succeed and gives what it printed.
func (m *machine) do(args ...string) string {
	m.world.t.Helper()
	var out, errs bytes.Buffer
	code := m.run(context.Background(), &bytes.Buffer{}, &out, &errs, nil, args...)
	require.Equal(m.world.t, 0, code, "%v\n%s%s", args, out.String(), errs.String())
	return out.String()
}

// newWorld starts a centre without anybody in it, over plain text.
func newWorld(t testing.TB) *world { return newWorldOver(t, nil) }

// newWorldOver starts one that proves itself; nil = plain text.
func newWorldOver(t testing.TB, identity transport.Identity) *world {
	t.Helper()
	w := &world{t: t, at: start, dir: t.TempDir(), people: map[string]*machine{}}
	s, err := load.Default()
	require.NoError(t, err)
	db, err := store.Open(filepath.Join(w.dir, "centre.sqlite"), s)
	require.NoError(t, err)
	keys, err := auth.OpenKeys(filepath.Join(w.dir, "keys.pem"), newDice(1))
	require.NoError(t, err)
	logs, err := os.Create(filepath.Join(w.dir, "centre.log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, logs.Close()) })
	logger := zerolog.New(logs)
	bell := feed.New().County(1)
	w.seals, _, err = seals.Open(filepath.Join(w.dir, "sealing-keys.json"), s, start, newDice(4))
	require.NoError(t, err)
	w.store = db
	c := centre.New(se.New(s, se.DefaultLimits).WithKeys(w.seals.Ring).WithProofs(se.Proofs{County: 1, Key: []byte("the county's")}), db, centre.Options{Now: w.Now, Bell: bell})
	people := directory.New(directory.Config{DB: db, County: 1, Roles: s.Roles, Now: w.Now, Random: newDice(2)})
	who, err := auth.New(auth.Config{Directory: people, Keys: keys, County: 1, Now: w.Now, Random: newDice(3), Argon: auth.Argon{Memory: 8, Time: 1, Threads: 1},
		Fingerprint: func() string {
			if identity == nil {
				return ""
			}
			return identity.Pins()[0].Fingerprint()
		}})
	require.NoError(t, err)
	sockets, err := gateway.New(gateway.Options{
		Auth: authenticator{who}, Centre: contacts{c, people}, Bell: bell, Now: w.Now, Log: logger, Deadlines: gateway.Deadlines{Linger: 10 * time.Millisecond},
		Ended: func(device string, at se.Base) {
			if err := people.Reached(context.Background(), device, at.Epoch, at.Seq); err != nil {
				logger.Error().Err(err).Msg("not noted")
			}
		},
		Checked: func(device string, r se.CheckReport) {
			if err := people.Checked(context.Background(), device, int64(r.Repaired+r.Local)); err != nil {
				logger.Error().Err(err).Msg("not noted")
			}
		},
	})
	w.sockets = sockets
	require.NoError(t, err)
	rest := api.New(api.Config{
		Territory: territory.New(territory.Config{DB: db, County: 1, Directory: people, Schema: s, State: db, Queue: api.SQLQueue{DB: db.Reader(), County: 1}, Household: "household", Now: w.Now}),
		Auth:      who, Directory: people, Schema: s, Decider: c, Restorer: c, Forker: c, State: db, Queue: api.SQLQueue{DB: db.Reader(), County: 1},
		Households: households(db.Reader(), s), Revoked: sockets.Revoked, Reached: sockets.Reached, Log: logger, Now: w.Now, Boot: "boot", Version: "test", Seals: w.seals.Ring,
		Pins: func() []string {
			if identity == nil {
				return nil
			}
			return transport.Strings(identity.Pins())
		},
	})
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	mux.Handle("/v1/sync", sockets)
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.down.Load() {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(rw, r)
	}))
	if identity != nil { // not StartTLS: it has a certificate of its own
		w.server.Listener = tls.NewListener(w.server.Listener, transport.Config(identity))
	}
	w.server.Start()
	w.url = w.server.URL
	if identity != nil {
		w.url = strings.Replace(w.url, "http", "https", 1)
	}
	w.code, err = who.BootstrapCode(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, sockets.Shutdown(context.Background()))
		w.server.Close()
		c.Close()
		require.NoError(t, db.Close())
	})
	return w
}

func households(db *sql.DB, s *schema.Schema) directory.Households {
	query := `SELECT scope, count(*) FROM "` + ddl.CentreTable(s.Table("household")) + `" GROUP BY scope`
	return func(ctx context.Context) (map[string]int, error) {
		rows, err := db.QueryContext(ctx, query)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		out := map[string]int{}
		for rows.Next() {
			var scope string
			var n int
			if err := rows.Scan(&scope, &n); err != nil {
				return nil, err
			}
			out[scope] = n
		}
		return out, rows.Err()
	}
}

// authenticator is what doorstepd puts between gateway and auth.
type authenticator struct{ auth *auth.Service }

func (a authenticator) Authenticate(ctx context.Context, token string) (gateway.Identity, error) {
	p, err := a.auth.Socket(ctx, token)
	switch {
	case err == nil:
		return gateway.Identity{Account: p.Account, Device: p.Device, Expires: p.Expires}, nil
	case messages.Is(err, messages.DeviceRevoked), messages.Is(err, messages.AccountOff):
		return gateway.Identity{}, errors.Join(gateway.ErrRevoked, err)
	case messages.Of(err).Kind() == messages.Unauthenticated:
		return gateway.Identity{}, errors.Join(gateway.ErrUnauthorised, err)
	}
	return gateway.Identity{}, err
}

const (
	password = "correct horse battery"
	grid     = "370115003239001"
)

// org is a small county: 王河 with one grid.
const org = `code,name,level,parent,grid_type
37,山东省,province,,
3701,济南市,city,37,
370115,济阳区,county,3701,
370115003,崔寨街道,street,370115,
370115003239,王河村村民委员会,community,370115003,
370115003239001,王河第一网格,grid,370115003239,base
`

// settle makes a county with an administrator (root), a supervisor (zhou), and two grid workers (wang, li).
func settle(t testing.TB) *world { return settled(t, newWorld(t)) }

func settled(t testing.TB, w *world) *world {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "password"), []byte(password+"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "org.csv"), []byte(org), 0o600))
	pw := "--password-file=" + filepath.Join(w.dir, "password")
	root := w.machine("root")
	root.do("bootstrap", "--server", w.url, "--code", w.code, "--login", "root", "--name", "管理员", pw)
	root.do("org", "import", filepath.Join(w.dir, "org.csv"))
	root.do("account", "create", "--login", "zhou", "--name", "周书记", pw)
	root.do("assign", "create", "zhou", "supervisor", "370115003239")
	for _, x := range []struct{ login, name string }{{"wang", "王芳"}, {"li", "李强"}} {
		root.do("account", "create", "--login", x.login, "--name", x.name)
		root.do("assign", "create", x.login, "grid_worker", grid)
	}
	login := []string{"login", "--server", w.url, "--login", "zhou", pw}
	if len(w.code) > 11 {
		login = append(login, "--fingerprint", w.code[12:])
	}
	w.machine("zhou").do(login...)
	for _, login := range []string{"zhou", "wang", "li"} {
		w.machine(login).do("enrol", "--server", w.url, "--code", code(root.do("code", "create", login)), "--label", login+"的手机")
	}
	return w
}

// code finds the enrolment code, with the fingerprint behind it if there is one.
func code(out string) string { return regexp.MustCompile(`[0-9A-Z]{5}(-[0-9A-Z]{5})+`).FindString(out) }
