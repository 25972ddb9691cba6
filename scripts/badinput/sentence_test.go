package badinput

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// about says what the sentence of a code must name: the column, the record, or something of its own, in both languages.
var about = map[se.Code][2]string{
	se.CodeUnknownCell: {"column", "column"}, se.CodeBadValue: {"column", "column"}, se.CodeMissing: {"column", "column"}, se.CodeCentralOnly: {"column", "column"},
	se.CodeUnknownReference: {"column", "column"},
	se.CodeUnknownTable:     {"record", "record"}, se.CodeBadRow: {"record", "record"}, se.CodeOutOfScope: {"record", "record"}, se.CodeAppendOnly: {"record", "record"}, se.CodeBadStep: {"record", "record"},
	se.CodeAwaits: {"record", "record"}, se.CodeSalvage: {"record", "record"}, se.CodeNoRight: {"column", "column"},
	se.CodeTooLarge: {"这次保存", "This was too much"}, se.CodeBadDecision: {"这项冲突", "This conflict"}, se.CodeBaseAhead: {"同步位置", "This replica"}, se.CodeWrongAuthor: {"这些记录", "somebody else"},
	se.CodeHandled: {"原来那次保存", "What this was to replace"}, se.CodeGone: {"一次保存", "Something the centre took"},
}

// remedies are the words with which a sentence goes on to what the person does.
var (
	remedyZH = regexp.MustCompile(`[；，]?请[^。；]{2,}|无需[^。]+`)
	remedyEN = regexp.MustCompile(`(; |, |\. )(sync|upgrade|make|correct|fill|save|check|hand|ask|leave|void|choose|look|call|enter|wait|there is nothing|remove|shorten|type|write|follow|a supervisor|so a|send|set)`)
	letters  = regexp.MustCompile(`[A-Za-z]{2,}`)
)

// requireSentence wants a sentence in both languages that names the field, by its label, and the remedy, and holds no
// code of the program and no words of the other language.
func requireSentence(t *testing.T, s *schema.Schema, cs *se.Changeset, v *se.Verdict) {
	t.Helper()
	why := v.Reason
	l := device.ExplainChangeset(s, v.Kind, cs, why)
	must, ok := about[why.Code]
	require.True(t, ok, "what must the sentence of %s name?", why.Code)
	subject := schema.Label{ZH: must[0], EN: must[1]}
	switch {
	case must[0] == "column" && why.Column != "":
		subject = labelOf(s, why.Table, why.Column)
	case must[0] == "record" || must[0] == "column":
		subject = labelOf(s, why.Table, "")
	}
	require.Contains(t, l.ZH, subject.ZH)
	require.Contains(t, l.EN, subject.EN)
	require.Regexp(t, remedyZH, l.ZH)
	require.Regexp(t, remedyEN, l.EN)
	require.NotContains(t, l.ZH, "%!")
	require.NotContains(t, l.EN, "%!")
	for _, raw := range []string{string(why.Code), why.Rule} {
		if raw != "" && strings.Contains(raw, "_") {
			require.NotContains(t, l.ZH, raw)
			require.NotContains(t, l.EN, raw)
		}
	}
	rest := l.ZH
	for _, name := range []string{subject.ZH, labelOf(s, why.Table, "").ZH, why.Table, why.Column} {
		if name != "" {
			rest = strings.ReplaceAll(rest, name, "")
		}
	}
	require.NotRegexp(t, letters, rest, "who reads Chinese is told in Chinese: %s", l.ZH)
	require.NotRegexp(t, `\p{Han}`, strings.NewReplacer(why.Table, "", why.Column, "").Replace(strings.ReplaceAll(l.EN, subject.EN, "")), "and who reads English in English")
}

// labelOf gives the label of a column, of a cell's first column, or of a record type; an unknown name stands for itself.
func labelOf(s *schema.Schema, table, column string) schema.Label {
	t := s.Table(table)
	switch {
	case t == nil:
		return schema.Label{ZH: table, EN: table}
	case column == "":
		return t.Label
	case t.Column(column) != nil:
		return t.Column(column).Label
	case t.Cell(column) != nil:
		return t.Cell(column).Columns[0].Label
	}
	return schema.Label{ZH: column, EN: column}
}

// noticed wants what ends a connection said in both languages, and, in the notice itself, what to do.
func (c *county) noticed(n *session.Notice) {
	c.t.Helper()
	l, ok := device.SayNotice(n.Code)
	require.True(c.t, ok, n.Code)
	require.NotEmpty(c.t, l.EN)
	require.NotRegexp(c.t, letters, strings.NewReplacer("doorstep", "", "sync", "", "fresh", "").Replace(l.ZH))
	require.Regexp(c.t, `请|会自动|稍后`, l.ZH)
	require.NotEmpty(c.t, n.Text)
	require.Less(c.t, len(n.Text), 400)
}
