package api

import (
	"context"
	"time"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Minimum is the oldest version that is still served.
type Minimum struct {
	Schema   int        `json:"schema" doc:"Oldest version of the declarations that a replica may have; 0 = any. This centre's own is in schema_now."`
	App      string     `json:"app" doc:"Oldest version of the app, numbers with dots; empty = any."`
	From     *time.Time `json:"from,omitempty" doc:"From when on. A device below may then only send what it holds; before, it is told."`
	Now      int        `json:"schema_now"`
	Below    int        `json:"below" doc:"Devices in use that are below it, by what they said last."`
	Versions []Version  `json:"versions" doc:"What devices in use have, by what they said last."`
}

// Version is how many devices have it.
type Version struct {
	App     string `json:"app"`
	Schema  int    `json:"schema" doc:"0 = never heard."`
	Devices int    `json:"devices"`
}

type minimumInput struct {
	Body struct {
		Schema int    `json:"schema,omitempty" minimum:"0" maximum:"1000000"`
		App    string `json:"app,omitempty" maxLength:"40"`
		Grace  int    `json:"grace_days,omitempty" minimum:"0" doc:"Days from now until it holds."`
	}
}

func (a *API) minimumRoutes() {
	route(a, "minimum", "GET", "/v1/minimum", person, "The oldest version of app and declarations that is still served", a.minimum)
	route(a, "minimum-set", "PUT", "/v1/minimum", person, "Set it: devices below may then only send what they hold", a.setMinimum)
}

func (a *API) minimum(ctx context.Context, _ *empty) (*struct{ Body Minimum }, error) {
	if _, err := a.admin(ctx); err != nil {
		return nil, err
	}
	return a.showMinimum(ctx)
}

func (a *API) setMinimum(ctx context.Context, in *minimumInput) (*struct{ Body Minimum }, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if b.App != "" && !syncengine.IsVersion(b.App) {
		return nil, messages.Refuse(messages.MinimumApp)
	}
	m, err := a.Directory.SetMinimum(ctx, b.Schema, b.App, b.Grace, a.Schema.Version)
	if err != nil {
		return nil, err
	}
	a.Log.Info().Int("schema", m.Schema).Str("app", m.App).Int64("from", m.From).Str("by", r.Account.ID).Msg("minimum version set")
	return a.showMinimum(ctx)
}

func (a *API) showMinimum(ctx context.Context) (*struct{ Body Minimum }, error) {
	m, err := a.Directory.Minimum(ctx)
	if err != nil {
		return nil, err
	}
	list, err := a.Directory.Versions(ctx)
	if err != nil {
		return nil, err
	}
	out := Minimum{Schema: m.Schema, App: m.App, From: maybe(m.From), Now: a.Schema.Version, Versions: []Version{}}
	for _, v := range list {
		out.Versions = append(out.Versions, Version(v))
		if v.Schema > 0 && below(m, v) {
			out.Below += v.Devices
		}
	}
	return &struct{ Body Minimum }{out}, nil
}

func below(m directory.Minimum, v directory.VersionCount) bool {
	return syncengine.Minimum(m).Below(v.Schema, v.App)
}
