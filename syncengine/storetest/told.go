package storetest

import (
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

func told(v int) *syncengine.Told {
	g := syncengine.Grant{
		Scope: "scope \x00 \"1\"", Name: "一网格", Level: schema.LevelGrid, Role: "worker", Doors: []string{string(id(1)), string(id(v))},
		From: 1 << 41, To: int64(v) << 42, Offline: 14,
	}
	x := &syncengine.Told{Device: "dev-1", View: fmt.Sprint("view ", v), Shown: []syncengine.Grant{{Scope: "b", Role: "r"}, g}, Retired: int64(v % 3)}
	if v%2 == 0 {
		x.Lost = []syncengine.Lost{{Grant: g, N: int64(v), At: 1 << 41}, {Grant: syncengine.Grant{Scope: "c", Role: "r"}, N: 9, At: 5, Purged: 1 << 41}}
	}
	return x
}
