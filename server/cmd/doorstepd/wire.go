package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/centre"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/feed"
	"github.com/doorstep-sync/doorstep/server/seals"
	"github.com/doorstep-sync/doorstep/server/store"
	"github.com/doorstep-sync/doorstep/server/territory"
	"github.com/doorstep-sync/doorstep/server/transport"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// leastSnapshot is how many packed bytes a scope must have to be worth a snapshot.
const leastSnapshot = 4 << 10

// app is a centre with everything wired together.
type app struct {
	config    config
	log       zerolog.Logger
	schema    *schema.Schema
	folder    *folder
	store     *store.Store
	centre    *centre.Centre
	auth      *auth.Service
	keys      *auth.Keys
	seals     *seals.Keys
	directory *directory.Directory
	sockets   sockets
	metrics   *metrics
	identity  transport.Identity // nil = plain text
	server    *http.Server

	anchors  atomic.Pointer[anchorer] // nil = none are written
	stopping atomic.Bool
}

// open makes or opens everything but the listener. What it opened it closes again if it fails.
func open(c config, log zerolog.Logger, now func() time.Time) (*app, error) {
	a := &app{config: c, log: log}
	if err := a.wire(now); err != nil {
		return nil, errors.Join(err, a.closeStore())
	}
	return a, nil
}

func (a *app) wire(now func() time.Time) (err error) {
	c, log := a.config, a.log
	if a.schema, err = loadSchema(c.Schema); err != nil {
		return err
	}
	if a.folder, err = openFolder(c.Data); err != nil {
		return err
	}
	if err := ownCounty(a.folder.file(databaseFile), c.County); err != nil {
		return err
	}
	if a.identity, err = a.openIdentity(now); err != nil {
		return err
	}
	if a.keys, err = auth.OpenKeys(a.folder.file(signingKeys), rand.Reader); err != nil {
		return err
	}
	if a.store, err = store.Open(a.folder.file("doorstep.db"), a.schema, store.WithCounty(c.County)); err != nil {
		return stranded(c.Schema, err)
	}
	a.schema = a.store.Schema() // with what it carries over from the declarations before
	queue := api.SQLQueue{DB: a.store.Reader(), County: c.County}
	a.metrics = newMetrics(queue.Open)
	bell := feed.New().County(c.County)
	if err := a.openSeals(now()); err != nil {
		return err
	}
	a.tend(now())
	proofs, err := openCountyKey(a.countyKey(), rand.Reader)
	if err != nil {
		return err
	}
	engine := syncengine.New(a.schema, syncengine.DefaultLimits).WithKeys(a.seals.Ring).WithQuotas(c.Quotas).WithProofs(syncengine.Proofs{County: c.County, Key: proofs})
	epochs := epochMark{a.folder.file(countyEpochFile), log}
	if err := epochs.recognise(engine, a.store, now().UnixMilli()); err != nil {
		return err
	}
	snapshots := syncengine.NewSnapshots(syncengine.SnapshotOptions{Packers: wire.Packers(), Least: leastSnapshot, Bytes: c.SnapshotBytes})
	a.metrics.watch(snapshots)
	a.centre = centre.New(engine, a.store, centre.Options{Now: now, Bell: bell, Observer: anchored{commitMetrics{a.metrics}, a}, Epochs: epochs, Snapshots: snapshots})
	a.directory = directory.New(directory.Config{DB: a.store, County: c.County, Roles: a.schema.Roles, Now: now, Random: rand.Reader})
	a.metrics.phones(now, a.directory.Checkups)
	a.auth, err = auth.New(auth.Config{Directory: a.directory, Keys: a.keys, County: c.County, Now: now, Random: rand.Reader, CodeLife: c.CodeLife, Fingerprint: a.fingerprint})
	if err != nil {
		return err
	}
	if a.sockets, err = openSockets(a, bell, now); err != nil {
		return err
	}
	households, err := countRows(a.store.Reader(), a.schema, c)
	if err != nil {
		return err
	}
	grids := territory.New(territory.Config{
		DB: a.store, County: c.County, Directory: a.directory, Schema: a.schema, State: a.store, Queue: queue, Household: c.HouseholdType, Now: now,
	})
	rest := api.New(api.Config{
		Territory: grids,
		Auth:      a.auth, Directory: a.directory, Schema: a.schema, Decider: a.centre, State: a.store, Restorer: a.centre, Forker: a.centre, Queue: queue, Households: households,
		Revoked: a.sockets.Revoked, Reached: a.sockets.Reached, Regranted: bell.Ring, Log: log, Now: now, Boot: randomHex(8), Version: version, Pins: a.pins, Seals: a.seals.Ring,
	})
	a.server = newServer(a.routes(rest), log)
	n, err := newAnchorer(a, now)
	if n != nil {
		a.anchors.Store(n)
	}
	return err
}

// countyKey is where the key of the proofs lies: in the data folder, or where it was told to be.
func (a *app) countyKey() string {
	if a.config.CountyKey != "" {
		return a.config.CountyKey
	}
	return a.folder.file(countyKeyFile)
}

// routes is the whole surface of the centre.
func (a *app) routes(rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	mux.Handle("/v1/sync", a.sockets)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", readyz(a.store.View, a.stopping.Load))
	mux.Handle("GET /metrics", a.metrics.handler())
	return mux
}

// newServer bounds what a slow or talkative caller may take.
func newServer(h http.Handler, log zerolog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       3 * time.Minute, // an import over a bad line; single operations have shorter limits
		WriteTimeout:      4 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          httpErrors(log),
	}
}

func loadSchema(dir string) (*schema.Schema, error) {
	if dir == "" {
		return load.Default()
	}
	s, err := load.LoadDir(dir)
	var faults schema.Faults
	if errors.As(err, &faults) {
		return nil, usage("the declarations in %s cannot be used:\n%v", dir, err)
	}
	if err != nil {
		return nil, usage("%v", err)
	}
	return s, nil
}

// countRows counts the rows of the configured record type by grid. Names come from the declarations, never from
// outside.
func countRows(db *sql.DB, s *schema.Schema, c config) (directory.Households, error) {
	t := s.Table(c.HouseholdType)
	if t == nil {
		return nil, usage("staffing.record is %q, which is no record type of the declarations; correct it", c.HouseholdType)
	}
	query := `SELECT scope, count(*) FROM "` + ddl.CentreTable(t) + `" WHERE county = $1 GROUP BY scope`
	return func(ctx context.Context) (map[string]int, error) {
		rows, err := db.QueryContext(ctx, query, c.County)
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
	}, nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// stop ends everything in order: no new connections, sockets closed (1001) and the group under way committed, then
// the store. It returns errSlowStop if connections had to be cut off.
func (a *app) stop() error {
	a.stopping.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), a.config.StopWithin)
	defer cancel()
	sockets := make(chan error, 1)
	go func() { sockets <- a.sockets.Shutdown(ctx) }() // beside the server's: neither's slow callers hold up the other's
	slow := a.server.Shutdown(ctx)
	if err := <-sockets; err != nil || slow != nil {
		slow = errors.Join(errSlowStop, a.server.Close())
	}
	return errors.Join(slow, a.closeStore())
}

func (a *app) closeStore() error {
	var err error
	if a.centre != nil {
		a.centre.Close()
		a.centre = nil
	}
	if n := a.anchors.Swap(nil); n != nil { // nobody commits any more
		err = n.stop()
	}
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
		a.store = nil
	}
	if a.folder != nil {
		err = errors.Join(err, a.folder.Close())
		a.folder = nil
	}
	return err
}

// listen opens the port.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, failed("cannot listen on %s: %w; stop what uses it, or choose another with --listen", address, err)
	}
	return l, nil
}
