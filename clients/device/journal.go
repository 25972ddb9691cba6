package device

import (
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// The journal keeps a stub of every changeset for ever, and what a changeset said for as long as somebody may ask for it:
// a centre that was put back to a backup, or the person whose conflict is open. The newest stay whatever a clock says.
const (
	bodyDays   = 90     // older ones go
	bodiesKept = 1000   // but never these, the newest
	bodiesMost = 20_000 // and beyond these, younger ones too
	pruneEvery = 24 * 3600_000
	pruneAtMax = 2000 // in one transaction
)

// settled chooses changesets of which nothing is undecided: their overlay has ended, and no conflict that they are in is
// open as far as this device was told.
const settled = `NOT EXISTS(SELECT 1 FROM ds_pending x WHERE x.n = j.n)
	AND NOT EXISTS(SELECT 1 FROM ds_conflict_ref c WHERE c.n = j.n
		AND NOT EXISTS(SELECT 1 FROM ds_inbox i WHERE i.id = c.id AND i.kind IN (?3, ?4)))
	AND NOT EXISTS(SELECT 1 FROM ds_inbox o WHERE o.kind = 'conflict' AND length(o.row) > 0 AND instr(CAST(j.body AS BLOB), CAST(o.row AS BLOB)) > 0
		AND NOT EXISTS(SELECT 1 FROM ds_inbox i WHERE i.id = o.id AND i.kind IN (?3, ?4)))`

// pruneJournal erases, once a day, what old settled changesets said. What is not sent is not in the journal; a refused one
// stays until its person has dealt with it. Offered again after a restore, an erased one is a hole under its hash.
func (p *port) pruneJournal() error {
	var last, at int64
	if err := p.conn.QueryRowContext(p.ctx, `SELECT last_n, pruned FROM ds_state`).Scan(&last, &at); err != nil {
		return err
	}
	if p.wall >= at && p.wall-at < pruneEvery {
		return nil
	}
	if err := p.exec(`UPDATE ds_state SET pruned = ?`, p.wall); err != nil {
		return err
	}
	// Of those filed by an earlier version nobody knows when: their time begins now.
	if err := p.exec(`UPDATE ds_journal SET filed = ? WHERE filed = 0 AND length(body) > 0`, p.wall); err != nil {
		return err
	}
	old := p.wall - bodyDays*24*3600_000
	chosen := fmt.Sprintf(`j.n <= %d AND %%s AND (%%s < ?1 OR j.n <= ?2) AND %s ORDER BY j.n LIMIT %d`, last-bodiesKept, settled, pruneAtMax)
	args := []any{old, last - bodiesMost, string(se.MessageEnded), string(se.MessageDecided)}
	if err := p.exec(`UPDATE ds_journal SET body = x'' WHERE n IN (SELECT j.n FROM ds_journal j WHERE `+
		fmt.Sprintf(chosen, "length(j.body) > 0", "j.filed")+`)`, args...); err != nil {
		return err
	}
	refused := `SELECT j.n FROM ds_quarantine j WHERE ` + fmt.Sprintf(chosen, "j.handled = 1 AND length(j.body) > 0", "j.filed")
	if err := p.exec(`UPDATE ds_journal SET current = NULL WHERE n IN (`+refused+`)`, args...); err != nil {
		return err
	}
	return p.exec(`UPDATE ds_quarantine SET body = x'' WHERE n IN (`+refused+`)`, args...)
}
