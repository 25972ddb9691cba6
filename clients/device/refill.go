package device

import (
	"fmt"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema/ddl"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// write fills a new replica with what was read of the damaged one.
func (s *salvaged) write(p *port, r *Replica, out *Recovery) error {
	chain := s.links.chain()
	out.Identity, out.Lost, out.Unsure = s.id, chain.lost, chain.unsure
	if err := s.writeControl(p, r, chain); err != nil {
		return err
	}
	for _, cs := range chain.outbox {
		if err := p.PutOutbox(cs); err != nil {
			return fmt.Errorf("bring over changeset %d: %w", cs.N, err)
		}
		if !cs.Hole() {
			out.Unsent++
		}
	}
	out.Again = len(chain.outbox) - out.Unsent - len(chain.lost)
	if err := s.writeFiled(p, chain, out); err != nil {
		return err
	}
	for table := range copied {
		if table != ddl.CaptureTable {
			s.put(p, table, s.tables[table])
		}
	}
	if err := s.writeCaptured(p, r, out); err != nil {
		return err
	}
	slices.Sort(s.failed)
	out.Unreadable = slices.Compact(s.failed)
	return nil
}

// writeControl carries over who the device is, how far its chain goes, and what binds it; not the cursor: the rows come
// anew, under the work that is offered again.
func (s *salvaged) writeControl(p *port, r *Replica, chain *chained) error {
	c, err := p.Control()
	if err != nil {
		return err
	}
	c.Device, c.Account, c.Schema = s.id.Device, s.id.Account, r.schema.Version
	c.LastN, c.Hash, c.Acked = s.links.last, chain.hashes[s.links.last], s.links.last
	if len(chain.outbox) > 0 {
		c.Acked, c.Reoffer = chain.outbox[0].N-1, true
	}
	c.Met, c.MetN, c.Lease, c.Leaving = s.ctl.Met, s.ctl.MetN, s.ctl.Lease, s.ctl.Leaving
	c.HLC = s.stamp(p.wall)
	if err := p.PutControl(c); err != nil {
		return err
	}
	return p.exec(`UPDATE ds_state SET centre = ?`, s.id.Centre)
}

// stamp is the greatest stamp of this device that can be relied upon: one that rotted could lie centuries ahead.
func (s *salvaged) stamp(wall int64) hlc.Timestamp {
	const day = 24 * 3600_000
	var most hlc.Timestamp
	for _, list := range s.links.bodies {
		for _, b := range list {
			if b.sound {
				most = max(most, b.cs.HLC)
			}
		}
	}
	if said := s.ctl.HLC; said > most && said.Millis() <= max(wall, most.Millis())+day {
		most = said
	}
	return most
}

// writeFiled brings over verdicts and refused changesets; bodies only where the chain vouches for them.
func (s *salvaged) writeFiled(p *port, chain *chained, out *Recovery) error {
	for n, row := range s.journal {
		hash, ok := chain.hashes[n]
		if !ok || n > s.links.last {
			continue
		}
		row["n"], row["hash"] = n, hash[:]
		body := chain.bodies[n]
		if kept := bytesOf(row["body"]); len(kept) > 0 {
			if row["body"] = any(nil); body != nil {
				row["body"] = encodeChangeset(body)
			}
		}
		if s.put(p, "ds_journal", []map[string]any{row}) == 0 {
			continue
		}
		out.Filed++
		if se.VerdictKind(whole64(row["kind"])).Effective() {
			continue
		}
		refused := map[string]any{"n": n, "body": []byte{}, "filed": p.wall, "handled": int64(0)}
		if kept := s.refused[n]; kept != nil {
			refused["filed"], refused["handled"] = kept["filed"], kept["handled"]
		}
		if body != nil {
			refused["body"] = encodeChangeset(body)
		}
		out.Refused += s.put(p, "ds_quarantine", []map[string]any{refused})
		if body == nil || whole64(refused["handled"]) != 0 {
			continue
		}
		for i := range body.Changes {
			c := &body.Changes[i]
			if err := p.exec(`INSERT OR IGNORE INTO ds_touched(tbl, row, n) VALUES(?, ?, ?)`, c.Table, string(c.Row), n); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeCaptured brings over what other programs wrote, with the rows that it is about, and seals it.
func (s *salvaged) writeCaptured(p *port, r *Replica, out *Recovery) error {
	lines := slices.DeleteFunc(s.tables[ddl.CaptureTable], func(c map[string]any) bool {
		_, read := s.rows[replica.RowKey{Table: text(c["tbl"]), Row: se.RowID(text(c["id"]))}]
		return !read
	})
	if len(lines) == 0 {
		return nil
	}
	for k, row := range s.rows {
		if row != nil && s.put(p, k.Table, []map[string]any{row}) == 0 {
			s.failed = append(s.failed, k.Table)
		}
	}
	out.Captured = s.put(p, ddl.CaptureTable, lines)
	cs, err := replica.Seal(p, r.schema, r.opts.Clock.Read(), true)
	if err != nil {
		return fmt.Errorf("seal what other programs wrote: %w", err)
	}
	if cs == nil {
		return nil
	}
	n := cs.N - s.links.last
	out.Unsent += int(n)
	c, err := p.Control()
	if err != nil {
		return err
	}
	c.Reoffer = true
	return p.PutControl(c)
}

// put inserts rows as they were read, as far as the table takes them, and tells how many it took.
func (s *salvaged) put(p *port, table string, rows []map[string]any) (n int) {
	for _, row := range rows {
		var names []string
		var args []any
		for name, v := range row {
			names, args = append(names, quote(name)), append(args, v)
		}
		if len(names) == 0 {
			continue
		}
		verb := "INSERT OR IGNORE INTO "
		if table == "ds_trust" {
			verb = "INSERT OR REPLACE INTO "
		}
		res, err := p.conn.ExecContext(p.ctx, verb+quote(table)+"("+strings.Join(names, ", ")+") VALUES(?"+strings.Repeat(", ?", len(names)-1)+")", args...)
		if err != nil {
			s.failed = append(s.failed, table) // such as a value that rotted into another type
			continue
		}
		if hit, err := res.RowsAffected(); err == nil {
			n += int(hit)
		}
	}
	return n
}
