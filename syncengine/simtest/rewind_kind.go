package simtest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/seal"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// habits are what a rewound world has beside workers, restores and copies. Each is drawn by dice of its own, so that
// there are worlds with any of them alone and with all at once.
type habits struct {
	stewards bool // some see only the doors that they look after
	desk     bool // a supervisor decides
	twins    bool // places are entered twice, and what is said about them is sealed
	strange  bool // a restore may go back before a device was made: the centre does not know it any more
	quota    bool // the quarantine is small
	nights   bool // what is old is pruned
	small    bool // steps come in many small frames
}

func (w *rewound) stream(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte("rewound: " + name))
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

func (w *rewound) settleHabits() {
	on := func(name string) bool { return w.stream(name).IntN(2) == 0 }
	w.habits = habits{
		stewards: on("stewards"), desk: on("desk"), twins: on("twins"), strange: on("strange"), quota: on("quota"), nights: on("nights"),
		small: on("small"),
	}
	w.dice = w.stream("what people do")
	w.ring = seal.NewRing([]seal.Key{{
		Table: sealedTable, Column: sealedColumn, ID: 1, Secret: sha256.Sum256(fmt.Appendf(binary.BigEndian.AppendUint64(nil, w.seed), "rewound")),
	}})
	w.engine = w.engine.WithKeys(func() *seal.Ring { return w.ring })
	if w.habits.quota && w.year == nil {
		w.engine = w.engine.WithQuotas(se.Quotas{Refused: 1 + w.stream("quotas").IntN(4), Candidates: se.DefaultQuotas.Candidates})
	}
	w.clerk = clerk{w: w, rng: w.stream("clerk"), screens: map[se.Hash]screen{}}
	w.night = night{rng: w.stream("night"), heard: map[string]se.Heard{}}
	w.doors = w.stream("doors")
}

// reviewed gives the reviewed column of a record type that words are written into.
func (w *rewound) reviewed(table string) string {
	switch {
	case table == "place" && w.habits.twins:
		return sealedColumn
	case table == "place":
		return "address"
	case table == "family":
		return "head"
	}
	return "title"
}

// said gives a word as it is stored in a reviewed column.
func (w *rewound) said(table string, id se.RowID, text string) schema.Value {
	if table != sealedTable || !w.habits.twins {
		return schema.Text(text)
	}
	b, err := w.ring.Seal(sealedTable, sealedColumn, string(id), text)
	if err != nil {
		w.wrong("seal: %v", err)
	}
	return schema.Blob(b)
}

// heard gives the word that is stored in a row's cell, "" for none.
func (w *rewound) heard(table string, id se.RowID, v schema.Value) string {
	switch v.Kind() {
	case schema.KindText:
		return v.Str()
	case schema.KindBlob:
		text, err := w.ring.Open(table, sealedColumn, string(id), v.Bytes())
		if err != nil {
			w.wrong("sealed: what lies in %s %s cannot be opened there: %v", table, id, err)
		}
		return text
	}
	return ""
}

// address is what a place says where it lies. In worlds with twins there are few of them.
func (w *rewound) address() Assign {
	return Assign{"address", schema.Text("street " + string(rune('a'+w.dice.IntN(4))))}
}

// posts gives what a person may do.
func (w *rewound) posts(account string) []se.Grant {
	if g := w.post[account]; g != nil {
		return g
	}
	return []se.Grant{{Scope: "A", Role: roleWorker}}
}

// furnish enters the doors that stewards look after, and gives them some.
func (w *rewound) furnish() {
	if !w.habits.stewards {
		return
	}
	p := w.nodes[0]
	for range 4 {
		id := w.rowID()
		w.places, w.ledger.made = append(w.places, id), append(w.ledger.made, replica.RowKey{Table: "place", Row: id})
		x := Transaction{Statements: []Statement{{Insert, "place", id, []Assign{{"scope", schema.Text("A")}, {"address", schema.Text("door " + string(id[:8]))}}}}}
		if err := p.dev.Exec(x, p.clock.read(w.now)); err != nil {
			w.wrong("furnish: %v", err)
		}
	}
	p.sync(0)
	for i, n := range w.nodes {
		if i == 1 || i == 3 {
			n.steward = true
			w.lookAfter(n)
		}
	}
}

// lookAfter gives a steward other doors.
func (w *rewound) lookAfter(p *handset) {
	g := se.Grant{Scope: "A", Role: roleSteward}
	for i, id := range w.places {
		if w.year != nil && i == p.no || w.doors.IntN(2) == 0 {
			g.Doors = append(g.Doors, string(id))
		}
	}
	w.assign(p.dev.ctl.Account, []se.Grant{g})
}

// assign gives a person other grants, on all his devices.
func (w *rewound) assign(account string, grants []se.Grant) {
	w.post[account] = grants
	for _, id := range slices.Sorted(maps.Keys(w.people)) {
		if w.people[id].Account == account {
			w.people[id] = &se.Principal{Account: account, Device: id, Grants: w.post[account]}
			if !w.stranger(id) {
				w.mayNow(id)
			}
		}
	}
}

// stewardWorks is one transaction of a steward: he sees few rows, and writes few columns.
func (p *handset) stewardWorks(x *Transaction, note func(string, se.RowID) Assign, add func(Verb, string, se.RowID, ...Assign)) {
	w, rng := p.w, p.w.dice
	pick := func(table string) se.RowID {
		if ids := p.dev.ids[table]; len(ids) > 0 {
			return ids[rng.IntN(len(ids))]
		}
		return ""
	}
	family, matter := pick("family"), pick("matter")
	switch k := rng.IntN(10); {
	case family == "":
		if place := pick("place"); place != "" {
			add(Update, "place", place, Assign{"note", schema.Text(w.word())})
		}
	case k < 5:
		add(Update, "family", family, note("family", family))
	case k < 6:
		add(Update, "family", family, note("family", family), w.sum(p, family, rng.Int64N(9)))
	case matter == "" || k < 8:
		id := w.rowID()
		add(Insert, "matter", id, p.scopeOf("family", family, w.year.scope(p)), Assign{"family_id", schema.Text(string(family))}, note("matter", id))
	case k < 9:
		add(Update, "matter", matter, note("matter", matter))
	default:
		p.take(x, matter, p.scopeOf("matter", matter, w.year.scope(p)))
	}
	w.count("steward worked")
}

// sum changes a sum, and notes by how much: whatever takes effect does so once.
func (w *rewound) sum(p *handset, family se.RowID, to int64) Assign {
	row := p.dev.rows[replica.RowKey{Table: "family", Row: family}]
	w.ledger.adding = addition{family, to - value(w.schema.Table("family"), row, "calls").Int64()}
	return Assign{"calls", schema.Int(to)}
}

// regrants gives a steward other doors now and then: what he may not see any more has to leave.
func (w *rewound) regrants() {
	if !w.habits.stewards || w.doors.IntN(25) > 0 {
		return
	}
	p := w.nodes[w.doors.IntN(len(w.nodes))]
	if p.steward {
		w.lookAfter(p)
		w.count("steward got other doors")
	}
}

// night forgets what is old at the centre.
type night struct {
	rng   *rand.Rand
	heard map[string]se.Heard
}

func (w *rewound) prune() {
	if !w.habits.nights || w.night.rng.IntN(12) > 0 && w.year == nil {
		return
	}
	var list []se.Heard
	for _, p := range w.nodes {
		if h, ok := w.night.heard[p.dev.ctl.Device]; ok {
			list = append(list, h)
		}
	}
	now, keep := w.now, w.year.keep(30_000+w.night.rng.Int64N(300_000))
	var done se.Pruned
	w.do(func(c rewoundCentre) {
		w.must(c.Update(func(tx se.Tx) (err error) {
			if err = w.engine.Note(tx, list); err != nil {
				return err
			}
			done, err = w.engine.Prune(tx, se.Retention{Now: now, Keep: keep, Portion: 20})
			return err
		}))
	})
	if done.Floor > 0 {
		w.count("rewound: pruned")
	}
}
