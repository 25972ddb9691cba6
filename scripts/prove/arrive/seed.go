package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
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

// county is who is known to the seeded centre.
type county struct {
	devices []member // the last one is the bystander
	codes   []string // of those who keep a replica
}

type member struct {
	account, device, grid, token string
}

// seeding puts people and records straight into a centre's folder, with the centre's own packages.
type seeding struct {
	store *store.Store
	dir   *directory.Directory
	auth  *auth.Service
	now   func() time.Time
}

const large = 4000 // records of one changeset

func grid(i int) string { return fmt.Sprintf("370115003%03d%03d", 239+i/900, 100+i%900) }

func seed(ctx context.Context, folder string, o options) (*county, error) {
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
	defer func() { _ = st.Close() }() // what was committed is durable
	x := seeding{store: st, now: time.Now}
	x.dir = directory.New(directory.Config{DB: st, County: 1, Roles: s.Roles, Now: x.now, Random: rand.Reader})
	if x.auth, err = auth.New(auth.Config{Directory: x.dir, Keys: keys, County: 1, Now: x.now, Random: rand.Reader, CodeLife: 24 * time.Hour}); err != nil {
		return nil, err
	}
	if err := x.units(ctx, o.grids); err != nil {
		return nil, err
	}
	k := &county{}
	engine := se.New(s, se.DefaultLimits)
	for i := range o.grids {
		clerk, err := x.member(ctx, fmt.Sprintf("clerk%d", i), grid(i))
		if err != nil {
			return nil, err
		}
		if err := x.fill(engine, clerk, i, o.records); err != nil {
			return nil, err
		}
	}
	for i := range o.devices + 1 {
		m, err := x.member(ctx, fmt.Sprintf("worker%d", i), grid(i%o.grids))
		if err != nil {
			return nil, err
		}
		k.devices = append(k.devices, m)
		if i < o.replicas {
			code, err := x.auth.NewCode(ctx, m.account, "")
			if err != nil {
				return nil, err
			}
			k.codes = append(k.codes, code.Text)
		}
	}
	return k, nil
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

// member makes a person with a device in a grid, and a token for it.
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
	if err != nil {
		return m, err
	}
	c, err := x.auth.Challenge(d.ID)
	if err != nil {
		return m, err
	}
	signed := ed25519.Sign(private, auth.SignedText(d.ID, c.Text))
	t, err := x.auth.DeviceToken(ctx, d.ID, c.Text, base64.RawURLEncoding.EncodeToString(signed))
	return member{a.ID, d.ID, scope, t.Text}, err
}

// fill enters a grid's records as its clerk, in a few large changesets.
func (x *seeding) fill(engine *se.Engine, m member, g, records int) error {
	var prev se.Hash
	for n, done := int64(1), 0; done < records; n++ {
		cs := &se.Changeset{Device: m.device, N: n, Prev: prev, Author: m.account, Schema: engine.Schema().Version, Wall: x.now().UnixMilli()}
		for ; done < records && len(cs.Changes) < large; done++ {
			cs.Changes = append(cs.Changes, hazard(m.grid, g, done))
		}
		r := engine.Commit(x.store, []se.Submission{{Changeset: cs, Now: x.now().UnixMilli()}})
		if r[0].Err != nil || r[0].Verdict.Kind != se.Accepted {
			return fmt.Errorf("fill grid %d: %w %v %+v", g, r[0].Err, r[0].Verdict.Kind, r[0].Verdict.Reason)
		}
		prev = cs.Hash()
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
