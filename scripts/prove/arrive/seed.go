package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// seeding puts people and records straight into a centre's folder, with the centre's own packages.
type seeding struct {
	store  *store.Store
	engine *se.Engine
	dir    *directory.Directory
	auth   *auth.Service
	outside
}

// Of seeding: records of one changeset, and changesets of one transaction.
const (
	large = 4000
	group = 5
)

func grid(i int) string { return fmt.Sprintf("370115003%03d%03d", 239+i/900, 100+i%900) }

// open opens a centre's folder, and makes it if there is none.
func open(folder string, out outside) (x *seeding, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	s, err := load.Default()
	if err != nil {
		return nil, err
	}
	keys, err := auth.OpenKeys(filepath.Join(folder, "signing-keys.pem"), rand.Reader)
	if err != nil {
		return nil, err
	}
	st, err := store.Open(filepath.Join(folder, "doorstep.db"), s)
	if err != nil {
		return nil, err
	}
	x = &seeding{store: st, engine: se.New(s, se.DefaultLimits), outside: out}
	x.dir = directory.New(directory.Config{DB: st, County: 1, Roles: s.Roles, Now: x.now, Random: rand.Reader})
	if x.auth, err = auth.New(auth.Config{Directory: x.dir, Keys: keys, County: 1, Now: x.now, Random: rand.Reader, CodeLife: 24 * time.Hour}); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return x, nil
}

func (x *seeding) close() { _ = x.store.Close() } // what was committed is durable

// seed makes people and records.
func (x *seeding) seed(ctx context.Context, o options) (*seeded, error) {
	if err := x.units(ctx, o.grids); err != nil {
		return nil, err
	}
	for i := range o.grids {
		clerk, err := x.member(ctx, fmt.Sprintf("clerk%d", i), grid(i))
		if err != nil {
			return nil, err
		}
		if err := x.fill(ctx, clerk, i, o.records); err != nil {
			return nil, err
		}
		if (i+1)%25 == 0 {
			fmt.Printf("seeding   %d of %d grids\n", i+1, o.grids)
		}
	}
	s := &seeded{Grids: o.grids, Records: o.records}
	for i := range o.devices + 1 { // the last one is the bystander
		m, err := x.member(ctx, fmt.Sprintf("worker%d", i), grid(i%o.grids))
		if err != nil {
			return nil, err
		}
		s.Members = append(s.Members, m)
	}
	return s, nil
}

func (x *seeding) units(ctx context.Context, grids int) error {
	var b strings.Builder
	b.WriteString("code,name,level,parent\n370115,县,county,\n370115003,街道,street,370115\n")
	for i := 0; i < grids+1; i++ {
		if i%900 == 0 {
			fmt.Fprintf(&b, "%s,社区%d,community,370115003\n", grid(i)[:12], i/900)
		}
		fmt.Fprintf(&b, "%s,网格%d,grid,%s\n", grid(i), i, grid(i)[:12])
	}
	report, err := x.dir.ImportOrg(ctx, strings.NewReader(b.String()), false)
	if err == nil && report.Errors > 0 {
		err = fmt.Errorf("%+v", report.Findings)
	}
	return err
}

// member makes a person with a device in a grid.
func (x *seeding) member(ctx context.Context, login, scope string) (m member, err error) {
	a, err := x.dir.CreateAccount(ctx, login, login, "")
	if err != nil {
		return m, err
	}
	if _, err := x.dir.Assign(ctx, directory.Assignment{Account: a.ID, Role: "grid_worker", Scope: scope}); err != nil {
		return m, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return m, err
	}
	hash := []byte("seeded " + a.ID)
	if _, err := x.dir.PutCode(ctx, hash, a.ID, "", time.Hour); err != nil {
		return m, err
	}
	d, err := x.dir.Enrol(ctx, hash, public, login, "arrive")
	return member{Account: a.ID, Device: d.ID, Grid: scope, Key: private}, err
}

// fill enters a grid's records as its clerk, in large changesets, several in a transaction.
func (x *seeding) fill(ctx context.Context, m member, g, records int) error {
	var prev se.Hash
	for n, done := int64(1), 0; done < records; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var subs []se.Submission
		for ; done < records && len(subs) < group; n++ {
			cs := &se.Changeset{Device: m.Device, N: n, Prev: prev, Author: m.Account, Schema: x.engine.Schema().Version, Wall: x.now().UnixMilli()}
			for ; done < records && len(cs.Changes) < large; done++ {
				cs.Changes = append(cs.Changes, hazard(m.Grid, g, done))
			}
			prev = cs.Hash()
			subs = append(subs, se.Submission{Changeset: cs, Now: x.now().UnixMilli()})
		}
		for _, r := range x.engine.Commit(x.store, subs) {
			if r.Err != nil || r.Verdict.Kind != se.Accepted {
				return fmt.Errorf("fill grid %d: %w %v %+v", g, r.Err, r.Verdict.Kind, r.Verdict.Reason)
			}
		}
	}
	return nil
}

var phrases = []string{"二单元楼道堆放杂物", "消防通道被电动车占用", "三楼窗户玻璃破损", "井盖松动", "墙皮脱落", "照明灯不亮", "已联系物业处理", "待复查", "住户反映强烈", "虚构数据"}

func hazard(scope string, g, i int) se.Change {
	x := uint64(g)*1_000_003 + uint64(i)*2_654_435_761
	text := ""
	for range 5 {
		text += phrases[x%uint64(len(phrases))] + fmt.Sprint(x%97) + "，"
		x = x*6364136223846793005 + 1442695040888963407
	}
	cell := func(name, v string) se.CellWrite {
		return se.CellWrite{Cell: name, Values: []schema.Value{schema.Text(v)}}
	}
	return se.Change{Table: "hazard", Row: se.RowID(fmt.Sprintf("01941f29-7c00-7000-8%03x-%012x", g&0xfff, x>>20<<20&0xffff_f000_0000|uint64(i))), Op: se.OpInsert,
		Cells: []se.CellWrite{cell("scope", scope), cell("kind_code", "stairs"), cell("description", text)}}
}
