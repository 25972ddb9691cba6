package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/api"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// between lets something happen before a View.
type between struct {
	syncengine.Store
	n  int
	do func(n int)
}

func (b *between) View(fn func(syncengine.ReadTx) error) error {
	b.n++
	if b.do != nil {
		b.do(b.n)
	}
	return b.Store.View(fn)
}

// A row that moves to a strange grid, and is written there, between the reads of one request: that is not shown.
func TestHistoryOfARowThatMovesMeanwhile(t *testing.T) {
	b := &between{}
	w := peopled(t, func(c *api.Config) { b.Store = c.State.(syncengine.Store); c.State = b })
	p := w.enrolled("both", grid1)
	w.call("POST", "/v1/assignments", "admin", map[string]any{"account": p.account, "role": "grid_worker", "scope": grid9}).want(201)
	v := p.insert("hazard", grid1, rowID(1), map[string][]schema.Value{"kind_code": {schema.Text("stairs")}, "description": {schema.Text("x")}})
	w.call("GET", "/v1/history/hazard/"+string(rowID(1)), "sun", nil).want(200)
	b.n = 0
	b.do = func(n int) {
		if n == 2 {
			b.do = nil
			m := p.update("hazard", rowID(1), v.Seq, "scope", schema.Text(grid9))
			p.update("hazard", rowID(1), m.Seq, "description", schema.Text("SECRET OF GRID 9"))
		}
	}
	r := w.call("GET", "/v1/history/hazard/"+string(rowID(1)), "sun", nil)
	require.NotContains(t, r.body, "SECRET OF GRID 9", "views: %d", b.n)
}
