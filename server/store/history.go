package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// RowHistory implements syncengine.ReadTx: one search in the index and one for each entry, however long history is.
func (t *readTx) RowHistory(table string, id syncengine.RowID, before int64, limit int) (out []syncengine.Entry, err error) {
	err = t.query(func(r row) error {
		e, err := toEntry(r)
		out = append(out, e)
		return err
	}, `SELECT h.seq, h.epoch, h.author, h.at, h.received, h.suspect, h.prev, h.hash, h.body FROM history_row r
		JOIN history h ON h.county = r.county AND h.seq = r.seq
		WHERE r.county = $1 AND r.tbl = $2 AND r.id = $3 AND ($4 = 0 OR r.seq < $4) ORDER BY r.seq DESC LIMIT $5`,
		t.s.county, table, string(id), before, int64(max(limit, 0)))
	return out, err
}

func toEntry(r row) (e syncengine.Entry, err error) {
	e = syncengine.Entry{
		Seq: r.int(0), Epoch: r.int(1), Author: r.str(2), At: r.int(3), Received: r.int(4), Suspect: r.bool(5),
		Prev: toHash(r.blob(6)), Hash: toHash(r.blob(7)),
	}
	if e.Changeset, e.Outcomes, err = decodeChangeset(r.blob(8)); err != nil {
		err = fmt.Errorf("read history of seq %d: %w", e.Seq, err)
	}
	return e, err
}

func (t *tx) indexHistory(e *syncengine.Entry) error {
	for _, k := range e.Rows() {
		if err := t.exec(`INSERT INTO history_row (county, tbl, id, seq) VALUES ($1, $2, $3, $4)`, t.s.county, k.Table, string(k.Row), e.Seq); err != nil {
			return fmt.Errorf("index history of seq %d: %w", e.Seq, err)
		}
	}
	return nil
}

// fillHistoryRows indexes the history that releases before migration 10 wrote, once.
func (s *Store) fillHistoryRows(tx *sql.Tx) error {
	var done bool
	if err := tx.QueryRow(`SELECT history_rows FROM county WHERE id = $1`, s.county).Scan(&done); err != nil || done {
		return err
	}
	for after := int64(0); ; {
		last, err := s.fillPage(tx, after)
		if err != nil {
			return fmt.Errorf("index history after seq %d: %w", after, err)
		}
		if last == after {
			break
		}
		after = last
	}
	_, err := tx.Exec(`UPDATE county SET history_rows = 1 WHERE id = $1`, s.county)
	return err
}

// fillPage indexes some entries after a seq and gives the last one's; the same seq at the end.
func (s *Store) fillPage(tx *sql.Tx, after int64) (int64, error) {
	rows, err := tx.Query(`SELECT seq, body FROM history WHERE county = $1 AND seq > $2 ORDER BY seq LIMIT 500`, s.county, after)
	if err != nil {
		return after, err
	}
	defer rows.Close()
	var page []syncengine.Entry
	for rows.Next() {
		var e syncengine.Entry
		var body []byte
		if err := rows.Scan(&e.Seq, &body); err != nil {
			return after, err
		}
		if e.Changeset, _, err = decodeChangeset(body); err != nil {
			return after, err
		}
		page = append(page, e)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return after, err
	}
	for i := range page {
		for _, k := range page[i].Rows() {
			if _, err := tx.Exec(`INSERT OR IGNORE INTO history_row (county, tbl, id, seq) VALUES ($1, $2, $3, $4)`, s.county, k.Table, string(k.Row), page[i].Seq); err != nil {
				return after, err
			}
		}
		after = page[i].Seq
	}
	return after, nil
}
