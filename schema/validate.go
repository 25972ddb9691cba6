package schema

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Problem is why a value cannot stand in its column. Its sentences name the column by its label and say what to do;
// they never contain the value, so that they may be logged and shown to anybody who may see the column's name.
type Problem struct {
	Table  string
	Column string
	Rule   string // one of the Rule constants, or the name of a check ("citizen_id", "phone", "uscc")
	ZH, EN string
}

// In gives the sentence in a language.
func (p *Problem) In(lang string) string { return Label{p.ZH, p.EN}.In(lang) }

// Error makes a Problem usable as an error.
func (p *Problem) Error() string { return p.Table + "." + p.Column + ": " + p.Rule + ": " + p.EN }

// The rules a Problem may name. They are part of the wire contract: verdicts carry them.
const (
	RuleRequired = "required"
	RuleType     = "wrong_type"
	RuleText     = "bad_text" // not UTF-8, or with a NUL character
	RuleTooLong  = "too_long"
	RuleTooSmall = "too_small"
	RuleTooLarge = "too_large"
	RulePattern  = "pattern"
	RuleID       = "bad_id"
	RuleScope    = "bad_scope"
	RuleBool     = "bad_bool"
	RuleDate     = "bad_date"
	RuleTime     = "bad_time"
	RuleSet      = "bad_set"
)

// Limits that no declaration changes.
const (
	maxCodeLen    = 100          // characters; longer than any declared code, since unknown ones are kept
	maxScopeLen   = 64           // characters of the code of an org unit
	maxElements   = 1000         // elements of a set that declares no max_len
	maxElementLen = 500          // characters of one element
	maxTime       = 8.64e15      // ms to either side of 1970: what a JavaScript date can hold
	dateLayout    = "2006-01-02" //
)

// CheckValue tells whether v may stand in column c of t, nil if so. NULL always may: see CheckRequired. A code that no
// code table knows may too: it comes from a newer declaration and is kept as received.
func (s *Schema) CheckValue(t *Table, c *Column, v Value) *Problem {
	if v.IsNull() {
		return nil
	}
	p := c.check(v)
	if p != nil {
		p.Table, p.Column = t.Name, c.Name
	}
	return p
}

// CheckElement tells whether x may be an element of the set c: of the elements that a union adds, each is checked
// alone. Elements to be removed need no check.
func (s *Schema) CheckElement(t *Table, c *Column, x string) *Problem {
	p := c.checkText(x)
	if p == nil {
		p = c.element(x)
	}
	if p != nil {
		p.Table, p.Column = t.Name, c.Name
	}
	return p
}

// CheckRequired gives a Problem for each required column that an insert leaves out: NULL, blank text or an empty set.
// get gives the value of a column by name, NULL for one that is absent.
func (s *Schema) CheckRequired(t *Table, get func(column string) Value) []*Problem {
	var out []*Problem
	for _, c := range t.Columns {
		if c.Required && c.Type != TypeID && blank(c, get(c.Name)) {
			p := c.problem(RuleRequired, "请填写%s。", "Fill in %s.")
			p.Table, p.Column = t.Name, c.Name
			out = append(out, p)
		}
	}
	return out
}

func blank(c *Column, v Value) bool {
	return v.IsNull() || v.Kind() == KindText && strings.TrimSpace(v.Str()) == "" || c.Type == TypeSet && v.Str() == "[]"
}

// problem makes a Problem; the sentences have one %s for the label, then verbs for args.
func (c *Column) problem(rule, zh, en string, args ...any) *Problem {
	return &Problem{
		Rule: rule,
		ZH:   fmt.Sprintf(zh, append([]any{"“" + c.Label.In("zh-CN") + "”"}, args...)...),
		EN:   fmt.Sprintf(en, append([]any{`"` + c.Label.In("en") + `"`}, args...)...),
	}
}

func (c *Column) check(v Value) *Problem {
	if v.Kind() != c.Type.Kind() {
		return c.wrongType()
	}
	if v.Kind() == KindText {
		if p := c.checkText(v.Str()); p != nil {
			return p
		}
	}
	if c.HashOf != "" && v.Str() != "" {
		return c.checkHash(v.Str())
	}
	switch c.Type {
	case TypeText:
		return c.checkString(v.Str())
	case TypeCode:
		return c.length(v.Str(), maxCodeLen)
	case TypeID, TypeRef:
		return c.id(v.Str())
	case TypeScope:
		if s := v.Str(); s == "" || utf8.RuneCountInString(s) > maxScopeLen {
			return c.problem(RuleScope, "%s不是有效的网格编码，请重新选择网格。", "%s is no valid code of an org unit; choose the grid again.")
		}
	case TypeBool:
		if n := v.Int64(); n != 0 && n != 1 {
			return c.problem(RuleBool, "%s只能是“是”或“否”（1 或 0），请重新选择。", "%s can only be yes or no (1 or 0); choose it again.")
		}
	case TypeDate:
		return c.date(v.Str())
	case TypeInt, TypeReal, TypeTime:
		return c.number(v)
	case TypeSet:
		return c.set(v.Str())
	case TypeSealed:
		return c.checkSealed(v)
	}
	return nil
}

// wrongType says what a column holds in the person's words: the names of types are the program's.
func (c *Column) wrongType() *Problem {
	p := c.problem(RuleType, "%s的数据类型不对，应为", "%s has the wrong type, it should be ")
	is := typeLabels[c.Type]
	p.ZH += is.ZH + "；请升级应用或重新填写。"
	p.EN += is.EN + "; upgrade the app or enter it again."
	return p
}

var typeLabels = map[Type]Label{
	TypeID: {"编号", "an id"}, TypeScope: {"网格编码", "the code of an org unit"}, TypeText: {"文字", "text"}, TypeInt: {"整数", "a whole number"}, TypeReal: {"数字", "a number"},
	TypeBool: {"“是”或“否”", "yes or no"}, TypeDate: {"日期", "a day"}, TypeTime: {"时间", "a time"}, TypeCode: {"选项", "one of the choices"}, TypeRef: {"一条记录", "a record"},
	TypeSet: {"列表", "a list"}, TypeSealed: {"加密内容", "sealed content"},
}

// checkText refuses what databases and tools disagree about: a NUL ends a string for some and not for others.
func (c *Column) checkText(s string) *Problem {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return c.problem(RuleText, "%s含有无法保存的字符，请删去后重新输入。", "%s contains characters that cannot be stored; remove them and type it again.")
	}
	return nil
}

func (c *Column) checkString(s string) *Problem {
	if p := c.length(s, c.maxLen()); p != nil {
		return p
	}
	if s == "" {
		return nil // an emptied field; whether it may be empty is CheckRequired's question
	}
	if c.Pattern != "" && !c.matcher().MatchString(s) {
		return c.problem(RulePattern, "%s的格式不对，请按提示的格式填写。", "%s does not have the expected form; follow the hint at the field.")
	}
	if k := checks[c.Check]; k != nil && !k.ok(s) {
		return c.problem(c.Check, k.zh, k.en)
	}
	return nil
}

func (c *Column) matcher() *regexp.Regexp {
	if c.pattern != nil {
		return c.pattern
	}
	return regexp.MustCompile(c.Pattern) // not indexed yet; Validate has compiled it before
}

func (c *Column) maxLen() int {
	if c.MaxLen > 0 {
		return c.MaxLen
	}
	return DefaultMaxLen
}

// length counts characters, not bytes: a name in rare characters is as long as any other (GB 18030).
func (c *Column) length(s string, limit int) *Problem {
	if len(s) <= limit {
		return nil
	}
	if n := utf8.RuneCountInString(s); n > limit {
		return c.problem(RuleTooLong, "%s最多 %d 个字，现有 %d 个；请缩短。", "%s may have %d characters and has %d; shorten it.", limit, n)
	}
	return nil
}

func (c *Column) id(s string) *Problem {
	if !IsUUID(s) {
		return c.problem(RuleID, "%s指向的记录编号无效，请重新选择。", "%s does not hold a valid record id; choose the record again.")
	}
	return nil
}

// date wants a day that exists, written YYYY-MM-DD.
func (c *Column) date(s string) *Problem {
	d, err := time.Parse(dateLayout, s)
	if err != nil || len(s) != len(dateLayout) || d.Year() < 1 {
		return c.problem(RuleDate, "%s不是真实存在的日期，请按“年-月-日”填写，例如 2026-03-05。", "%s is no day of the calendar; write it as year-month-day, such as 2026-03-05.")
	}
	return nil
}

func (c *Column) number(v Value) *Problem {
	f := v.Float64()
	if math.IsInf(f, 0) {
		return c.problem(RuleTooLarge, "%s的数值过大，请检查后重新填写。", "%s is too large a number; check it and enter it again.")
	}
	if c.Type == TypeTime && math.Abs(f) > maxTime {
		return c.problem(RuleTime, "%s不是有效的时间，请重新选择。", "%s is no valid time; choose it again.")
	}
	if c.Min != nil && f < *c.Min {
		return c.problem(RuleTooSmall, "%s不能小于 %s，请检查后重新填写。", "%s cannot be below %s; check it and enter it again.", c.bound(*c.Min))
	}
	if c.Max != nil && f > *c.Max {
		return c.problem(RuleTooLarge, "%s不能大于 %s，请检查后重新填写。", "%s cannot be above %s; check it and enter it again.", c.bound(*c.Max))
	}
	return nil
}

func (c *Column) bound(f float64) string {
	if c.Type == TypeTime {
		return time.UnixMilli(int64(f)).UTC().Format(time.RFC3339)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// IsUUID tells whether s is a UUID of 36 characters in lower case, of any version.
func IsUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch b := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if b != '-' {
				return false
			}
		case b < '0' || b > '9' && b < 'a' || b > 'f':
			return false
		}
	}
	return true
}
