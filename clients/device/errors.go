package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Error is a failure that a person can do something about. In gives the sentence for people, Error the one for logs;
// neither holds a value of a record.
type Error struct {
	Code  Code
	Retry bool            // trying again later can help, without anybody doing anything
	Label schema.Label    // what happened and what to do
	Notes []*ValueFault   // CodeBadValue: what is wrong with which column
	Err   error           // the cause, nil if there is none
	After time.Duration   // the centre asked not to be tried again before; 0 = it did not say
	sess  *session.Closed // of a conversation that the centre ended
}

// ValueFault is what is wrong with a value that a helper was given.
type ValueFault = schema.Problem

// Error says it for logs.
func (e *Error) Error() string {
	s := "device: " + string(e.Code)
	for _, n := range e.Notes {
		s += ": " + n.Error()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// In gives the sentence for people in a language ("zh-CN", "en").
func (e *Error) In(lang string) string {
	if len(e.Notes) == 0 {
		return e.Label.In(lang)
	}
	s := ""
	for i, n := range e.Notes {
		if i > 0 && lang == "en" {
			s += " "
		}
		s += n.In(lang)
	}
	return s
}

// say makes an Error from the catalogue.
func say(code Code, cause error, args ...any) *Error {
	e := catalogue[code]
	l := schema.Label{ZH: e.zh, EN: e.en}
	if len(args) > 0 {
		l = schema.Label{ZH: fmt.Sprintf(e.zh, args...), EN: fmt.Sprintf(e.en, args...)}
	}
	return &Error{Code: code, Retry: e.retry, Label: l, Err: cause}
}

// CodeOf gives the code of an error, "" for one that has none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// storage gives an SQLite failure the sentence it deserves; other errors pass.
func storage(err error) error {
	var lite sqlite3.Error
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	if errors.Is(err, errDamaged) {
		return say(CodeDamaged, err)
	}
	if errors.Is(err, sql.ErrConnDone) {
		return errClosed
	}
	if !errors.As(err, &lite) {
		return err
	}
	switch lite.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return say(CodeBusy, err)
	case sqlite3.ErrFull:
		return say(CodeDiskFull, err)
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return say(CodeDamaged, err)
	case sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm:
		if lite.SystemErrno == syscall.ENOSPC { // the file that could not grow was that of the log's index
			return say(CodeDiskFull, err)
		}
		return say(CodeDisk, err)
	}
	return err
}

// unusable gives a failure to open its sentence. What looks like a replica and cannot be read as one is damaged: whoever
// is told that it is none might delete it.
func unusable(path string, opts Options, err error) error {
	if err == nil {
		return nil
	}
	var lite sqlite3.Error
	none := CodeOf(err) == CodeNotReplica || errors.As(err, &lite) && lite.Code == sqlite3.ErrNotADB
	switch {
	case none && looksLikeReplica(path, opts.Cipher):
		return say(CodeDamaged, err)
	case none:
		return say(CodeNotReplica, err)
	case errors.As(err, &lite) && lite.Code == sqlite3.ErrError: // tables are not what they were made as
		return say(CodeDamaged, err)
	}
	return storage(err)
}

// classify gives a failure of a conversation with the centre its sentence, and tells whether to come back.
func classify(err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var foreign *replica.ErrForeignVerdict
	if errors.As(err, &foreign) {
		return say(CodeClone, err)
	}
	var closed *session.Closed
	if errors.As(err, &closed) {
		code, ok := noticeCodes[closed.Code]
		if !ok {
			code = CodeCentre
		}
		out := say(code, err)
		out.Retry, out.sess = closed.Code.Retry(), closed
		if closed.Code == session.NoticeBusy {
			out.After = busyFor
		}
		return out
	}
	if s := storage(err); errors.As(s, &e) {
		return s
	}
	return say(CodeOffline, err)
}

// noticeCodes gives each code of the conversation its entry in the catalogue.
var noticeCodes = map[session.NoticeCode]Code{
	session.NoticeProtocol:     CodeProtocol,
	session.NoticeTooLarge:     CodeMessageTooLarge,
	session.NoticeUnauthorised: CodeUnauthorised,
	session.NoticeRevoked:      CodeRevoked,
	session.NoticeClone:        CodeClone,
	session.NoticeGap:          CodeGap,
	session.NoticeQuota:        CodeQuota,
	session.NoticeStopping:     CodeStopping,
	session.NoticeInternal:     CodeCentre,
	session.NoticeTimeout:      CodeTimeout,
	session.NoticeBusy:         CodeCentreBusy,
	session.NoticeChunk:        CodeChunk,
	session.NoticeClock:        CodeClock,
	session.NoticeRestored:     CodeRestored,
	session.NoticeProof:        CodeProof,
	session.NoticeUpdate:       CodeUpdate,
	session.NoticeUpdateSoon:   CodeUpdateSoon,
}

// Say gives the sentence of a code as it stands in the catalogue, with its verbs.
func Say(code Code) schema.Label { e := catalogue[code]; return schema.Label{ZH: e.zh, EN: e.en} }

// SayNotice gives the sentence of what the centre told about the connection; false for a code that is newer than this
// program, whose text the centre gave.
func SayNotice(code session.NoticeCode) (schema.Label, bool) {
	c, ok := noticeCodes[code]
	return Say(c), ok
}
