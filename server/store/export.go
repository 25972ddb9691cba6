package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/doorstep-sync/doorstep/server/auditlog"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/audit"
)

// How many entries of history, which may hold some thousand changes each, and lines are read at once.
const (
	entryPage = 10
	logPage   = 200
)

// ReadLogs gives both logs of a county in a database file to entry and line, in order, from one consistent state. It
// needs no schema, changes nothing, and works beside a running centre or on a copy.
func ReadLogs(path string, county int64, entry func(*syncengine.Entry) error, line func(*syncengine.AuditEvent) error) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", dsn(path, readerParams+"&mode=rw"))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	return withRaw(db, func(c *conn) error {
		if err := c.exec("BEGIN"); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		t := newReadTx(&Store{county: county}, c)
		if err := t.readHead(); err != nil {
			return err
		}
		for after := int64(0); ; {
			page, err := t.History(after, entryPage)
			if err != nil {
				return err
			}
			for i := range page {
				if err := entry(&page[i]); err != nil {
					return err
				}
				after = page[i].Seq
			}
			if len(page) < entryPage {
				break
			}
		}
		for after := int64(0); ; {
			page, err := t.Audit(after, logPage)
			if err != nil {
				return err
			}
			for i := range page {
				if err := line(&page[i]); err != nil {
					return err
				}
				after = page[i].I
			}
			if len(page) < logPage {
				return nil
			}
		}
	})
}

// VerifyLogs checks both logs of a database file. What is not as the centre wrote it is an *audit.Bad.
func VerifyLogs(path string, county int64, anchors []audit.Anchor) (audit.Report, error) {
	c := &audit.Checker{Anchors: anchors}
	err := ReadLogs(path, county, func(e *syncengine.Entry) error {
		if e.Changeset == nil {
			return errors.New("an entry without changeset")
		}
		return c.Entry(e, e.Changeset.Hash())
	}, c.Line)
	if err != nil {
		return audit.Report{}, err
	}
	return c.End()
}

// ExportLogs writes both logs of a database file to w; values says whether with what people wrote.
func ExportLogs(path string, county int64, w io.Writer, values bool) error {
	out, err := audit.NewWriter(w, county, values)
	if err == nil {
		err = ReadLogs(path, county, out.Entry, out.Line)
	}
	if err == nil {
		err = out.Close()
	}
	return err
}

// AppendAuditLine adds a line to the audit log of a database file beside a running centre.
func AppendAuditLine(path string, county int64, e syncengine.AuditEvent) error {
	db, err := sql.Open("sqlite3", dsn(path, writerParams+"&mode=rw"))
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(background, nil)
	if err != nil {
		return err
	}
	if err := auditlog.Append(background, tx, county, e); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
