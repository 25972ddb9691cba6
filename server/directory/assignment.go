package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// MaxDoors bounds the doors of one assignment; a steward looks after about 30.
const MaxDoors = 1000

// Assignment gives a person a role in an org unit and everything below it.
type Assignment struct {
	ID        string
	Account   string
	Role      string
	Scope     string   // code of an org unit; "" for administrators, who work for the whole centre
	Doors     []string // ids of dwellings, sorted; only for roles that look after doors
	From      int64    // ms since 1970 UTC; 0 = always
	To        int64    // end, exclusive; 0 = open
	CreatedBy string   // account, "" for the centre itself
	CreatedAt int64
}

// Active tells whether the assignment holds at an instant.
func (a *Assignment) Active(now int64) bool { return a.From <= now && (a.To == 0 || now < a.To) }

const assignmentColumns = `id, account, role, coalesce(scope, ''), coalesce(doors, '[]'), coalesce(valid_from, 0), coalesce(valid_to, 0), coalesce(created_by, ''), created_at`

func scanAssignment(r *sql.Rows) (a Assignment, err error) {
	var doors string
	if err = r.Scan(&a.ID, &a.Account, &a.Role, &a.Scope, &doors, &a.From, &a.To, &a.CreatedBy, &a.CreatedAt); err != nil {
		return a, err
	}
	return a, json.Unmarshal([]byte(doors), &a.Doors)
}

// Assign creates an assignment; ID and CreatedAt are made here, From 0 means from now.
func (d *Directory) Assign(ctx context.Context, a Assignment) (Assignment, error) {
	var made Assignment
	err := d.db.WithTx(ctx, func(tx *sql.Tx) (err error) {
		made, err = d.assign(ctx, tx, a)
		return err
	})
	return made, err
}

func (d *Directory) assign(ctx context.Context, q querier, a Assignment) (Assignment, error) {
	if err := d.checkAssignment(ctx, q, &a); err != nil {
		return Assignment{}, err
	}
	mine, err := d.assignments(ctx, q, a.Account)
	if err != nil {
		return Assignment{}, err
	}
	for _, m := range mine {
		if m.Role == a.Role && m.Scope == a.Scope && (m.To == 0 || m.To > a.From) && (a.To == 0 || m.From < a.To) {
			return Assignment{}, messages.Refuse(messages.AssignedBefore, m.ID)
		}
	}
	if a.ID, err = d.newID(); err != nil {
		return Assignment{}, err
	}
	doors, err := json.Marshal(a.Doors)
	if err != nil {
		return Assignment{}, fmt.Errorf("encode doors: %w", err)
	}
	_, err = q.ExecContext(ctx, `INSERT INTO assignment (county, id, account, role, scope, doors, valid_from, valid_to, created_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, 0), nullif($9, ''), $10)`,
		d.county, a.ID, a.Account, a.Role, a.Scope, string(doors), a.From, a.To, a.CreatedBy, a.CreatedAt)
	if err != nil {
		return Assignment{}, fmt.Errorf("create assignment: %w", err)
	}
	return a, d.note(ctx, q, auditAssigned, facts{"assignment": a.ID, "account": a.Account, "role": a.Role, "scope": a.Scope, "doors": len(a.Doors), "from": a.From, "to": a.To})
}

func (d *Directory) checkAssignment(ctx context.Context, q querier, a *Assignment) error {
	a.CreatedAt = d.millis()
	if a.From == 0 {
		a.From = a.CreatedAt
	}
	if a.To != 0 && a.To <= a.From {
		return messages.Refuse(messages.SpanInverted)
	}
	account, err := d.account(ctx, q, a.Account)
	if err != nil {
		return err
	}
	if account.DisabledAt != 0 {
		return messages.Refuse(messages.AccountEnded)
	}
	role := d.roles[a.Role]
	if role == nil {
		return messages.Refuse(messages.NoRole, shorten(a.Role), d.roleNames())
	}
	if err := d.checkScope(ctx, q, role, a.Scope); err != nil {
		return err
	}
	return checkDoors(role, a)
}

func (d *Directory) checkScope(ctx context.Context, q querier, role *schema.Role, scope string) error {
	switch {
	case role.Admin && scope != "":
		return messages.Refuse(messages.AdminScope, role.Name)
	case role.Admin:
		return nil
	case scope == "":
		return messages.Refuse(messages.ScopeMissing, role.Name)
	}
	u, err := d.unit(ctx, q, shorten(scope))
	if err != nil {
		return err
	}
	if u.To != 0 {
		return messages.Refuse(messages.NoUnit, scope)
	}
	if u.Level == Province || u.Level == City {
		return messages.Refuse(messages.ScopeAbove, scope)
	}
	return nil
}

func checkDoors(role *schema.Role, a *Assignment) error {
	if len(a.Doors) > 0 && !role.Doors {
		return messages.Refuse(messages.RoleNoDoors, role.Name)
	}
	if len(a.Doors) > MaxDoors {
		return messages.Refuse(messages.TooManyDoors, MaxDoors)
	}
	for _, door := range a.Doors {
		if !ValidUUID(door) {
			return messages.Refuse(messages.BadDoor, shorten(door))
		}
	}
	doors := append([]string{}, a.Doors...)
	sort.Strings(doors)
	a.Doors = slices.Compact(doors)
	return nil
}

func (d *Directory) roleNames() string {
	names := make([]string, 0, len(d.roles))
	for n := range d.roles {
		names = append(names, n)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// Assignments lists a person's assignments, or everybody's for "", ended ones included, in order of id.
func (d *Directory) Assignments(ctx context.Context, account string) ([]Assignment, error) {
	return d.assignments(ctx, d.db.Reader(), account)
}

func (d *Directory) assignments(ctx context.Context, q querier, account string) ([]Assignment, error) {
	list, err := collect(ctx, q, scanAssignment, `SELECT `+assignmentColumns+` FROM assignment
		WHERE county = $1 AND ($2 = '' OR account = $2) ORDER BY id`, d.county, account)
	if err != nil {
		return nil, fmt.Errorf("list assignments: %w", err)
	}
	return list, nil
}

// SetDoors replaces the doors of an assignment that has not ended; an empty list takes all of them away. When doors were
// taken, its past is kept as an assignment of its own that has just ended: so it is known until when they were held, and
// what was written at them before their holder knew is taken like after any grant's end. The one that goes on keeps the id.
func (d *Directory) SetDoors(ctx context.Context, id string, doors []string) (Assignment, error) {
	var changed Assignment
	err := d.db.WithTx(ctx, func(tx *sql.Tx) (err error) {
		if changed, err = d.held(ctx, tx, id); err != nil {
			return err
		}
		role := d.roles[changed.Role]
		if role == nil {
			return messages.Refuse(messages.NoRole, shorten(changed.Role), d.roleNames())
		}
		if !role.Doors {
			return messages.Refuse(messages.RoleNoDoors, role.Name)
		}
		was := changed
		changed.Doors = doors
		if err := checkDoors(role, &changed); err != nil {
			return err
		}
		if err := d.endDoors(ctx, tx, was, &changed); err != nil {
			return err
		}
		list, err := json.Marshal(changed.Doors)
		if err != nil {
			return fmt.Errorf("encode doors: %w", err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE assignment SET doors = $1, valid_from = $2 WHERE county = $3 AND id = $4`, string(list), changed.From, d.county, id)
		return errors.Join(err, d.note(ctx, tx, auditDoors, facts{"assignment": id, "account": changed.Account, "doors": len(changed.Doors)}))
	})
	return changed, err
}

// endDoors keeps what an assignment was until now, if doors are taken from it that were held.
func (d *Directory) endDoors(ctx context.Context, q querier, was Assignment, is *Assignment) error {
	now := d.millis()
	taken := slices.ContainsFunc(was.Doors, func(door string) bool { return !slices.Contains(is.Doors, door) })
	if !taken || was.From >= now {
		return nil
	}
	id, err := d.newID()
	if err != nil {
		return err
	}
	list, err := json.Marshal(was.Doors)
	if err != nil {
		return fmt.Errorf("encode doors: %w", err)
	}
	is.From = now
	_, err = q.ExecContext(ctx, `INSERT INTO assignment (county, id, account, role, scope, doors, valid_from, valid_to, created_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9, ''), $10)`,
		d.county, id, was.Account, was.Role, was.Scope, string(list), was.From, now, was.CreatedBy, was.CreatedAt)
	if err != nil {
		return fmt.Errorf("keep the doors that were held: %w", err)
	}
	return nil
}

// held gives an assignment that has not ended.
func (d *Directory) held(ctx context.Context, q querier, id string) (Assignment, error) {
	list, err := collect(ctx, q, scanAssignment, `SELECT `+assignmentColumns+` FROM assignment WHERE county = $1 AND id = $2`, d.county, id)
	switch {
	case err != nil:
		return Assignment{}, fmt.Errorf("read assignment: %w", err)
	case len(list) == 0:
		return Assignment{}, messages.Refuse(messages.NoAssignment)
	case list[0].To != 0 && list[0].To <= d.millis():
		return Assignment{}, messages.Refuse(messages.AssignmentOver)
	}
	return list[0], nil
}

// Blind tells whether an assignment shows nothing because its role looks after doors and it has none.
func (d *Directory) Blind(a Assignment) bool {
	role := d.roles[a.Role]
	return role != nil && role.Doors && len(a.Doors) == 0 && (a.To == 0 || a.To > d.millis())
}

// EndAssignment ends an assignment now. The last administrator's cannot be ended.
func (d *Directory) EndAssignment(ctx context.Context, id string) (Assignment, error) {
	var ended Assignment
	err := d.db.WithTx(ctx, func(tx *sql.Tx) (err error) {
		if ended, err = d.held(ctx, tx, id); err != nil {
			return err
		}
		now := d.millis()
		if err := d.keepAdmin(ctx, tx, ended.Account, id); err != nil {
			return err
		}
		ended.To = now
		_, err = tx.ExecContext(ctx, `UPDATE assignment SET valid_to = $1 WHERE county = $2 AND id = $3`, now, d.county, id)
		return errors.Join(err, d.note(ctx, tx, auditUnassigned, facts{"assignment": id, "account": ended.Account, "role": ended.Role, "scope": ended.Scope}))
	})
	return ended, err
}

// keepAdmin refuses if nobody would administer the centre without that account (assignment "") or that assignment.
func (d *Directory) keepAdmin(ctx context.Context, q querier, account, assignment string) error {
	admins, err := d.admins(ctx, q)
	if err != nil {
		return err
	}
	was, others := false, false
	for _, a := range admins {
		if a.Account == account && (assignment == "" || a.ID == assignment) {
			was = true
		} else {
			others = true
		}
	}
	if was && !others {
		return messages.Refuse(messages.LastAdmin)
	}
	return nil
}

// admins lists the active assignments of administrators whose accounts are in use.
func (d *Directory) admins(ctx context.Context, q querier) ([]Assignment, error) {
	all, err := collect(ctx, q, scanAssignment, `SELECT `+assignmentColumns+` FROM assignment WHERE county = $1 AND coalesce(valid_to, $2 + 1) > $2
		AND account IN (SELECT id FROM account WHERE county = $1 AND disabled_at IS NULL)`, d.county, d.millis())
	if err != nil {
		return nil, fmt.Errorf("list administrators: %w", err)
	}
	return slices.DeleteFunc(all, func(a Assignment) bool {
		role := d.roles[a.Role]
		return role == nil || !role.Admin || !a.Active(d.millis())
	}), nil
}

// HasAdmin tells whether somebody administers the centre.
func (d *Directory) HasAdmin(ctx context.Context) (bool, error) {
	list, err := d.admins(ctx, d.db.Reader())
	return len(list) > 0, err
}

// CreateFirstAdmin makes the first administrator, in one transaction with check, which may refuse (it is given the
// transaction to read and consume a one-time code).
func (d *Directory) CreateFirstAdmin(ctx context.Context, login, name, password string, check func(*sql.Tx) error) (Account, error) {
	var made Account
	err := d.db.WithTx(ctx, func(tx *sql.Tx) error {
		admins, err := d.admins(ctx, tx)
		if err != nil {
			return err
		}
		if len(admins) > 0 {
			return messages.Refuse(messages.BootstrapDone)
		}
		if err := check(tx); err != nil {
			return err
		}
		if made, err = d.createAccount(ctx, tx, "", login, name, password); err != nil {
			return err
		}
		role := d.adminRole()
		if role == "" {
			return errors.New("the schema declares no role with admin: true")
		}
		_, err = d.assign(ctx, tx, Assignment{Account: made.ID, Role: role})
		return err
	})
	return made, err
}

// adminRole gives the administrator's role: the first by name that has admin.
func (d *Directory) adminRole() string {
	best := ""
	for n, r := range d.roles {
		if r.Admin && (best == "" || n < best) {
			best = n
		}
	}
	return best
}
