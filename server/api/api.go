// Package api is the REST interface for administrators and supervisors, and for devices that enrol.
//
// Every handler reads the caller's rights from the centre's rows (server/directory); the token only names who calls.
// What a caller may not see is answered like what is not there. OpenAPI 3.1 is served at /openapi.json and
// /openapi.yaml, and, for generators of clients, as 3.0 at /openapi-3.0.json. Refusals are RFC 9457 problems in the
// caller's language (Accept-Language, zh-CN by default) whose type is "urn:doorstep:problem:<key>".
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/rs/zerolog"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/territory"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Decider commits decisions; server/centre is one.
type Decider interface {
	// Decide judges a changeset of a console session and returns when its verdict is durable. The errors are those
	// of syncengine.Engine.Ingest, or the store's.
	Decide(ctx context.Context, cs *syncengine.Changeset) (syncengine.Verdict, error)
}

// State reads what the centre holds; every syncengine.Store is one.
type State interface {
	// View runs fn on one consistent state.
	View(fn func(syncengine.ReadTx) error) error
}

// Queue lists conflicts for screens.
type Queue interface {
	// Conflicts gives the ids of conflicts in these scopes, open or closed ones, in the order they opened, at most
	// limit after the id after ("" = from the start).
	Conflicts(ctx context.Context, scopes []string, open bool, after string, limit int) ([]string, error)
	// Quarantine gives refused changesets that belong to these scopes, open or closed ones, of one kind or (0) both, in
	// the order they came, at most limit after one (zero = from the start).
	Quarantine(ctx context.Context, scopes []string, open bool, kind syncengine.VerdictKind, after syncengine.WriteID, limit int) ([]syncengine.WriteID, error)
}

// Config is what the API needs. All but Revoked and Regranted must be set, but to write the OpenAPI document only Version is looked at.
type Config struct {
	Auth       *auth.Service
	Directory  *directory.Directory
	Schema     *schema.Schema
	Decider    Decider
	State      State
	Restorer   Restorer
	Territory  *territory.Service
	Forker     Forker
	Queue      Queue
	Households directory.Households
	Revoked    func(device string) // closes a device's connections; nil = nobody to tell
	// Reached tells where a device stands that is connected now; nil = that is not known.
	Reached   func(device string) (at syncengine.Base, connected bool)
	Regranted func() // tells open connections that somebody's grants changed; nil = nobody to tell
	Log       zerolog.Logger
	Now       func() time.Time
	Boot      string            // id of this process, for the monotonic clock of console changesets
	Version   string            // of the program
	Seals     func() *seal.Ring // opens sealed columns for those who may see them; nil = nobody
	Pins      func() []string   // what clients are to take for this centre; nil = nothing
}

// API serves the REST interface. Safe for use by several goroutines.
type API struct {
	Config
	huma  huma.API
	mux   *http.ServeMux
	start time.Time

	deciding sync.Map // account → *sync.Mutex: one decision of a person at a time, for n without gaps
}

// maxBody bounds a request's body but for imports.
const maxBody = 256 << 10

func init() {
	huma.DefaultArrayNullable = false // lists are [] here, never null
}

// New makes the API.
func New(c Config) *API {
	a := &API{Config: c, mux: http.NewServeMux()}
	if c.Now != nil {
		a.start = c.Now()
	}
	config := huma.DefaultConfig("Doorstep 敲门", apiVersion)
	config.Info.Description = "REST interface of a Doorstep centre, for administrators and supervisors, and for devices that enrol. " +
		"Texts for people come in the language of Accept-Language (zh-CN, en). " +
		"What shows sensitive columns unmasked is noted in the audit log, with the reason in the header Doorstep-Reason (percent-encoded, at most 200 characters) if there is one."
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.DocsPath = "" // closed networks: no page that loads scripts from elsewhere
	config.SchemasPath = ""
	config.CreateHooks = nil // no $schema in bodies
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{a.localise}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"person": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A person's token, from POST /v1/login."},
		"device": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A device's token, from POST /v1/token."},
	}
	a.huma = humago.New(a.mux, config)
	a.huma.UseMiddleware(a.authenticate)
	a.sessionRoutes()
	a.orgRoutes()
	a.territoryRoutes()
	a.peopleRoutes()
	a.deviceRoutes()
	a.forkRoutes()
	a.restoreRoutes()
	a.minimumRoutes()
	a.schemaRoutes()
	a.conflictRoutes()
	a.historyRoutes()
	a.quarantineRoutes()
	return a
}

// apiVersion is the version of the interface, not of the program.
const apiVersion = "1.0.0"

//go:generate go test -tags sqlite_fts5 -count=1 -run ^TestOpenAPIIsCommitted$ . -update

// OpenAPI gives the document as indented JSON: version 3.1, or 3.0 for generators that know no newer.
func OpenAPI(downgrade bool) ([]byte, error) {
	doc := New(Config{}).huma.OpenAPI()
	text, err := doc.MarshalJSON()
	if downgrade {
		text, err = doc.Downgrade()
	}
	if err != nil {
		return nil, fmt.Errorf("write OpenAPI: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, fmt.Errorf("write OpenAPI: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Who may call an operation.
var (
	anybody = []map[string][]string{}
	person  = []map[string][]string{{"person": {}}}
	either  = []map[string][]string{{"person": {}}, {"device": {}}}
)

// route declares an operation. fn's errors become problems in the caller's language.
func route[I, O any](a *API, id, method, path string, who []map[string][]string, summary string, fn func(context.Context, *I) (*O, error), more ...func(*huma.Operation)) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Security: who, MaxBodyBytes: maxBody,
		BodyReadTimeout: 10 * time.Second, // every refusal is the default response: an RFC 9457 problem
	}
	for _, m := range more {
		m(&op)
	}
	if op.RequestBody != nil { // a file: an empty one is told so by the import itself
		defer func() { op.RequestBody.Required = false }()
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		seen := &reads{}
		out, err := fn(context.WithValue(ctx, keyReads, seen), in)
		if err == nil {
			err = a.audit(ctx, id, seen)
		}
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// made says that success is 201.
func made(op *huma.Operation) { op.DefaultStatus = http.StatusCreated }

// at gives a time of ms since 1970 for JSON.
func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// maybe is at, nil for 0.
func maybe(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := at(ms)
	return &t
}
