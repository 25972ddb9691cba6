package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
)

// fault is what went wrong, for a person: a sentence of the catalogue, or one that somebody else wrote.
type fault struct {
	exit  int
	code  string // for programs; the key of the sentence if it is one of ours
	args  []any
	text  string // instead of the catalogue's
	usage bool   // the command's usage helps
	cols  []*schema.Problem
	err   error
}

func (f *fault) Error() string {
	if f.err != nil {
		return f.code + ": " + f.err.Error()
	}
	return f.code
}

func (f *fault) Unwrap() error { return f.err }

func fail(exit int, key string, args ...any) *fault { return &fault{exit: exit, code: key, args: args} }

// wrong is a wrong value; misuse a wrong command line.
func wrong(key string, args ...any) *fault { return fail(ExitUsage, key, args...) }

func misuse(key string, args ...any) *fault {
	return &fault{exit: ExitUsage, code: key, args: args, usage: true}
}

// because keeps the cause.
func (f *fault) because(err error) *fault {
	f.err = err
	return f
}

// outcome ends a command with a code though nothing went wrong: it was asked for (--check).
type outcome int

func (o outcome) Error() string { return fmt.Sprintf("exit code %d", int(o)) }

// deviceExit gives the exit code of what went wrong on the device; the rest is ExitFailed.
var deviceExit = map[device.Code]int{
	device.CodeMissingFile: ExitNotAllowed, device.CodeNotEnrolled: ExitNotAllowed, device.CodeUnauthorised: ExitNotAllowed,
	device.CodeKey: ExitNotAllowed, device.CodeRevoked: ExitNotAllowed, device.CodeErased: ExitNotAllowed,
	device.CodeExists: ExitUsage, device.CodeEnrolled: ExitUsage, device.CodeNotReplica: ExitUsage, device.CodeNoTable: ExitUsage, device.CodeNoColumn: ExitUsage, device.CodeNoRow: ExitUsage,
	device.CodeBadValue: ExitUsage, device.CodeNotWritable: ExitUsage, device.CodeAppendOnly: ExitUsage, device.CodeNoRight: ExitRefused,
	device.CodeTooLarge: ExitUsage, device.CodeAhead: ExitUsage, device.CodeNoScope: ExitUsage, device.CodeSame: ExitUsage,
	device.CodeNewer: ExitFailed, device.CodeCounty: ExitUsage, device.CodeNoCentre: ExitUsage,
	device.CodeOffline: ExitOffline, device.CodeStopping: ExitOffline, device.CodeCentreBusy: ExitOffline, device.CodeChunk: ExitOffline, device.CodeCentre: ExitOffline,
	device.CodeTimeout: ExitOffline, device.CodeGap: ExitOffline, device.CodeRestored: ExitOffline,
	device.CodeSealKey: ExitFailed, device.CodeNoCipher: ExitFailed, device.CodeEncrypted: ExitNotAllowed, device.CodeWrongKey: ExitNotAllowed, device.CodeInClear: ExitUsage, device.CodeNoSealKey: ExitNotAllowed, device.CodeForeignCentre: ExitRefused, device.CodePlainText: ExitRefused,
	device.CodeRepairs: ExitDiffers, device.CodeUnchecked: ExitOffline,
	device.CodeCodeRefused: ExitRefused, device.CodeRefused: ExitRefused,
}

// explain makes a fault of any error.
func (a *app) explain(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	var d *device.Error
	if errors.As(err, &d) {
		exit, ok := deviceExit[d.Code]
		if !ok {
			exit = ExitFailed
		}
		return &fault{exit: exit, code: string(d.Code), text: d.In(a.lang), cols: d.Notes, err: err}
	}
	var p *schema.Problem
	if errors.As(err, &p) {
		return &fault{exit: ExitUsage, code: "bad_value", cols: []*schema.Problem{p}}
	}
	if errors.Is(err, context.Canceled) {
		return fail(ExitFailed, "interrupted")
	}
	if f := flagFault(err); f != nil {
		return f
	}
	return fail(ExitFailed, "failed", a.cause(err)).because(err)
}

// flagFault gives what pflag found its sentence.
func flagFault(err error) *fault {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var value *pflag.InvalidValueError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &unknown):
		return misuse("flag_unknown", unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		return misuse("flag_value_missing", missing.GetSpecifiedName())
	case errors.As(err, &value):
		return misuse("flag_value", value.GetFlag().Name, value.GetValue())
	case errors.As(err, &syntax):
		return misuse("flag_syntax", syntax.GetSpecifiedFlag())
	}
	return nil
}

// errorDoc is an error for programs, one line on standard error.
type errorDoc struct {
	Error struct {
		Code    string      `json:"code"`
		Message string      `json:"message"`
		Exit    int         `json:"exit"`
		Columns []columnDoc `json:"columns,omitempty"`
	} `json:"error"`
}

type columnDoc struct {
	Column  string `json:"column"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// shownArgument bounds how much of what was typed an error repeats, in places of a terminal.
const shownArgument = 600

// sentences gives what went wrong, a line for each column concerned.
func (a *app) sentences(f *fault) []string {
	if len(f.cols) == 0 {
		if f.text != "" {
			return []string{f.text}
		}
		args := slices.Clone(f.args)
		for i, x := range args {
			if typed, ok := x.(string); ok && f.code != "schema_bad" {
				args[i] = short(typed, shownArgument)
			}
		}
		return []string{a.say(f.code, args...)}
	}
	var lines []string
	for _, p := range f.cols {
		lines = append(lines, a.say("column", p.Column, p.In(a.lang), p.Rule))
	}
	return lines
}

func (a *app) text(f *fault) string { return strings.Join(a.sentences(f), "\n") }

func (a *app) document(f *fault) (doc errorDoc) {
	doc.Error.Code, doc.Error.Message, doc.Error.Exit = f.code, a.text(f), f.exit
	for _, p := range f.cols {
		doc.Error.Columns = append(doc.Error.Columns, columnDoc{p.Column, p.Rule, p.In(a.lang)})
	}
	return doc
}

// report tells an error on standard error, and gives the exit code.
func (a *app) report(cmd *cobra.Command, err error) int {
	if err == nil {
		return ExitOK
	}
	var o outcome
	if errors.As(err, &o) {
		return int(o)
	}
	f := a.explain(err)
	if a.json {
		e := json.NewEncoder(a.Err)
		e.SetEscapeHTML(false)
		_ = e.Encode(a.document(f))
		return f.exit
	}
	fmt.Fprintln(a.Err, a.text(f))
	if f.usage && cmd != nil {
		fmt.Fprintln(a.Err, a.say("usage_hint", cmd.UseLine(), cmd.CommandPath()))
	}
	return f.exit
}
