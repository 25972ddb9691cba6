package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/doorstep-sync/doorstep/server/messages"
)

var accountColumns4 = []column{
	{"login", []string{"登录名", "账号"}, true},
	{"name", []string{"姓名"}, true},
	{"role", []string{"角色"}, true},
	{"scope", []string{"范围", "组织编码"}, true},
}

// errImport undoes the transaction of an import that found errors, or of a dry run.
var errImport = errors.New("nothing is written")

// ImportAccounts reads people from CSV (login,name,role,scope; one line for each role, the login repeated) and makes
// their accounts, without passwords, and assignments: all, or none if anything is wrong or dryRun is set. Lines that
// hold already are counted as unchanged. A name that differs from the account's is changed.
func (d *Directory) ImportAccounts(ctx context.Context, file io.Reader, by string, dryRun bool) (Report, error) {
	data, err := readAll(file)
	if err != nil {
		return Report{}, err
	}
	report := Report{DryRun: dryRun}
	var bad, hints findings
	text, encoding, err := decode(data)
	if err != nil {
		bad.add(0, "", "", messages.Of(err).Key)
		report.Errors, report.Findings = bad.count, bad.list
		return report, nil
	}
	records, err := parseCSV(text, accountColumns4, &bad)
	if err != nil {
		return Report{}, err
	}
	if len(records) == 0 && bad.count == 0 {
		bad.add(0, "", "", messages.FileNoLines)
	}
	form := bad
	err = d.db.WithTx(ctx, func(tx *sql.Tx) error {
		bad = findings{list: append([]Finding(nil), form.list...), count: form.count} // the transaction may run again
		report = Report{DryRun: dryRun, Encoding: encoding, Rows: len(records)}
		hints = findings{}
		run := accountImport{d: d, tx: tx, by: by, bad: &bad, hints: &hints, report: &report, first: map[string]record{}}
		for _, r := range records {
			if err := run.line(ctx, r); err != nil {
				return err
			}
		}
		if bad.count > 0 || dryRun {
			return errImport
		}
		return nil
	})
	if err != nil && !errors.Is(err, errImport) {
		return Report{}, fmt.Errorf("import accounts: %w", err)
	}
	report.Errors, report.Findings, report.Hints = bad.count, bad.sorted(), hints.sorted()
	if bad.count > 0 {
		report.New, report.Changed, report.Unchanged = 0, 0, 0
	}
	return report, nil
}

type accountImport struct {
	d      *Directory
	tx     *sql.Tx
	by     string
	bad    *findings
	hints  *findings
	report *Report
	first  map[string]record // by login
}

// line carries out one line; a refusal becomes a finding, the error is for failures.
func (im *accountImport) line(ctx context.Context, r record) error {
	login, err := CleanLogin(r.cells["login"])
	if err != nil {
		im.refuse(r, "login", err)
		return nil
	}
	if f, again := im.first[login]; again && f.cells["name"] != r.cells["name"] {
		im.bad.add(r.line, "login", login, messages.LoginTwice, login, f.line)
		return nil
	} else if !again {
		im.first[login] = r
	}
	id, made, renamed, err := im.account(ctx, login, r.cells["name"])
	if err != nil {
		return im.failOr(r, "name", err)
	}
	given, err := im.d.assign(ctx, im.tx, Assignment{Account: id, Role: r.cells["role"], Scope: r.cells["scope"], CreatedBy: im.by})
	assigned := err == nil
	if err != nil && !messages.Is(err, messages.AssignedBefore) {
		return im.failOr(r, columnOf(err), err)
	}
	if assigned && im.d.Blind(given) {
		im.hints.add(r.line, "role", r.cells["role"], messages.NoDoorsYet)
	}
	switch {
	case made:
		im.report.New++
	case renamed || assigned:
		im.report.Changed++
	default:
		im.report.Unchanged++
	}
	return nil
}

func (im *accountImport) account(ctx context.Context, login, name string) (id string, made, renamed bool, err error) {
	var old string
	err = im.tx.QueryRowContext(ctx, `SELECT id, name FROM account WHERE county = $1 AND login = $2`, im.d.county, login).Scan(&id, &old)
	if errors.Is(err, sql.ErrNoRows) {
		a, err := im.d.createAccount(ctx, im.tx, "", login, name, "")
		return a.ID, err == nil, false, err
	}
	if err != nil || old == name {
		return id, false, false, err
	}
	if name, err = cleanText("name", name, maxName); err != nil {
		return "", false, false, err
	}
	_, err = im.tx.ExecContext(ctx, `UPDATE account SET name = $1 WHERE county = $2 AND id = $3`, name, im.d.county, id)
	err = errors.Join(err, im.d.note(ctx, im.tx, auditRenamed, facts{"account": id}))
	return id, false, true, err
}

func columnOf(err error) string {
	switch messages.Of(err).Key {
	case messages.NoRole, messages.RoleNoDoors:
		return "role"
	case messages.NoUnit, messages.AdminScope, messages.ScopeMissing, messages.ScopeAbove:
		return "scope"
	}
	return "login"
}

func (im *accountImport) failOr(r record, column string, err error) error {
	var p *messages.Problem
	if !errors.As(err, &p) {
		return err
	}
	im.refuse(r, column, err)
	return nil
}

func (im *accountImport) refuse(r record, column string, err error) {
	p := messages.Of(err)
	im.bad.add(r.line, column, r.cells[column], p.Key, p.Args...)
}
