package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// Whatever stamp and clock a device sends, its work is taken, decides nothing, and holds nobody else up: who has seen it
// replaces it, who writes later than it stands before it, and the next stamp that anybody makes is after all of them (S3).
func TestStampsOfTheExtreme(t *testing.T) {
	const year2099 = 4_070_908_800_000
	start := newWorld(t).now
	for name, stamp := range map[string]hlc.Timestamp{
		"zero":                      0,
		"one":                       1,
		"in six minutes":            hlc.Make(start+6*60_000, 0),
		"in 2099":                   hlc.Make(year2099, 0),
		"the largest number signed": 1<<63 - 1,
		"the smallest signed":       1 << 63,
		"minus one":                 1<<64 - 1,
		"a counter that is full":    hlc.Make(start, 1<<16-1),
		"full, in 2099":             hlc.Make(year2099, 1<<16-1),
		"full, at the end of time":  hlc.Make(1<<48-1, 1<<16-1),
	} {
		for _, wall := range []int64{0, start, start + 6*60_000, year2099, 1<<63 - 1, -1 << 63} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				victim, bad := w.dev("victim", "worker"), w.dev("bad", "worker")
				base := victim.ok(ins("home", rid(1), set("phone", 0, "1"), set("head", 0, "王")))
				cs := bad.make(upd("home", rid(1), set("phone", base, "bad"), set("head", base, "bad")), ins("home", rid(2)))
				cs.HLC, cs.Wall, cs.Boot, cs.Mono = stamp, wall, "", wall
				r := bad.send(cs)
				require.NoError(t, r.Err)
				require.Equal(t, se.Accepted, r.Verdict.Kind, "no data is refused for its clock: %+v", r.Verdict.Reason)
				last := w.history()[1]
				require.LessOrEqual(t, last.At, w.now, "nothing takes effect later than now")

				w.now += 1000
				require.True(t, victim.push(upd("home", rid(1), set("phone", base, "later"))).Kind.Effective())
				require.Equal(t, "later", w.shows("home", rid(1), "phone"), "who writes later, not having seen it, stands before it")
				victim.ok(upd("home", rid(1), set("head", r.Verdict.Seq, "seen")))
				require.Equal(t, "seen", w.shows("home", rid(1), "head"))

				head := view(w, func(tx se.ReadTx) (se.Head, error) { return tx.Head() })
				require.LessOrEqual(t, head.HLC, hlc.Make(w.now+21*365*24*3600*1000, 0))
				clock := hlc.Clock{}
				clock.Hear(head.HLC)
				one := clock.Now(w.now)
				require.Greater(t, one, head.HLC, "there is room behind it")
				require.Greater(t, clock.Now(w.now), one)
			})
		}
	}
}
