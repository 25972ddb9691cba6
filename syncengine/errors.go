package syncengine

import (
	"errors"
	"fmt"
)

// What keeps a changeset from being judged at all. The connection ends; nothing is stored or lost.
var (
	// ErrGap says that a changeset before this one is missing: the device says Hello again and resends.
	ErrGap = errors.New("syncengine: a changeset before this one is missing")
	// ErrClone says that this n belongs to another changeset: the replica is a copy or was put back.
	ErrClone = errors.New("syncengine: another changeset of this device has this number")
	// ErrUnknownDevice says that the centre knows no such device.
	ErrUnknownDevice = errors.New("syncengine: unknown device")
	// ErrUnavailable is what a Store's Update wraps when it cannot write at all now: disk full, I/O error, a commit
	// that failed. It is nobody's fault among those in the group: nothing is quarantined for it, devices try later.
	ErrUnavailable = errors.New("syncengine: the store cannot write now")
	// ErrQuota says that the device has too much in quarantine already: what comes next waits on the device.
	ErrQuota = errors.New("syncengine: too much of this device waits in quarantine")
	// ErrRevoked says that the device may not synchronise any more.
	ErrRevoked = errors.New("syncengine: the device is revoked")
)

// refusal is a changeset's rejection or parking on its way out of admit.
type refusal struct {
	kind   VerdictKind
	reason Reason
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s: %s %s/%s.%s %s", r.kind, r.reason.Code, r.reason.Table, r.reason.Row, r.reason.Column, r.reason.Rule)
}

func reject(code Code, c *Change, column, rule string) error {
	return &refusal{Rejected, Reason{Code: code, Table: c.Table, Row: c.Row, Column: column, Rule: rule}}
}

func park(code Code, c *Change, column, rule string) error {
	return &refusal{Parked, Reason{Code: code, Table: c.Table, Row: c.Row, Column: column, Rule: rule}}
}

// broken is a panic inside the rules, kept from taking the centre down with one changeset.
type broken struct{ cause any }

func (b *broken) Error() string { return fmt.Sprintf("bug: %v", b.cause) }
