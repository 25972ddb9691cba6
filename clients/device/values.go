package device

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// ValueOf makes a column's value of what a Go program has: nil, bool, the ints, floats, string, []byte, []string for a
// set, time.Time for a time (and its calendar day for a date), se.RowID for a reference, or a schema.Value.
func ValueOf(c *schema.Column, x any) (schema.Value, error) {
	switch x := x.(type) {
	case schema.Value:
		return c.Normalize(x), nil
	case se.RowID:
		return schema.Text(string(x)), nil
	case []string:
		return schema.Text(schema.FormatSet(x)), nil
	case time.Time:
		if c.Type == schema.TypeDate {
			return schema.Text(x.Format(time.DateOnly)), nil
		}
		return schema.Int(x.UnixMilli()), nil
	case int32:
		return c.Normalize(schema.Int(int64(x))), nil
	case float32:
		return schema.Real(float64(x)), nil
	}
	v, err := schema.FromAny(x)
	if err != nil {
		return v, fmt.Errorf("%s: %w", c.Name, err)
	}
	return c.Normalize(v), nil
}

// Parse makes a column's value of what a person typed: numbers in decimal, yes/no as 1, 0, true, false, 是 or 否,
// times as RFC 3339 or milliseconds, sets as a JSON array or separated by commas. What belongs into
// a sealed column is given in clear: the SDK seals it. The empty
// text is NULL. It does not check the value.
func Parse(c *schema.Column, text string) (schema.Value, error) {
	if text == "" {
		return schema.Null(), nil
	}
	switch c.Type {
	case schema.TypeBool:
		switch strings.ToLower(text) {
		case "1", "true", "yes", "是":
			return schema.Bool(true), nil
		case "0", "false", "no", "否":
			return schema.Bool(false), nil
		}
	case schema.TypeTime:
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return schema.Int(t.UnixMilli()), nil
		}
		fallthrough
	case schema.TypeInt:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return schema.Int(n), nil
		}
	case schema.TypeReal:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return schema.Real(f), nil
		}
	case schema.TypeSet:
		if list, err := schema.ParseSet(text); err == nil {
			return schema.Text(schema.FormatSet(list)), nil
		}
		if strings.HasPrefix(text, "[") {
			break
		}
		list := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '，' })
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		return schema.Text(schema.FormatSet(list)), nil
	default:
		return schema.Text(text), nil
	}
	e := say(CodeBadValue, nil)
	e.Notes = []*ValueFault{{Column: c.Name, Rule: schema.RuleType,
		ZH: fmt.Sprintf("“%s”应为%s，请重新填写。", c.Label.In("zh-CN"), c.Type), EN: fmt.Sprintf("%q should be of type %s; enter it again.", c.Label.In("en"), c.Type)}}
	return schema.Null(), e
}

// checked makes values of what a helper was given, and checks each against its column.
func (r *Replica) checked(t *schema.Table, values map[string]any, insert bool) (map[string]schema.Value, error) {
	out := make(map[string]schema.Value, len(values))
	bad := say(CodeBadValue, nil)
	for name, x := range values {
		c, err := r.writable(t, name, insert)
		if err != nil {
			return nil, err
		}
		v, err := ValueOf(c, x)
		if err != nil {
			return nil, say(CodeBadValue, err)
		}
		check := r.schema.CheckValue
		if c.Type == schema.TypeSealed && v.Kind() == schema.KindText { // it is sealed when the row's id is known
			check = func(t *schema.Table, c *schema.Column, v schema.Value) *schema.Problem {
				return r.schema.CheckPlain(t, c, v.Str())
			}
		}
		if p := check(t, c, v); p != nil {
			bad.Notes = append(bad.Notes, p)
		}
		out[name] = v
	}
	bad.Notes = append(bad.Notes, r.schema.CheckRequired(t, func(column string) schema.Value {
		v, given := out[column]
		if !given && (!insert || column == schema.ColScope) {
			return schema.Text("kept") // not touched; a scope is filled in at sealing
		}
		return v
	})...)
	if len(bad.Notes) > 0 {
		slices.SortStableFunc(bad.Notes, func(a, b *ValueFault) int { return strings.Compare(a.Column, b.Column) })
		return nil, bad
	}
	return out, nil
}

// writable gives a column that a person may write.
func (r *Replica) writable(t *schema.Table, name string, insert bool) (*schema.Column, error) {
	c := t.Column(name)
	switch {
	case c == nil:
		return nil, say(CodeNoColumn, nil, t.Name, name)
	case c.Type == schema.TypeID && insert:
	case c.Type == schema.TypeID, c.Policy == schema.PolicyCentral, c.Derived:
		return nil, sayLabel(CodeNotWritable, t, c.Label)
	case !insert && c.Policy == schema.PolicyAppend:
		return nil, appendOnly(t, c.Label)
	}
	return c, nil
}

func appendOnly(t *schema.Table, l schema.Label) error { return sayLabel(CodeAppendOnly, t, l) }

// sayLabel fills a sentence with a label, in each language its own.
func sayLabel(code Code, t *schema.Table, l schema.Label) error {
	e := catalogue[code]
	out := say(code, fmt.Errorf("in %s", t.Name))
	out.Label = schema.Label{ZH: fmt.Sprintf(e.zh, l.In("zh-CN")), EN: fmt.Sprintf(e.en, l.In("en"))}
	return out
}

// newID makes a UUIDv7 from the clock and the randomness that the replica was given.
func newID(wall int64, random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[6:]); err != nil {
		return "", err
	}
	for i := range 6 {
		b[i] = byte(wall >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return uuid.UUID(b).String(), nil
}
