package wire

import (
	"fmt"
	"unicode/utf8"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Lengths in bytes that a field may have. They are far above what is needed and keep nonsense out of logs and rows.
const (
	maxName  = 255      // names of tables, cells, scopes, roles, views; accounts, boots, ids of conflicts
	maxKey   = 1024     // a position's key
	maxToken = 8 << 10  // an access token
	maxText  = 64 << 10 // sentences: notices, reasons of decisions
)

// checks reads fields and keeps the first thing that is wrong with one.
type checks struct{ err error }

func (c *checks) fail(name, format string, args ...any) {
	if c.err == nil {
		c.err = &Error{Path: name, Problem: fmt.Sprintf(format, args...)}
	}
}

// in keeps an error from below a field.
func (c *checks) in(name string, err error) {
	if c.err == nil && err != nil {
		c.err = within(name, err)
	}
}

// at keeps an error from below an element of a repeated field.
func (c *checks) at(name string, i int, err error) {
	if c.err == nil && err != nil {
		c.err = within(item(name, i), err)
	}
}

// text takes at most limit bytes, which may be none.
func (c *checks) text(name, s string, limit int) string {
	if len(s) > limit {
		c.fail(name, "has %d bytes; at most %d are taken", len(s), limit)
	}
	return s
}

// name takes 1 to maxName bytes.
func (c *checks) name(name, s string) string {
	if s == "" {
		c.fail(name, "is missing; give it")
	}
	return c.text(name, s, maxName)
}

func (c *checks) uuid(name, s string) string {
	if !schema.IsUUID(s) {
		c.fail(name, "must be a UUID of 36 characters in lower case")
	}
	return s
}

func (c *checks) hash(name string, b []byte) (h se.Hash) {
	if len(b) != 0 && len(b) != len(h) {
		c.fail(name, "has %d bytes; a hash has 32, and none stands for nothing", len(b))
		return h
	}
	copy(h[:], b)
	return h
}

func (c *checks) atLeast(name string, n, least int64) int64 {
	if n < least {
		c.fail(name, "is below %d", least)
	}
	return n
}

func (c *checks) count(name string, n int64) int64 { return c.atLeast(name, n, 0) }

func (c *checks) size(name string, n int64) int {
	if n < 0 || n > 1<<40 {
		c.fail(name, "must be from 0 to %d", int64(1)<<40)
		return 0
	}
	return int(n)
}

func (c *checks) base(name string, p *Base) se.Base {
	b := se.Base{Epoch: p.GetEpoch(), Seq: p.GetSeq()}
	if b.Epoch < 0 || b.Seq < 0 {
		c.fail(name, "is below zero; leave it out for nothing seen")
	}
	return b
}

func (c *checks) position(name string, p *Position) se.Position {
	out := se.Position{Seq: p.GetSeq(), Key: p.GetKey()}
	if out.Seq < 0 {
		c.fail(name+".seq", "is below 0")
	}
	c.text(name+".key", out.Key, maxKey)
	return out
}

func (c *checks) names(name string, list []string) []string {
	for i, s := range list {
		c.name2(name, i, s)
	}
	return list
}

func (c *checks) name2(name string, i int, s string) {
	if s == "" || len(s) > maxName {
		c.fail(item(name, i), "must have 1 to %d bytes", maxName)
	}
}

func (c *checks) values(name string, list []*Value) []schema.Value {
	if len(list) == 0 {
		return nil
	}
	out := make([]schema.Value, len(list))
	for i, p := range list {
		v, err := valueFromWire(p)
		c.at(name, i, err)
		out[i] = v
	}
	return out
}

func valuesToWire(list []schema.Value) []*Value {
	if len(list) == 0 {
		return nil
	}
	out := make([]*Value, len(list))
	for i, v := range list {
		out[i] = valueToWire(v)
	}
	return out
}

func valueToWire(v schema.Value) *Value {
	switch v.Kind() {
	case schema.KindInt:
		return &Value{Kind: &Value_Int{v.Int64()}}
	case schema.KindReal:
		return &Value{Kind: &Value_Real{v.Float64()}}
	case schema.KindText:
		if s := v.Str(); !utf8.ValidString(s) {
			return &Value{Kind: &Value_RawText{[]byte(s)}}
		}
		return &Value{Kind: &Value_Text{v.Str()}}
	case schema.KindBlob:
		return &Value{Kind: &Value_Blob{v.Bytes()}}
	}
	return &Value{Kind: &Value_Null{true}}
}

func valueFromWire(p *Value) (schema.Value, error) {
	switch k := p.GetKind().(type) {
	case *Value_Null:
		if !k.Null {
			return schema.Null(), &Error{Path: "null", Problem: "must be true; give another kind for a value that is not NULL"}
		}
		return schema.Null(), nil
	case *Value_Int:
		return schema.Int(k.Int), nil
	case *Value_Real:
		if k.Real != k.Real {
			return schema.Null(), &Error{Path: "real", Problem: "is NaN, which is not a value; send null"}
		}
		return schema.Real(k.Real), nil
	case *Value_Text:
		return schema.Text(k.Text), nil
	case *Value_Blob:
		return schema.Blob(k.Blob), nil
	case *Value_RawText:
		return schema.Text(string(k.RawText)), nil
	}
	return schema.Null(), &Error{Problem: "has no kind that is known here; give one of null, int, real, text, blob"}
}
