package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// shell reads a database with the sqlite3 shell, a program that knows nothing of Doorstep.
func shell(ctx context.Context, db, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, "sqlite3", "-readonly", "-cmd", ".mode quote", db, sql)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("sqlite3 %s: %w: %s", db, err, stderr.Bytes())
	}
	return string(out), nil
}

// compare dumps every replica and the centre with the sqlite3 shell and compares the texts: for each device, the
// centre's typed tables cut down to what its role and doors may see must be what its replica holds.
func (d *demo) compare(ctx context.Context) error {
	d.title("用 sqlite3 命令导出比对（不经过引擎）", "Compared by dumps of the sqlite3 shell (not by the engine)")
	lines, tables := 0, 0
	for _, x := range d.people.all {
		for _, t := range x.replica.Schema().Tables {
			n, err := d.compareTable(ctx, x, t)
			if err != nil {
				return err
			}
			lines += n
			tables++
		}
	}
	d.line("%d 台设备 × %d 张表：%d 行逐字节相同", "%d devices × %d tables: %d rows equal byte for byte", len(d.people.all), tables/len(d.people.all), lines)
	if err := d.sameGrants(ctx); err != nil {
		return err
	}
	return d.empties(ctx)
}

func (d *demo) compareTable(ctx context.Context, x *phone, t *schema.Table) (int, error) {
	cols, where := x.view(t)
	if cols == nil { // not his to see: nothing at all may be there
		out, err := shell(ctx, x.path, `SELECT count(*) FROM "`+t.Name+`"`)
		d.check(out == "0\n", "%s 不应有 %s 的数据", "%s should hold nothing of %s", x.name, t.Name)
		return 0, err
	}
	list := strings.Join(cols, ", ")
	mine, err := shell(ctx, x.path, fmt.Sprintf(`SELECT %s FROM "%s" ORDER BY id`, list, t.Name))
	if err != nil {
		return 0, err
	}
	theirs, err := shell(ctx, d.centre.db(), fmt.Sprintf(`SELECT %s FROM "rec_%s" WHERE %s ORDER BY id`, list, t.Name, where))
	if err != nil {
		return 0, err
	}
	d.check(mine == theirs, "%s 的 %s 与中心不同", "%s and the centre differ in %s", x.name, t.Name)
	return strings.Count(mine, "\n"), d.hidden(ctx, x, t)
}

// view gives the columns that a device holds as the centre does, and which of the centre's rows it may hold; written
// here anew from the declarations, not taken from the engine.
func (x *phone) view(t *schema.Table) (cols []string, where string) {
	a := x.access(t)
	if a == nil {
		return nil, ""
	}
	for _, c := range t.Columns {
		if m, ok := a.Shows(c.Name); ok && m == schema.MaskNone {
			cols = append(cols, `"`+c.Name+`"`)
		}
	}
	var scopes []string
	for _, g := range x.grids {
		scopes = append(scopes, "'"+gridCodes[g]+"'")
	}
	where = "scope IN (" + strings.Join(scopes, ",") + ")"
	switch {
	case a.Rows[schema.RowsAll]:
	case a.Rows[schema.RowsDoors]:
		where += fmt.Sprintf(" AND (door IN ('%s') OR door = '' AND author = '%s')", strings.Join(x.doors, "','"), x.account)
	case a.Rows[schema.RowsOwn]:
		where += fmt.Sprintf(" AND author = '%s'", x.account)
	}
	return cols, where
}

// hidden makes sure that what a role may not read in full is not in its replica in full.
func (d *demo) hidden(ctx context.Context, x *phone, t *schema.Table) error {
	a := x.access(t)
	for _, c := range t.Columns {
		m, ok := a.Shows(c.Name)
		cond := `"` + c.Name + `" IS NOT NULL`
		switch {
		case ok && m == schema.MaskNone:
			continue
		case ok:
			cond += ` AND "` + c.Name + `" NOT LIKE '%*%'`
		}
		out, err := shell(ctx, x.path, fmt.Sprintf(`SELECT count(*) FROM "%s" WHERE %s`, t.Name, cond))
		if err != nil {
			return err
		}
		d.check(out == "0\n", "%s 不应看到 %s.%s", "%s should not see %s.%s", x.name, t.Name, c.Name)
	}
	return nil
}

// sameGrants compares the two devices of the supervisor whole, and says how many rows each record type has.
func (d *demo) sameGrants(ctx context.Context) error {
	var counts []string
	for _, t := range d.people.desk.replica.Schema().Tables {
		sql := `SELECT * FROM "` + t.Name + `" ORDER BY id`
		a, err := shell(ctx, d.people.desk.path, sql)
		if err != nil {
			return err
		}
		b, err := shell(ctx, d.people.tablet.path, sql)
		if err != nil {
			return err
		}
		n := strings.Count(a, "\n")
		d.check(a == b && n > 0, "书记两台设备的 %s 应相同且不为空", "the supervisor's two devices should agree on %s, and it should not be empty", t.Name)
		counts = append(counts, fmt.Sprintf("%s %d", t.Label.In(d.lang), n))
	}
	d.line("书记的电脑与平板全表相同：%s", "the supervisor's computer and tablet are the same: %s", strings.Join(counts, d.say("，", ", ")))
	return nil
}

// empties: nothing waits anywhere, and what the morning turned on came out as it should.
func (d *demo) empties(ctx context.Context) error {
	for _, x := range d.people.all {
		n, err := x.outbox(ctx)
		if err != nil {
			return err
		}
		d.check(n == 0, "%s 还有 %d 条未发", "%s still has %d to send", x.name, n)
	}
	for what, q := range map[string][2]string{
		"risk":   {"SELECT risk_level FROM dispute WHERE id = '" + string(morning.dispute) + "'", "'high'\n"},
		"twins":  {fmt.Sprintf("SELECT count(*) FROM dwelling WHERE id IN ('%s','%s')", morning.twins[0], morning.twins[1]), "2\n"},
		"phone":  {"SELECT phone FROM household WHERE id = '" + morning.phoneOf + "'", "'" + morning.newPhone + "'\n"},
		"claims": {fmt.Sprintf("SELECT count(*), count(number) FROM wish_claim WHERE id IN ('%s','%s')", morning.claimA, morning.claimB), "2,1\n"},
		"state":  {"SELECT state FROM wish WHERE id = '" + string(morning.wish) + "'", "'claimed'\n"},
		"year":   {"SELECT count(*) FROM wish WHERE updated_at > (SELECT max(received_at) FROM wish)", "0\n"},
	} {
		out, err := shell(ctx, d.people.desk.path, q[0])
		if err != nil {
			return err
		}
		d.check(out == q[1], "%s：应为 %q，得到 %q", "%s: should be %q, got %q", what, q[1], out)
	}
	d.line("风险取高；重复登记两行都在；认领只有一个有序号；快一年的时钟没有占到便宜", "the higher risk stands; both dwellings live; one claim has a number; the clock a year ahead won nothing")
	return nil
}
