package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// phone is one device with its replica.
type phone struct {
	name    string
	title   string // what people call its owner
	role    string
	grids   []int
	doors   []string // steward
	account string
	path    string
	replica *device.Replica
	remote  device.Remote
	report  device.Report // of the last round
	before  int           // changesets judged before the morning
	sum     device.Report // bytes and time since the morning
}

type people struct {
	worker   [2]*phone
	steward  []*phone
	desk     *phone // the supervisor's computer
	tablet   *phone // and tablet: the same person, the same grants
	all      []*phone
	password string
}

func (p *people) close() {
	for _, x := range p.all {
		if x.replica != nil {
			_ = x.replica.Close()
			x.replica = nil
		}
	}
}

// shifted is a clock that is wrong by a fixed amount.
type shifted struct {
	now   func() time.Time
	ahead time.Duration
	began time.Time
}

func (c shifted) Read() replica.Clock {
	now := c.now()
	return replica.Clock{Wall: now.Add(c.ahead).UnixMilli(), Boot: "demo", Mono: now.Sub(c.began).Milliseconds()}
}

// yearAhead is the steward whose clock is wrong.
const yearAhead = 2

// ids makes row ids from a seed, so that two runs make the same village.
func ids(seed uint64) func() string {
	r := rand.New(rand.NewPCG(seed, 2))
	n := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC).UnixMilli()
	return func() string {
		var b [16]byte
		n++
		binary.BigEndian.PutUint64(b[:8], uint64(n)<<16|0x7000|r.Uint64()&0xfff)
		binary.BigEndian.PutUint64(b[8:], r.Uint64()&(1<<62-1)|1<<63)
		return uuid.UUID(b).String()
	}
}

// settle makes accounts: two grid workers, a steward for each building, a supervisor.
func (d *demo) settle(ctx context.Context) error {
	d.title("王河社区：2 个网格、16 栋、500 户、1100 人（人为虚构）", "王河: 2 grids, 16 buildings, 500 households, 1,100 people (invented)")
	d.village = invent(d.seed, ids(d.seed))
	homes, souls := d.village.counts()
	d.check(homes == households && souls == residents, "户数人数不符：%d、%d", "sizes are off: %d, %d", homes, souls)
	p := &people{password: "demo-only-" + d.centre.url}
	d.people = p
	dir := filepath.Join(d.dir, "devices")
	add := func(x *phone) *phone {
		x.path = filepath.Join(dir, x.name, "replica.db")
		p.all = append(p.all, x)
		return x
	}
	p.desk = add(&phone{name: "supervisor-desk", title: "社区书记", role: "supervisor", grids: []int{0, 1}})
	p.tablet = add(&phone{name: "supervisor-tablet", title: "社区书记", role: "supervisor", grids: []int{0, 1}})
	for i := range p.worker {
		p.worker[i] = add(&phone{name: fmt.Sprintf("worker-%d", i+1), title: fmt.Sprintf("网格员%d", i+1), role: "grid_worker", grids: []int{i}})
	}
	for _, b := range d.village.blocks {
		x := add(&phone{name: fmt.Sprintf("steward-%02d", b.no), title: fmt.Sprintf("%d号楼楼长", b.no), role: "steward", grids: []int{b.grid}})
		for _, h := range b.homes {
			x.doors = append(x.doors, h.dwelling)
		}
		p.steward = append(p.steward, x)
	}
	for _, x := range p.all {
		if x == p.tablet {
			x.account = p.desk.account
			continue
		}
		if err := d.account(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) account(ctx context.Context, x *phone) error {
	login := x.name
	body := map[string]any{"login": login, "name": x.title}
	scope := gridCodes[x.grids[0]]
	if x.role == "supervisor" {
		body["login"], body["password"], scope = "supervisor", d.people.password, community
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := d.centre.call(ctx, "POST", "/v1/accounts", body, &made); err != nil {
		return err
	}
	x.account = made.ID
	assign := map[string]any{"account": made.ID, "role": x.role, "scope": scope}
	if len(x.doors) > 0 {
		assign["doors"] = x.doors
	}
	return d.centre.call(ctx, "POST", "/v1/assignments", assign, nil)
}

// enrolAll makes a replica for each device and proves its key to the centre with a one-time code.
func (d *demo) enrolAll(ctx context.Context) error {
	for i, x := range d.people.all {
		if err := mkdir(filepath.Dir(x.path)); err != nil {
			return err
		}
		opts := device.Options{App: "demo"}
		if i == slices.Index(d.people.all, d.people.steward[yearAhead]) {
			opts.Clock = shifted{now: d.now, ahead: 365 * 24 * time.Hour, began: d.began}
		}
		r, err := device.Create(x.path, opts)
		if err != nil {
			return err
		}
		x.replica = r
		var code struct {
			Code string `json:"code"`
		}
		if err := d.centre.call(ctx, "POST", "/v1/codes", map[string]string{"account": x.account}, &code); err != nil {
			return err
		}
		if _, err := r.Enrol(ctx, device.Enrolment{Centre: d.centre.url, Code: code.Code, Label: x.name}); err != nil {
			return fmt.Errorf("enrol %s: %w", x.name, err)
		}
		if x.remote, err = remote(ctx, r, d.centre.url); err != nil {
			return err
		}
	}
	d.line("%d 台设备用一次性登记码登记：网格员 2、楼长 %d（每人约 30 户）、社区书记 2", "%d devices enrolled with one-time codes: 2 grid workers, %d stewards (about 30 households each), 2 of the supervisor", len(d.people.all), len(d.people.steward))
	return nil
}

func remote(ctx context.Context, r *device.Replica, url string) (device.Remote, error) {
	tokens, err := r.KeyTokens(ctx, nil)
	if err != nil {
		return nil, err
	}
	return device.WebSocket(url, tokens, device.WebSocketOptions{})
}

// firstSync enters the register at the supervisor's desk and brings it to every device.
func (d *demo) firstSync(ctx context.Context) error {
	desk := d.people.desk
	if err := d.sync(ctx, desk); err != nil {
		return err
	}
	for grid := range gridCodes {
		if _, err := desk.replica.Write(ctx, func(tx *device.Tx) error { return d.village.enter(tx, grid) }); err != nil {
			return err
		}
	}
	if err := d.sync(ctx, desk); err != nil {
		return err
	}
	d.line("户籍台账 2 个变更集一次录入，%s 上行，%d 毫秒", "the register entered in 2 changesets, %s up, %d ms", size(desk.report.Out), desk.report.Took.Milliseconds())
	var staffing struct {
		Grids []struct {
			Households int  `json:"households"`
			OK         bool `json:"ok"`
		} `json:"grids"`
	}
	if err := d.centre.call(ctx, "GET", "/v1/staffing?scope="+community, nil, &staffing); err != nil {
		return err
	}
	flagged := 0
	for _, g := range staffing.Grids {
		if !g.OK && g.Households == households/2 {
			flagged++
		}
	}
	d.check(flagged == 2, "配比检查应标出两个网格", "the staffing check should flag both grids")
	d.line("配比检查：两个网格各 250 户，低于 300–500 户的标准，已标出", "staffing check: 250 households in each grid, under the 300–500 of the standard: flagged")
	rows, bytes := 0, int64(0)
	for _, x := range d.people.all {
		if err := d.sync(ctx, x); err != nil {
			return err
		}
		rows += x.report.Rows
		bytes += x.report.In
	}
	d.line("全部设备首次同步：%d 行，%s", "first sync of all devices: %d rows, %s", rows, size(bytes))
	for i, x := range d.people.steward {
		var doors int
		if err := x.replica.QueryRow(ctx, "SELECT count(*) FROM household").Scan(&doors); err != nil {
			return err
		}
		d.check(doors == len(d.village.blocks[i].homes), "%s 应只见自己的 %d 户，见到 %d 户", "%s should see only his %d households and sees %d", x.name, len(d.village.blocks[i].homes), doors)
	}
	return nil
}

// sync runs one round for a device and keeps its report.
func (d *demo) sync(ctx context.Context, x *phone) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	rep, err := x.replica.Sync(ctx, x.remote)
	if err != nil {
		return fmt.Errorf("sync %s: %w", x.name, err)
	}
	x.note(rep)
	return nil
}

// note keeps what a round came to.
func (x *phone) note(rep device.Report) {
	x.report = rep
	x.sum.In += rep.In
	x.sum.Out += rep.Out
	x.sum.Took += rep.Took
}

// access gives what a device's role sees of a record type.
func (x *phone) access(t *schema.Table) *schema.Access { return t.Access(x.role) }
