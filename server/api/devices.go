package api

import (
	"context"
	"time"

	"github.com/doorstep-sync/doorstep/server/directory"
)

// Device is an enrolled phone, or a person's console.
type Device struct {
	ID            string     `json:"id"`
	Account       string     `json:"account"`
	AccountName   string     `json:"account_name"`
	Label         string     `json:"label"`
	Console       bool       `json:"console" doc:"The device that a person's decisions at the centre come from."`
	App           string     `json:"app,omitempty"`
	Schema        int        `json:"schema,omitempty" doc:"Version of the declarations that its replica has."`
	EnrolledAt    time.Time  `json:"enrolled_at"`
	LastContact   *time.Time `json:"last_contact,omitempty"`
	ClockOffsetMS int64      `json:"clock_offset_ms" doc:"The device's clock minus the centre's at that contact."`
	RevokedAt     *time.Time `json:"revoked_at,omitempty"`
}

func toDevice(v directory.Device, names map[string]string) Device {
	return Device{v.ID, v.Account, names[v.Account], v.Label, v.Console, v.App, v.Schema, at(v.EnrolledAt), maybe(v.LastContact), v.Offset, maybe(v.RevokedAt)}
}

type devicesInput struct {
	Account string `query:"account" maxLength:"36" doc:"Only this person's."`
	After   string `query:"after" maxLength:"36" doc:"Id after which the list goes on."`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
}

type devicesBody struct {
	Body struct {
		Devices []Device `json:"devices"`
		Next    string   `json:"next,omitempty" doc:"Give it as after to go on; absent at the end."`
	}
}

// Code is an enrolment code. It is shown this once.
type Code struct {
	Code      string    `json:"code"`
	Account   string    `json:"account"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (a *API) deviceRoutes() {
	route(a, "device-list", "GET", "/v1/devices", person, "List devices", a.devices)
	route(a, "device-revoke", "POST", "/v1/devices/{id}/revoke", person, "Revoke a device: it is refused from now on", a.revoke)
	route(a, "code-create", "POST", "/v1/codes", person, "Make an enrolment code for one device of an account", a.createCode, made)
}

func (a *API) devices(ctx context.Context, in *devicesInput) (*devicesBody, error) {
	if _, err := a.admin(ctx); err != nil {
		return nil, err
	}
	list, err := a.Directory.Devices(ctx, in.Account, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var out devicesBody
	if len(list) > in.Limit {
		list = list[:in.Limit]
		out.Body.Next = list[in.Limit-1].ID
	}
	ids := make([]string, len(list))
	for i, v := range list {
		ids[i] = v.Account
	}
	names, err := a.Directory.AccountNames(ctx, ids)
	if err != nil {
		return nil, err
	}
	out.Body.Devices = make([]Device, len(list))
	for i, v := range list {
		out.Body.Devices[i] = toDevice(v, names)
	}
	return &out, nil
}

func (a *API) revoke(ctx context.Context, in *byID) (*struct{ Body Device }, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	v, err := a.Directory.RevokeDevice(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	a.cut(v.ID)
	a.Log.Info().Str("device", v.ID).Str("by", r.Account.ID).Msg("device revoked")
	names, err := a.Directory.AccountNames(ctx, []string{v.Account})
	return &struct{ Body Device }{toDevice(v, names)}, err
}

func (a *API) createCode(ctx context.Context, in *struct {
	Body struct {
		Account string `json:"account" maxLength:"36"`
	}
}) (*struct{ Body Code }, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.Auth.NewCode(ctx, in.Body.Account, r.Account.ID)
	if err != nil {
		return nil, err
	}
	a.Log.Info().Str("account", in.Body.Account).Str("by", r.Account.ID).Msg("enrolment code made")
	return &struct{ Body Code }{Code{c.Text, in.Body.Account, c.Expires.UTC()}}, nil
}

// cut closes a device's connections: what it may do has just ended.
func (a *API) cut(device string) {
	if a.Revoked != nil {
		a.Revoked(device)
	}
}
