package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Nobody enrols again as somebody else's device: its grants of the past would be his.
func TestEnrolAgainAsSomebodyElsesDevice(t *testing.T) {
	w := peopled(t)
	victim := w.enrol("wang")
	victim.insert("hazard", grid1, rowID(1), map[string][]schema.Value{"kind_code": {schema.Text("stairs")}, "description": {schema.Text("x")}})
	_, err := w.centre.Welcome(syncengine.Hello{Device: victim.id, Schema: w.schema.Version, Wall: w.Now().UnixMilli()})
	require.NoError(t, err)

	w.ids["eve"] = w.call("POST", "/v1/accounts", "admin", map[string]string{"login": "eve", "name": "eve"}).want(201).str("id")
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": w.ids["eve"], "role": "grid_worker", "scope": grid9}).want(201)
	code := w.call("POST", "/v1/codes", "admin", map[string]string{"account": w.ids["eve"]}).want(201).str("code")
	r := w.again(code, w.ids["eve"], victim, keyOf(99))
	r.want(409)
}
