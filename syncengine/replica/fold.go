package replica

import (
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// fold is what a run of captures did to one row.
type fold struct {
	table   *schema.Table
	row     se.RowID
	started bool
	existed bool                    // before the first capture
	old     map[string]schema.Value // first old value of each column touched
	base    se.Base                 // lowest base of the row's captures
	colBase map[string]se.Base
	kept    map[string]schema.Value // from 'k', waiting for its 'i'
}

func (f *fold) add(c *Capture) {
	if c.Op == CaptureKept {
		if f.kept == nil {
			f.kept = map[string]schema.Value{}
		}
		f.kept[c.Col] = c.Old
		return
	}
	if c.Base.Less(f.base) {
		f.base = c.Base
	}
	switch c.Op {
	case CaptureInsert:
		if c.Col != "" {
			break // of a replica of before: values are read from the row itself
		}
		f.start(f.kept != nil)
		if f.existed {
			// A replaced row, or one deleted and inserted again: every column may have changed, NULL included.
			for _, col := range f.table.Columns {
				if col.Type != schema.TypeID {
					f.touch(col.Name, f.kept[col.Name], c.Base)
				}
			}
		}
	case CaptureUpdate:
		f.start(true)
		f.touch(c.Col, c.Old, c.Base)
	case CaptureDelete:
		f.start(true)
		if c.Col != "" {
			f.touch(c.Col, c.Old, c.Base)
		}
	}
	if c.Op != CaptureInsert || c.Col == "" {
		f.kept = nil
	}
}

func (f *fold) start(existed bool) {
	if !f.started {
		f.started, f.existed = true, existed
	}
}

func (f *fold) touch(col string, old schema.Value, base se.Base) {
	if _, ok := f.old[col]; !ok {
		f.old[col] = old
		f.colBase[col] = base
	} else if base.Less(f.colBase[col]) {
		f.colBase[col] = base
	}
}

// before rebuilds the row as it was before the first capture.
func (f *fold) before(now Image) Image {
	if !f.existed {
		return nil
	}
	row := make(Image, len(f.table.Cells))
	for i, cell := range f.table.Cells {
		row[i] = make([]schema.Value, len(cell.Columns))
		for j, col := range cell.Columns {
			if old, ok := f.old[col.Name]; ok {
				row[i][j] = old
			} else if now != nil {
				row[i][j] = now[i][j]
			}
		}
	}
	return row
}
