package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"

	"github.com/doorstep-sync/doorstep/clients/device"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func mkdir(path string) error { return os.MkdirAll(path, 0o700) }

// plot is what the morning turns on, for the chapters that come back to it.
type plot struct {
	wish, publish se.RowID // published before the morning; the step that the claims follow
	claimA        se.RowID // the steward's claim
	claimB        se.RowID // the grid worker's
	dispute       se.RowID
	twins         [2]se.RowID // the dwelling entered twice
	phoneOf       string      // household whose phone the sqlite3 shell changed
	newPhone      string
	facts         [2]string
}

var morning plot

// write is one local transaction.
func (x *phone) write(ctx context.Context, fn func(tx *device.Tx) error) error {
	if _, err := x.replica.Write(ctx, fn); err != nil {
		return fmt.Errorf("write on %s: %w", x.name, err)
	}
	return nil
}

// morning: what was there yesterday, then every device offline.
func (d *demo) morning(ctx context.Context) error {
	if err := d.yesterday(ctx); err != nil {
		return err
	}
	d.title("上午：全部设备离线工作（地下室、电梯、盲区）", "The morning: every device offline (basements, lifts, dead spots)")
	r := rand.New(rand.NewPCG(d.seed, 3))
	for _, fn := range []func(context.Context, *rand.Rand) error{d.visits, d.stewards, d.quarrel, d.twice, d.claims, d.patrol, d.shell, d.notAllowed} {
		if err := fn(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// yesterday makes the wish and the dispute that two people will touch, and brings them to all.
func (d *demo) yesterday(ctx context.Context) error {
	a := d.people.worker[0]
	h := d.village.blocks[0].homes[0]
	err := a.write(ctx, func(tx *device.Tx) (err error) {
		if morning.wish, err = tx.Insert("wish", values{"household_id": h.household, "title": "楼道装扶手", "category_code": "facility", "detail": invented}); err != nil {
			return err
		}
		verify, err := tx.Insert("wish_claim", values{"wish_id": morning.wish, "step": "verify"})
		if err != nil {
			return err
		}
		if morning.publish, err = tx.Insert("wish_claim", values{"wish_id": morning.wish, "follows_id": verify, "step": "publish"}); err != nil {
			return err
		}
		morning.dispute, err = tx.Insert("dispute", values{"scope": gridCodes[0], "kind_code": "noise", "parties": []string{"2号楼甲户", "2号楼乙户"}, "risk_level": "low", "facts": "深夜噪声（" + invented + "）"})
		return err
	})
	if err != nil {
		return err
	}
	if err := d.sync(ctx, a); err != nil {
		return err
	}
	for _, x := range d.people.all {
		if err := d.sync(ctx, x); err != nil {
			return err
		}
		x.sum = device.Report{}
		if x.before, err = x.judged(ctx); err != nil {
			return err
		}
	}
	return nil
}

// visits: each worker knocks at 20 doors; what is found at a door is saved with the visit in one transaction.
func (d *demo) visits(ctx context.Context, r *rand.Rand) error {
	made, found := 0, 0
	for grid, x := range d.people.worker {
		for i := range 20 {
			b := d.village.blocks[grid*buildings/2+r.IntN(buildings/2)]
			h := b.homes[r.IntN(len(b.homes))]
			err := x.write(ctx, func(tx *device.Tx) error {
				v := values{"household_id": h.household, "started_at": d.now(), "outcome": "met", "purposes": []string{"routine"}, "opinions": invented}
				if i%5 == 4 {
					v["outcome"] = "absent"
				}
				visit, err := tx.Insert("visit", v)
				if err != nil || i%4 != 0 {
					return err
				}
				found++
				if _, err := tx.Insert("wish", values{"household_id": h.household, "title": "楼前装路灯", "source_visit_id": visit, "supporters": 1}); err != nil {
					return err
				}
				_, err = tx.Insert("hazard", values{"household_id": h.household, "building_id": b.id, "source_visit_id": visit, "kind_code": "stairs", "risk_level": "medium", "description": "楼梯堆物（" + invented + "）", "status": "found"})
				return err
			})
			if err != nil {
				return err
			}
			made++
		}
	}
	d.line("网格员入户 %d 次，其中 %d 次把微心愿和隐患与走访一并保存", "grid workers: %d visits, %d of them saved together with a wish and a hazard", made, found)
	return nil
}

func (d *demo) stewards(ctx context.Context, r *rand.Rand) error {
	for i, x := range d.people.steward {
		homes := d.village.blocks[i].homes
		h := homes[r.IntN(len(homes))]
		err := x.write(ctx, func(tx *device.Tx) error {
			_, err := tx.Insert("wish", values{"household_id": h.household, "title": "想学用手机挂号", "category_code": "help"})
			return err
		})
		if err != nil {
			return err
		}
	}
	d.line("%d 位楼长各记一条微心愿，其中一台手机时钟快了一年", "%d stewards note a wish each; the clock of one phone is a year ahead", len(d.people.steward))
	return nil
}

// quarrel: worker and supervisor write about the same dispute, neither seeing the other.
func (d *demo) quarrel(ctx context.Context, _ *rand.Rand) error {
	morning.facts = [2]string{"双方约定 22 时后不拖动家具（" + invented + "）", "一方要求书面道歉（" + invented + "）"}
	risk := [2]string{"medium", "high"}
	for i, x := range []*phone{d.people.worker[0], d.people.tablet} {
		err := x.write(ctx, func(tx *device.Tx) error {
			if err := tx.Set("dispute", morning.dispute, values{"facts": morning.facts[i], "risk_level": risk[i]}); err != nil {
				return err
			}
			if x.role != "grid_worker" {
				return nil
			}
			_, err := tx.Insert("mediation_session", values{"dispute_id": morning.dispute, "held_at": d.now(), "record": morning.facts[i]})
			return err
		})
		if err != nil {
			return err
		}
	}
	d.line("同一起纠纷，网格员和社区书记各写了不同的事实和风险等级", "one dispute: worker and supervisor each write other facts and another risk")
	return nil
}

// twice: the same dwelling is entered on two devices.
func (d *demo) twice(ctx context.Context, _ *rand.Rand) error {
	for i, x := range []*phone{d.people.worker[0], d.people.tablet} {
		err := x.write(ctx, func(tx *device.Tx) (err error) {
			morning.twins[i], err = tx.Insert("dwelling", values{"building_id": d.village.blocks[2].id, "unit_no": "1", "room_no": "1801", "use_code": "vacant", "notes": invented})
			return err
		})
		if err != nil {
			return err
		}
	}
	d.line("3 号楼 1-1801 被两个人各登记了一次", "dwelling 3-1-1801 is entered twice, by two people")
	return nil
}

// claims: the steward and the worker both claim the same wish.
func (d *demo) claims(ctx context.Context, _ *rand.Rand) error {
	for _, c := range []struct {
		x  *phone
		id *se.RowID
	}{{d.people.steward[0], &morning.claimA}, {d.people.worker[0], &morning.claimB}} {
		err := c.x.write(ctx, func(tx *device.Tx) (err error) {
			*c.id, err = tx.Insert("wish_claim", values{"wish_id": morning.wish, "follows_id": morning.publish, "step": "claim"})
			return err
		})
		if err != nil {
			return err
		}
	}
	d.line("同一条微心愿被楼长和网格员同时认领", "one wish is claimed by the steward and by the worker")
	return nil
}

func (d *demo) patrol(ctx context.Context, _ *rand.Rand) error {
	err := d.people.worker[1].write(ctx, func(tx *device.Tx) error {
		p, err := tx.Insert("patrol", values{"kind_code": "fire", "started_at": d.now(), "team": "巡防一队", "checkpoints": []string{"9号楼", "12号楼"}, "summary": invented})
		if err != nil {
			return err
		}
		_, err = tx.Insert("patrol_finding", values{"patrol_id": p, "kind_code": "hazard", "found_at": d.now(), "description": "消防通道停车（" + invented + "）"})
		return err
	})
	d.line("一次消防巡防，发现 1 处问题", "a fire patrol with one finding")
	return err
}

// shell: any SQLite program may write the replica; its triggers capture it.
func (d *demo) shell(ctx context.Context, _ *rand.Rand) error {
	morning.phoneOf, morning.newPhone = d.village.blocks[1].homes[3].household, "19900008888"
	out, err := exec.CommandContext(ctx, "sqlite3", d.people.worker[0].path,
		fmt.Sprintf("UPDATE household SET phone='%s' WHERE id='%s'; SELECT changes();", morning.newPhone, morning.phoneOf)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("sqlite3 on %s: %w: %s", d.people.worker[0].path, err, out)
	}
	d.check(string(out) == "1\n", "sqlite3 应改到一行", "sqlite3 should have changed one row")
	d.line("有人用 sqlite3 命令直接改了一户电话，同样被捕获", "somebody changes a phone number with the sqlite3 shell: captured all the same")
	return nil
}

// notAllowed: a steward may not edit the register. The SDK refuses; another program asks nobody, and then his phone is
// told why.
func (d *demo) notAllowed(ctx context.Context, _ *rand.Rand) error {
	x := d.people.steward[4]
	h := d.village.blocks[4].homes[0]
	err := x.write(ctx, func(tx *device.Tx) error {
		_, err := tx.Exec("UPDATE household SET notes = ? WHERE id = ?", "换租客了", h.household)
		return err
	})
	d.check(device.CodeOf(err) == device.CodeNoRight, "没有权限的改动不应保存", "what is not his to edit should not be saved")
	out, err := exec.CommandContext(ctx, "sqlite3", x.path, fmt.Sprintf("UPDATE household SET notes='换租客了' WHERE id='%s';", h.household)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("sqlite3 on %s: %w: %s", x.path, err, out)
	}
	d.line("一位楼长用 sqlite3 命令改了户籍台账（本机程序因无此权限已拒绝），应被退回并说明原因",
		"a steward edits the register with the sqlite3 shell, for his program refuses what is not his to edit: it should come back with the reason")
	return nil
}

// somebody gives a household and a phone number for the commands at the end.
func (d *demo) somebody() (id, phone string) {
	return d.village.blocks[0].homes[1].household, "19900001234"
}
