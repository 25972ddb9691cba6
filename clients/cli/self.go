package cli

import (
	"context"
	"slices"
	"time"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// selfDoc puts into a status what the replica knows of its own soundness and of how long it may be used.
func (a *app) selfDoc(s *device.Status, d *statusDoc) {
	if len(s.Checks) > 0 && s.Checks[0].Scopes > 0 { // a first one of no scopes only notes that everything is new
		c := newCheckDoc(s.Checks[0].CheckReport)
		c.At = optional(s.Checks[0].Wall)
		d.Check = &c
	}
	d.Repaired = s.Repaired
	if s.Limited {
		d.Locked = s.Lease == 0
		d.LocksAt = optional(a.locksAt(s))
	}
}

// locksAt is when the records lock, by this device's clock; 0 for those that are locked.
func (a *app) locksAt(s *device.Status) int64 {
	if s.Lease == 0 {
		return 0
	}
	return a.Now().UnixMilli() + s.Lease
}

// counted counts the rows of each record type; of a locked or retired replica nothing is told but why.
func (a *app) counted(ctx context.Context, r *device.Replica, d *statusDoc) error {
	if d.Locked {
		return nil
	}
	for _, t := range r.Schema().Tables {
		n, err := count(ctx, r, t.Name)
		switch code := device.CodeOf(err); {
		case shut(err):
			if !slices.ContainsFunc(d.Notices, func(n noticeDoc) bool { return n.Code == string(code) }) {
				d.Notices = append(d.Notices, noticeDoc{string(code), a.explain(err).text})
			}
			return nil
		case err != nil:
			return err
		}
		d.Rows[t.Name] = n
	}
	return nil
}

func count(ctx context.Context, r *device.Replica, table string) (n int, err error) {
	err = r.QueryRow(ctx, `SELECT count(*) FROM "`+table+`"`).Scan(&n)
	return n, err
}

// shut tells whether an error says that the records are locked or are not the person's any more.
func shut(err error) bool {
	code := device.CodeOf(err)
	return code == device.CodeLocked || code == device.CodeRevoked
}

func (a *app) checkedText(c *device.Checked) string {
	switch {
	case c.Unmended:
		return a.say("status.checked_still", a.when(c.Wall))
	case c.Differed():
		return a.say("status.checked_mend", a.when(c.Wall), c.Repaired+c.Local)
	}
	return a.say("status.checked_same", a.when(c.Wall))
}

func (a *app) selfText(s *device.Status, d *statusDoc) {
	if d.Repaired > 0 {
		a.print("status.repaired", d.Repaired)
	}
	if d.Check != nil && d.Check.Stopped {
		a.print("check_stopped")
	}
	switch {
	case d.Locked:
		a.print("status.locked")
	case d.LocksAt != nil:
		const day = 24 * time.Hour
		left := time.Duration(s.Lease) * time.Millisecond
		a.print("status.locks", a.when(a.locksAt(s)), int((left+day-1)/day))
	}
}
