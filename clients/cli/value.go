package cli

import (
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/doorstep-sync/doorstep/schema"
)

// timeForms are the ways to write a time without a zone: in the person's own.
var timeForms = []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"}

// decimal is how numbers are written; the words of strconv (Inf, 0x1p4, 1_000) are not for people.
var decimal = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// parse makes a column's value of what a person typed; the empty text is NULL. It checks all but whether something is
// required. References may still be short: resolve them first. The error names column and rule.
func (a *app) parse(t *schema.Table, c *schema.Column, text string) (schema.Value, error) {
	if text == "" {
		return schema.Null(), nil
	}
	v, rule := a.read(c, text)
	if rule != "" {
		return v, a.problem(t, c, rule)
	}
	s, err := a.schema()
	if err != nil {
		return v, err
	}
	check := s.CheckValue
	if c.Type == schema.TypeSealed { // in clear here; the SDK seals it
		check = func(t *schema.Table, c *schema.Column, v schema.Value) *schema.Problem {
			return s.CheckPlain(t, c, v.Str())
		}
	}
	if p := check(t, c, v); p != nil {
		return v, p
	}
	return v, nil
}

// read gives a value, or the rule that the text breaks.
func (a *app) read(c *schema.Column, text string) (schema.Value, string) {
	text = strings.TrimSpace(text)
	switch c.Type {
	case schema.TypeBool:
		switch strings.ToLower(text) {
		case "1", "true", "yes", "是":
			return schema.Bool(true), ""
		case "0", "false", "no", "否":
			return schema.Bool(false), ""
		}
		return schema.Null(), schema.RuleBool
	case schema.TypeInt:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && decimal.MatchString(text) {
			return schema.Int(n), ""
		}
		return schema.Null(), "whole_number"
	case schema.TypeReal:
		if f, err := strconv.ParseFloat(text, 64); err == nil && decimal.MatchString(text) && !math.IsInf(f, 0) {
			return schema.Real(f), ""
		}
		return schema.Null(), "number"
	case schema.TypeTime:
		return a.readTime(text)
	case schema.TypeDate:
		if text == "today" || text == "今天" {
			return schema.Text(a.Now().In(a.Zone).Format(time.DateOnly)), ""
		}
		return schema.Text(text), ""
	case schema.TypeCode:
		return a.readCode(c, text)
	case schema.TypeSet:
		return a.readSet(c, text)
	case schema.TypeRef, schema.TypeID:
		return schema.Text(strings.ToLower(text)), ""
	}
	return schema.Text(text), ""
}

func (a *app) readTime(text string) (schema.Value, string) {
	if text == "now" || text == "现在" {
		return schema.Int(a.Now().UnixMilli()), ""
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return schema.Int(t.UnixMilli()), ""
	}
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, text, a.Zone); err == nil {
			return schema.Int(t.UnixMilli()), ""
		}
	}
	return schema.Null(), schema.RuleTime
}

// readCode takes a code or its label. Codes that no table knows come from newer declarations; a person who types one
// has mistyped it.
func (a *app) readCode(c *schema.Column, text string) (schema.Value, string) {
	s, err := a.schema()
	if err != nil {
		return schema.Null(), "code"
	}
	table := s.Codes[c.Code]
	if table == nil {
		return schema.Text(text), ""
	}
	for _, k := range table.Codes {
		if k.Code == text || k.Label.ZH == text || strings.EqualFold(k.Label.EN, text) {
			if k.Retired {
				return schema.Null(), "code_retired"
			}
			return schema.Text(k.Code), ""
		}
	}
	return schema.Null(), "code"
}

// elements splits a set as it is typed: a JSON array, or separated by commas.
func elements(text string) ([]string, bool) {
	if strings.HasPrefix(text, "[") {
		list, err := schema.ParseSet(text)
		return list, err == nil
	}
	list := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '，' || r == '、' })
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list, true
}

func (a *app) readSet(c *schema.Column, text string) (schema.Value, string) {
	list, ok := elements(text)
	if !ok {
		return schema.Null(), schema.RuleSet
	}
	if c.Code != "" {
		for i, x := range list {
			v, rule := a.readCode(c, x)
			if rule != "" {
				return schema.Null(), rule
			}
			list[i] = v.Str()
		}
	}
	return schema.Text(schema.FormatSet(list)), ""
}

// problem says which rule a column's text breaks. Like the schema's own it does not repeat what was typed.
func (a *app) problem(t *schema.Table, c *schema.Column, rule string) error {
	p := &schema.Problem{Table: t.Name, Column: c.Name, Rule: rule}
	p.ZH, p.EN = sentence(zh, "rule."+rule, c.Label.In(zh)), sentence(en, "rule."+rule, c.Label.In(en))
	if strings.HasPrefix(rule, "code") {
		p.ZH += sentence(zh, "rule_codes", a.codes(c, zh))
		p.EN += sentence(en, "rule_codes", a.codes(c, en))
	}
	return p
}

// show gives a value for people: labels for codes, local times, commas between the elements of a set.
func (a *app) show(c *schema.Column, v schema.Value) string {
	if v.IsNull() {
		return ""
	}
	switch c.Type {
	case schema.TypeBool:
		if v.Int64() != 0 {
			return a.say("yes")
		}
		return a.say("no")
	case schema.TypeTime:
		return a.when(v.Int64())
	case schema.TypeReal:
		return strconv.FormatFloat(v.Float64(), 'f', -1, 64)
	case schema.TypeCode:
		return a.codeLabel(c, v.Str())
	case schema.TypeSet:
		list, err := schema.ParseSet(v.Str())
		if err != nil {
			return clean(v.Str())
		}
		for i := range list {
			list[i] = a.codeLabel(c, list[i])
		}
		return strings.Join(list, ", ")
	case schema.TypeSealed:
		if v.Kind() == schema.KindText {
			return clean(v.Str())
		}
		return a.say("sealed", len(v.Bytes()))
	}
	return clean(v.String())
}

// when shows a time in the person's zone.
func (a *app) when(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).In(a.Zone).Format("2006-01-02 15:04")
}

func (a *app) codeLabel(c *schema.Column, code string) string {
	if s, err := a.schema(); err == nil && s.Codes[c.Code] != nil {
		for _, k := range s.Codes[c.Code].Codes {
			if k.Code == code {
				return a.label(k.Label)
			}
		}
	}
	return clean(code)
}

// document gives a value for programs: sets as arrays, times as RFC 3339 in UTC, booleans as such, sealed values as text, or as they lie in
// hexadecimal, the rest as JSON has it.
func document(c *schema.Column, v schema.Value) any {
	if v.IsNull() {
		return nil
	}
	switch c.Type {
	case schema.TypeBool:
		return v.Int64() != 0
	case schema.TypeTime:
		return stamp(v.Int64())
	case schema.TypeSet:
		if list, err := schema.ParseSet(v.Str()); err == nil {
			return list
		}
	case schema.TypeSealed:
		if v.Kind() == schema.KindBlob {
			return map[string]string{"sealed": hex.EncodeToString(v.Bytes())}
		}
	}
	return v.Any()
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// codes lists the codes of a table that a person may still use.
func (a *app) codes(c *schema.Column, lang string) string {
	s, err := a.schema()
	if err != nil || s.Codes[c.Code] == nil {
		return ""
	}
	var out []string
	for _, k := range s.Codes[c.Code].Codes {
		if !k.Retired {
			out = append(out, fmt.Sprintf("%s (%s)", k.Code, k.Label.In(lang)))
		}
	}
	if rest := len(out) - 12; rest > 0 {
		out = append(out[:12], sentence(lang, "more", rest))
	}
	return strings.Join(out, ", ")
}
