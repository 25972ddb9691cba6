package crowd

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
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

// Seeding puts people and records straight into a centre's folder, with the centre's own packages. No centre may run
// there meanwhile.
type Seeding struct {
	store  *store.Store
	engine *se.Engine
	dir    *directory.Directory
	auth   *auth.Service
	Outside
}

// Member is a person with one device. Its key is good for a made-up county alone.
type Member struct {
	Account, Device, Grid string
	Key                   ed25519.PrivateKey

	token string // of this run: Sign
}

// Of seeding: records of one changeset; changesets of one transaction, large ones and any.
const (
	large   = 4000
	group   = 5
	largest = 500
)

// Grid is the code of grid i.
func Grid(i int) string { return fmt.Sprintf("370115003%03d%03d", 239+i/900, 100+i%900) }

// Open opens a centre's folder, and makes it if there is none.
func Open(folder string, out Outside) (x *Seeding, err error) {
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
	x = &Seeding{store: st, engine: se.New(s, se.DefaultLimits), Outside: out}
	x.dir = directory.New(directory.Config{DB: st, County: 1, Roles: s.Roles, Now: x.Now, Random: rand.Reader})
	if x.auth, err = auth.New(auth.Config{Directory: x.dir, Keys: keys, County: 1, Now: x.Now, Random: rand.Reader, CodeLife: 24 * time.Hour}); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return x, nil
}

// Close ends it: what was committed is durable.
func (x *Seeding) Close() { _ = x.store.Close() }

// Head is where the county's history has come to.
func (x *Seeding) Head() (head se.Base, err error) {
	err = x.store.View(func(tx se.ReadTx) error {
		at, err := tx.Head()
		head = se.Base{Epoch: at.Epoch, Seq: at.Seq}
		return err
	})
	return head, err
}

// Units makes the county with so many grids, and one more.
func (x *Seeding) Units(ctx context.Context, grids int) error {
	var b strings.Builder
	b.WriteString("code,name,level,parent\n370115,县,county,\n370115003,街道,street,370115\n")
	for i := 0; i < grids+1; i++ {
		if i%900 == 0 {
			fmt.Fprintf(&b, "%s,社区%d,community,370115003\n", Grid(i)[:12], i/900)
		}
		fmt.Fprintf(&b, "%s,网格%d,grid,%s\n", Grid(i), i, Grid(i)[:12])
	}
	report, err := x.dir.ImportOrg(ctx, strings.NewReader(b.String()), false)
	if err == nil && report.Errors > 0 {
		err = fmt.Errorf("%+v", report.Findings)
	}
	return err
}

// Member makes a grid worker with a device in a grid.
func (x *Seeding) Member(ctx context.Context, login, scope string) (Member, error) {
	return x.As(ctx, "grid_worker", login, scope)
}

// As makes a person of a role with a device in a unit.
func (x *Seeding) As(ctx context.Context, role, login, scope string) (m Member, err error) {
	a, err := x.dir.CreateAccount(ctx, login, login, "")
	if err != nil {
		return m, err
	}
	if _, err := x.dir.Assign(ctx, directory.Assignment{Account: a.ID, Role: role, Scope: scope}); err != nil {
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
	d, err := x.dir.Enrol(ctx, hash, public, login, "crowd")
	return Member{Account: a.ID, Device: d.ID, Grid: scope, Key: private}, err
}

// Fill enters the records of grid g as its clerk, whose first changesets they are: large ones, several in a transaction.
func (x *Seeding) Fill(ctx context.Context, m Member, g, records int) error {
	return x.Enter(ctx, m, records, large, func(i int) se.Change { return hazard(m.Grid, g, i) })
}

// Contest edits the first records of grid g as somebody who has not seen what they say: about each there is a conflict then.
func (x *Seeding) Contest(ctx context.Context, m Member, g, records int) error {
	return x.commit(ctx, m, records, large, se.Conflicts, func(i int) se.Change {
		c := hazard(m.Grid, g, i)
		c.Op, c.Cells = se.OpUpdate, []se.CellWrite{{Cell: "description", Values: []schema.Value{schema.Text("另一个人的说法")}}}
		return c
	})
}

// Enter enters records as a member, whose first changesets they are: so many of them in each, several in a transaction.
func (x *Seeding) Enter(ctx context.Context, m Member, records, each int, record func(i int) se.Change) error {
	return x.commit(ctx, m, records, each, se.Accepted, record)
}

func (x *Seeding) commit(ctx context.Context, m Member, records, each int, want se.VerdictKind, record func(i int) se.Change) error {
	var prev se.Hash
	for n, done := int64(1), 0; done < records; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var subs []se.Submission
		for ; done < records && len(subs)*each < group*large && len(subs) < largest; n++ {
			cs := &se.Changeset{Device: m.Device, N: n, Prev: prev, Author: m.Account, Schema: x.engine.Schema().Version, Wall: x.Now().UnixMilli()}
			for ; done < records && len(cs.Changes) < each; done++ {
				cs.Changes = append(cs.Changes, record(done))
			}
			prev = cs.Hash()
			subs = append(subs, se.Submission{Changeset: cs, Now: x.Now().UnixMilli()})
		}
		for _, r := range x.engine.Commit(x.store, subs) {
			if r.Err != nil || r.Verdict.Kind != want {
				return fmt.Errorf("enter records in %s: %w %v %+v", m.Grid, r.Err, r.Verdict.Kind, r.Verdict.Reason)
			}
		}
	}
	return nil
}

var phrases = []string{"二单元楼道堆放杂物", "消防通道被电动车占用", "三楼窗户玻璃破损", "井盖松动", "墙皮脱落", "照明灯不亮", "已联系物业处理", "待复查", "住户反映强烈", "虚构数据"}

// hazard is the i-th record of a grid, or of a writer.
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

// Token is what Sign got.
func (m *Member) Token() string { return m.token }

// Sign gets a token with the device's key.
func (x *Seeding) Sign(ctx context.Context, m *Member) error {
	c, err := x.auth.Challenge(m.Device)
	if err != nil {
		return err
	}
	signed := ed25519.Sign(m.Key, auth.SignedText(m.Device, c.Text))
	t, err := x.auth.DeviceToken(ctx, m.Device, c.Text, base64.RawURLEncoding.EncodeToString(signed))
	m.token = t.Text
	return err
}

// Code is one to enrol a device of an account's with.
func (x *Seeding) Code(ctx context.Context, account string) (string, error) {
	code, err := x.auth.NewCode(ctx, account, "")
	return code.Text, err
}
