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
	Waiting       int64      `json:"waiting" doc:"Changesets that it had not sent or heard of, as it said at that contact; 0 once the centre has them."`
	Oldest        *time.Time `json:"oldest_waiting,omitempty" doc:"When the oldest of them was written, by its own clock."`
	FreeBytes     int64      `json:"free_bytes,omitempty" doc:"Free on its disk, as it said at that contact."`
	Behind        int64      `json:"behind" doc:"Commits of the county since the last that it has, as it said last; 0 if none of them touched a unit that its person looks after."`
	CheckedAt     *time.Time `json:"checked_at,omitempty" doc:"When its last check of its records against the centre's ended. It checks once a day."`
	Repaired      int64      `json:"repaired,omitempty" doc:"Rows that its checks of the last 30 days put right: where there are more and more, its storage may be failing."`
	LastN         int64      `json:"last_n" doc:"Number of its last changeset that the centre has."`
	Resnapshots   int64      `json:"resnapshots,omitempty" doc:"How often it was told to take everything anew."`
	Parent        string     `json:"parent,omitempty" doc:"The device that its replica was before: it was copied, put back to an older state, or enrolled again."`
	Fork          int64      `json:"fork,omitempty" doc:"Number of the parent's last changeset that is its own past too."`
	ErasedAt      *time.Time `json:"erased_at,omitempty" doc:"When it was asked to leave nothing of itself."`
	PurgedAt      *time.Time `json:"purged_at,omitempty" doc:"When it said that nothing is left on it: its receipt. If that was before erased_at, of its records: its files and its key go at its next contact."`
	Holds         []Held     `json:"holds,omitempty" doc:"What the records on it belong to, as it was last told. Only of one device."`
	Taken         []Taken    `json:"taken,omitempty" doc:"What it was told is not its person's any more, the oldest first. Only of one device."`
}

func toDevice(v directory.Device, names map[string]string) Device {
	return Device{
		ID: v.ID, Account: v.Account, AccountName: names[v.Account], Label: v.Label, Console: v.Console, App: v.App, Schema: v.Schema,
		EnrolledAt: at(v.EnrolledAt), LastContact: maybe(v.LastContact), ClockOffsetMS: v.Offset, RevokedAt: maybe(v.RevokedAt),
		Waiting: v.Waiting, Oldest: maybe(v.Oldest), FreeBytes: v.FreeBytes, Resnapshots: v.Snapshots, Parent: v.Parent, ErasedAt: maybe(v.ErasedAt), PurgedAt: maybe(v.PurgedAt),
		CheckedAt: maybe(v.Checked), Repaired: v.Repaired,
	}
}

// fits tells whether a device passes the filters.
func (in *devicesInput) fits(v *Device, now time.Time) bool {
	since := v.EnrolledAt
	if v.LastContact != nil {
		since = *v.LastContact
	}
	phone := !v.Console && v.RevokedAt == nil
	return (in.Silent == 0 || phone && now.Sub(since) >= time.Duration(in.Silent)*24*time.Hour) &&
		(!in.Waiting || phone && v.Waiting > 0) && (in.Behind == 0 || phone && v.Behind >= in.Behind)
}

type devicesInput struct {
	Account string `query:"account" maxLength:"36" doc:"Only this person's."`
	Silent  int    `query:"silent" minimum:"0" maximum:"3650" doc:"Only phones in use that were not heard for so many days."`
	Waiting bool   `query:"waiting" doc:"Only phones in use that had something unsent at their last contact."`
	Behind  int64  `query:"behind" minimum:"0" doc:"Only phones in use that are so many commits behind."`
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
	route(a, "device-show", "GET", "/v1/devices/{id}", person, "Show a device", a.device)
	route(a, "device-resnapshot", "POST", "/v1/devices/{id}/resnapshot", person, "Have a device take everything anew at its next contact; its unsent work stays", a.resnapshot)
	route(a, "device-revoke", "POST", "/v1/devices/{id}/revoke", person, "Revoke a device: it is refused from now on", a.revoke)
	route(a, "device-erase", "POST", "/v1/devices/{id}/erase", person, "Erase a device: it hands over what it has not sent, then its records and its key go", a.erase)
	route(a, "code-create", "POST", "/v1/codes", person, "Make an enrolment code for one device of an account", a.createCode, made)
}

func (a *API) devices(ctx context.Context, in *devicesInput) (*devicesBody, error) {
	if _, err := a.admin(ctx); err != nil {
		return nil, err
	}
	var out devicesBody
	out.Body.Devices = []Device{}
	for after := in.After; ; {
		list, err := a.Directory.Devices(ctx, in.Account, after, 500)
		if err != nil {
			return nil, err
		}
		page, err := a.shownDevices(ctx, list)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if !in.fits(&page[i], a.Now()) {
				continue
			}
			if len(out.Body.Devices) == in.Limit {
				out.Body.Next = out.Body.Devices[in.Limit-1].ID
				return &out, nil
			}
			out.Body.Devices = append(out.Body.Devices, page[i])
		}
		if len(list) < 500 {
			return &out, nil
		}
		after = list[len(list)-1].ID
	}
}

// shownDevices adds names and how far they have come.
func (a *API) shownDevices(ctx context.Context, list []directory.Device) ([]Device, error) {
	ids := make([]string, len(list))
	for i, v := range list {
		ids[i] = v.Account
	}
	names, err := a.Directory.AccountNames(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Device, len(list))
	for i, v := range list {
		out[i] = toDevice(v, names)
	}
	return out, a.reached(out, list)
}

func (a *API) oneDevice(ctx context.Context, v directory.Device) (*struct{ Body Device }, error) {
	list, err := a.shownDevices(ctx, []directory.Device{v})
	if err != nil {
		return nil, err
	}
	err = a.holds(&list[0])
	return &struct{ Body Device }{list[0]}, err
}

func (a *API) device(ctx context.Context, in *byID) (*struct{ Body Device }, error) {
	if _, err := a.admin(ctx); err != nil {
		return nil, err
	}
	v, err := a.Directory.Device(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.oneDevice(ctx, v)
}

// resnapshot takes effect at the device's next contact, or when its connection next looks at its rights.
func (a *API) resnapshot(ctx context.Context, in *byID) (*struct{ Body Device }, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	v, err := a.Directory.Resnapshot(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	a.Log.Info().Str("device", v.ID).Str("by", r.Account.ID).Msg("device told to take everything anew")
	return a.oneDevice(ctx, v)
}

func (a *API) revoke(ctx context.Context, in *byID) (*struct{ Body Device }, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	return a.retire(ctx, r.Account.ID, in.ID, "device revoked", a.Directory.RevokeDevice)
}

func (a *API) erase(ctx context.Context, in *byID) (*struct{ Body Device }, error) {
	r, err := a.admin(ctx)
	if err != nil {
		return nil, err
	}
	return a.retire(ctx, r.Account.ID, in.ID, "device is to be erased", a.Directory.EraseDevice)
}

// retire ends a device and lets an open socket of it hear that at once.
func (a *API) retire(ctx context.Context, by, id, what string, end func(context.Context, string) (directory.Device, error)) (*struct{ Body Device }, error) {
	v, err := end(ctx, id)
	if err != nil {
		return nil, err
	}
	a.cut(v.ID)
	a.Log.Info().Str("device", v.ID).Str("by", by).Msg(what)
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

// regranted lets open connections look at their person's grants again.
func (a *API) regranted() {
	if a.Regranted != nil {
		a.Regranted()
	}
}

// cut closes a device's connections: what it may do has just ended.
func (a *API) cut(device string) {
	if a.Revoked != nil {
		a.Revoked(device)
	}
}
