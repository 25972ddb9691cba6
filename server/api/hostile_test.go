package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// refusedAt lets a phone insert a hazard into any scope, and wants it refused.
func (p *phone) refusedAt(scope string, id syncengine.RowID) string {
	p.w.t.Helper()
	p.n++
	now := p.w.Now().UnixMilli()
	cs := &syncengine.Changeset{Device: p.id, N: p.n, Prev: p.prev, HLC: p.clock.Now(now), Wall: now, Boot: "b", Mono: now, Schema: p.w.schema.Version, Author: p.account,
		Changes: []syncengine.Change{{Table: "hazard", Row: id, Op: syncengine.OpInsert, Cells: []syncengine.CellWrite{
			{Cell: "scope", Values: []schema.Value{schema.Text(scope)}}, {Cell: "description", Values: []schema.Value{schema.Text("漏水")}},
		}}}}
	res, err := p.w.centre.Submit(ctx, []*syncengine.Changeset{cs}, syncengine.Contact{Boot: "b", Mono: now, At: now})
	require.NoError(p.w.t, err)
	require.NoError(p.w.t, res[0].Err)
	require.False(p.w.t, res[0].Verdict.Kind.Effective())
	p.prev = cs.Hash()
	return fmt.Sprintf("/v1/quarantine/%s/%d", p.id, p.n)
}

// What a phone writes as a scope may be anything: its supervisor still sees that it was refused, and can end it.
func TestRefusedForAScopeThatIsNone(t *testing.T) {
	w := peopled(t)
	p := w.enrol("wang")
	for i, scope := range []string{"999999999", "no scope", grid9} {
		url := p.refusedAt(scope, rowID(i+1))
		shown := w.call("GET", url, "sun", nil).want(200)
		require.NotContains(t, shown.body, "漏水", "nobody knows whose it would be")
		w.call("GET", url+"/export", "sun", nil).want(403)
		w.call("GET", url, "zhou", nil).problem(404, "quarantined_not_found")
		w.call("POST", url+"/decision", "zhou", map[string]string{"choice": "dismiss", "reason": "x"}).problem(404, "quarantined_not_found")
		w.call("POST", url+"/decision", "wang", map[string]string{"choice": "dismiss", "reason": "x"}).want(403)
		w.call("POST", url+"/decision", "sun", map[string]string{"choice": "dismiss", "reason": "x"}).want(200)
	}
}

// What is for administrators is for nobody else, whoever signs in.
func TestOnlyAdministratorsEndDevices(t *testing.T) {
	w := peopled(t)
	p := w.enrol("wang")
	w.tokens["device"] = p.token().want(200).str("token")
	for _, who := range []string{"sun", "watch", "wang", "device", ""} {
		for _, x := range [][2]string{
			{"POST", "/v1/devices/" + p.id + "/erase"}, {"POST", "/v1/devices/" + p.id + "/revoke"}, {"POST", "/v1/devices/" + p.id + "/resnapshot"},
			{"GET", "/v1/devices"}, {"GET", "/v1/devices/" + p.id}, {"GET", "/v1/minimum"}, {"GET", "/v1/restore"}, {"POST", "/v1/restore/confirm"},
			{"POST", "/v1/accounts/" + w.ids["sun"] + "/disable"},
		} {
			status := 403
			if who == "" || who == "device" {
				status = 401
			}
			w.call(x[0], x[1], who, nil).want(status)
		}
		if who != "" && who != "device" {
			w.call("PUT", "/v1/minimum", who, map[string]any{"schema": 1}).want(403)
			w.call("POST", "/v1/codes", who, map[string]any{"account": w.ids["sun"]}).want(403)
			w.call("POST", "/v1/accounts/"+w.ids["sun"]+"/password", who, map[string]any{"password": password}).want(403)
		}
	}
	w.call("GET", "/v1/devices/"+p.id, "admin", nil).want(200)
}
