package wire

import (
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// What a Check may hold. Each record type is read once for all its columns.
const (
	maxTables  = 1_000
	maxColumns = 2_000 // of one record type
)

func checkToWire(m *se.Check) *Check {
	p := &Check{Number: m.Number, At: baseToWire(m.At), View: m.View, Scope: m.Scope}
	for i := range m.Tables {
		d := &m.Tables[i]
		x := &TableDigest{Table: d.Table, Columns: d.Columns, Buckets: int32(d.Buckets)}
		for _, b := range d.Filled {
			x.Filled = append(x.Filled, &Bucket{Index: int32(b.Index), Count: b.Digest.Count, Hi: b.Digest.Hi, Lo: b.Digest.Lo})
		}
		p.Tables = append(p.Tables, x)
	}
	if r := m.Report; r != nil {
		p.Report = &CheckReport{
			Scopes: int64(r.Scopes), Repaired: int64(r.Repaired), Local: int64(r.Local), Unmended: r.Unmended, Stopped: r.Stopped,
		}
	}
	return p
}

func checkFromWire(p *Check) (session.Message, error) {
	var c checks
	m := se.Check{
		Number: c.atLeast("number", p.GetNumber(), 1),
		At:     c.base("at", p.GetAt()),
		View:   c.text("view", p.GetView(), maxName),
		Scope:  c.text("scope", p.GetScope(), maxName),
	}
	if r := p.GetReport(); r != nil {
		m.Report = &se.CheckReport{
			Scopes:   c.size("report.scopes", r.GetScopes()),
			Repaired: c.size("report.repaired", r.GetRepaired()),
			Local:    c.size("report.local", r.GetLocal()),
			Unmended: r.GetUnmended(), Stopped: r.GetStopped(),
		}
	}
	if len(p.GetTables()) > maxTables {
		c.fail("tables", "holds more than %d record types", maxTables)
		return nil, c.err
	}
	seen := map[string]bool{}
	for i, x := range p.GetTables() {
		d, err := tableDigestFromWire(x)
		c.at("tables", i, err)
		if seen[d.Table] {
			c.fail(item("tables", i)+".table", "is there twice; a record type is named once")
		}
		seen[d.Table] = true
		m.Tables = append(m.Tables, d)
	}
	return &session.Check{Check: m}, c.err
}

func tableDigestFromWire(p *TableDigest) (se.TableDigest, error) {
	var c checks
	d := se.TableDigest{Table: c.name("table", p.GetTable()), Buckets: c.buckets("buckets", p.GetBuckets())}
	if len(p.GetColumns()) > maxColumns {
		c.fail("columns", "holds more than %d columns", maxColumns)
		return d, c.err
	}
	d.Columns = c.names("columns", p.GetColumns())
	last := -1
	for i, x := range p.GetFilled() {
		b := se.Bucket{Index: int(x.GetIndex()), Digest: se.Digest{Count: x.GetCount(), Hi: x.GetHi(), Lo: x.GetLo()}}
		if b.Index <= last || b.Index >= d.Buckets {
			c.fail(item("filled", i)+".index", "must be below buckets and above the one before")
			break
		}
		if b.Digest.Count < 1 {
			c.fail(item("filled", i)+".count", "is below 1; empty buckets are left out")
		}
		last = b.Index
		d.Filled = append(d.Filled, b)
	}
	return d, c.err
}

// buckets takes a power of two up to se.MaxBuckets.
func (c *checks) buckets(name string, n int32) int {
	if n < 1 || n > se.MaxBuckets || n&(n-1) != 0 {
		c.fail(name, "must be a power of two up to %d", se.MaxBuckets)
		return 1
	}
	return int(n)
}

func repairToWire(m *se.Repair) (*Repair, error) {
	p := &Repair{Number: m.Number, Part: int32(m.Part), Done: m.Done, More: m.More, Stale: m.Stale, Snapshot: m.Snapshot}
	for _, x := range m.Covered {
		cov := &Covered{Table: x.Table, Buckets: int32(x.Buckets)}
		for _, i := range x.Index {
			cov.Index = append(cov.Index, int32(i))
		}
		p.Covered = append(p.Covered, cov)
	}
	var err error
	p.Items, err = itemsToWire(m.Items)
	return p, err
}

func repairFromWire(p *Repair) (session.Message, error) {
	var c checks
	m := se.Repair{
		Number: c.atLeast("number", p.GetNumber(), 1),
		Part:   int(c.atLeast("part", int64(p.GetPart()), 1)),
		Items:  c.items(p.GetItems()),
		Done:   p.GetDone(), More: p.GetMore(), Stale: p.GetStale(), Snapshot: p.GetSnapshot(),
	}
	for i, x := range p.GetCovered() {
		var of checks
		cov := se.Covered{Table: of.name("table", x.GetTable()), Buckets: of.buckets("buckets", x.GetBuckets())}
		for j, n := range x.GetIndex() {
			if int(n) >= cov.Buckets || n < 0 {
				of.fail(item("index", j), "must be from 0 and below buckets")
				break
			}
			cov.Index = append(cov.Index, int(n))
		}
		c.at("covered", i, of.err)
		m.Covered = append(m.Covered, cov)
	}
	return &session.Repair{Repair: m}, c.err
}
