package device

import (
	"context"
	"fmt"
	"slices"
)

// addedColumns came to the engine's own tables after the first release. A replica gets those that it lacks when it is
// opened.
//
// ds_control  the proof that came with the cursor, in plain sight: at (proof_epoch, proof_seq) the county's history had
// the hash history, and mac is the centre's word for it. It is an anchor for whoever checks the centre's history chain.
// ds_state    epoch_met, met_n: the newest epoch that the centre named, and its last n then; reoffer: changesets are
// offered again, and the next snapshot goes under them; key: the public key that goes with the device id;
// taken: how much of the snapshots of an unfinished step is staged
// ds_state    pruned: when old bodies of the journal were looked for last
// ds_journal  filed: when the verdict came, ms by this device's clock; 0 = nobody knows
// ds_inbox    reason: why a conflict was decided as it was, in the supervisor's words
var addedColumns = []struct{ table, column, spec string }{
	{"ds_control", "proof_epoch", "INTEGER NOT NULL DEFAULT 0"},
	{"ds_control", "proof_seq", "INTEGER NOT NULL DEFAULT 0"},
	{"ds_control", "history", "BLOB"},
	{"ds_control", "mac", "BLOB"},
	{"ds_state", "epoch_met", "INTEGER NOT NULL DEFAULT 0"},
	{"ds_state", "met_n", "INTEGER NOT NULL DEFAULT 0"},
	{"ds_state", "reoffer", "INTEGER NOT NULL DEFAULT 0"},
	{"ds_state", "taken", "TEXT NOT NULL DEFAULT ''"},
	{"ds_state", "key", "TEXT NOT NULL DEFAULT ''"},
	{"ds_state", "pruned", "INTEGER NOT NULL DEFAULT 0"},
	{"ds_journal", "filed", "INTEGER NOT NULL DEFAULT 0"},
	{"ds_inbox", "reason", "TEXT NOT NULL DEFAULT ''"},
}

// addColumns brings the engine's tables to what this program reads and writes.
func (p *port) addColumns(ctx context.Context, r *Replica) error {
	have, err := existing(ctx, r.conn)
	if err != nil {
		return err
	}
	for _, c := range addedColumns {
		if slices.Contains(have.Columns[c.table], c.column) {
			continue
		}
		if err := p.exec("ALTER TABLE " + c.table + " ADD COLUMN " + c.column + " " + c.spec); err != nil {
			return fmt.Errorf("add column %s to %s: %w", c.column, c.table, err)
		}
	}
	return nil
}
