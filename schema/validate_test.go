package schema

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func f64(f float64) *float64 { return &f }

const secret = "绝密号码13800001111"

// One value, one column, one rule. A message never repeats the value.
func TestCheckValue(t *testing.T) {
	text := func(c Column) Column { c.Type = TypeText; return c }
	id := "01890000-0000-7000-8000-000000000001"
	for _, c := range []struct {
		name string
		col  Column
		v    Value
		rule string
	}{
		{"null", text(Column{Required: true}), Null(), ""},
		{"text", text(Column{}), Text("王𠮷"), ""},
		{"number in text", text(Column{}), Int(1), RuleType},
		{"blob in text", text(Column{}), Blob([]byte("a")), RuleType},
		{"not utf-8", text(Column{}), Text("\xff" + secret), RuleText},
		{"nul", text(Column{}), Text(secret + "\x00"), RuleText},
		{"characters, not bytes", text(Column{MaxLen: 2}), Text("𠮷𠮷"), ""},
		{"too long", text(Column{MaxLen: 2}), Text(secret), RuleTooLong},
		{"default length", text(Column{}), Text(strings.Repeat("长", DefaultMaxLen)), ""},
		{"beyond default length", text(Column{}), Text(strings.Repeat("长", DefaultMaxLen+1)), RuleTooLong},
		{"pattern", text(Column{Pattern: "^[0-9]{3}$"}), Text("123"), ""},
		{"not the pattern", text(Column{Pattern: "^[0-9]{3}$"}), Text(secret), RulePattern},
		{"emptied field", text(Column{Pattern: "^[0-9]{3}$", Check: "phone"}), Text(""), ""},
		{"phone", text(Column{Check: "phone"}), Text("13800001111"), ""},
		{"no phone", text(Column{Check: "phone"}), Text(secret), "phone"},
		{"no citizen", text(Column{Check: "citizen_id"}), Text(secret), "citizen_id"},
		{"no company", text(Column{Check: "uscc"}), Text(secret), "uscc"},
		{"int", Column{Type: TypeInt, Min: f64(0), Max: f64(9)}, Int(9), ""},
		{"real in int", Column{Type: TypeInt}, Real(1), RuleType},
		{"below", Column{Type: TypeInt, Min: f64(0)}, Int(-1), RuleTooSmall},
		{"above", Column{Type: TypeInt, Max: f64(9)}, Int(10), RuleTooLarge},
		{"real", Column{Type: TypeReal}, Real(1.5), ""},
		{"int in real", Column{Type: TypeReal}, Int(1), RuleType},
		{"infinite", Column{Type: TypeReal}, Real(math.Inf(-1)), RuleTooLarge},
		{"bool", Column{Type: TypeBool}, Bool(true), ""},
		{"two", Column{Type: TypeBool}, Int(2), RuleBool},
		{"day", Column{Type: TypeDate}, Text("2024-02-29"), ""},
		{"no day", Column{Type: TypeDate}, Text("2023-02-29"), RuleDate},
		{"short day", Column{Type: TypeDate}, Text("2023-2-9"), RuleDate},
		{"year zero", Column{Type: TypeDate}, Text("0000-01-01"), RuleDate},
		{"time", Column{Type: TypeTime}, Int(-62135596800000), ""},
		{"no time", Column{Type: TypeTime}, Int(math.MaxInt64), RuleTime},
		{"code", Column{Type: TypeCode, Code: "x"}, Text("from_a_newer_version"), ""},
		{"endless code", Column{Type: TypeCode, Code: "x"}, Text(strings.Repeat("a", 101)), RuleTooLong},
		{"ref", Column{Type: TypeRef}, Text(id), ""},
		{"ref in capitals", Column{Type: TypeRef}, Text("01890000-0000-7000-8000-00000000000A"), RuleID},
		{"scope", Column{Type: TypeScope}, Text("370602001001001"), ""},
		{"no scope", Column{Type: TypeScope}, Text(""), RuleScope},
		{"set", Column{Type: TypeSet}, Text(`["a","王"]`), ""},
		{"set in disorder", Column{Type: TypeSet}, Text(`["b","a"]`), RuleSet},
		{"set with repeats", Column{Type: TypeSet}, Text(`["a","a"]`), RuleSet},
		{"set with spaces", Column{Type: TypeSet}, Text(`["a", "b"]`), RuleSet},
		{"set of numbers", Column{Type: TypeSet}, Text(`[1]`), RuleSet},
		{"set with nothing", Column{Type: TypeSet}, Text(`[""]`), RuleSet},
		{"set with a null", Column{Type: TypeSet}, Text(`[null]`), RuleSet},
		{"null as text", Column{Type: TypeSet}, Text(`null`), RuleSet},
		{"set too large", Column{Type: TypeSet, MaxLen: 1}, Text(`["a","b"]`), RuleTooLong},
		{"set of ids", Column{Type: TypeSet, Ref: "x"}, Text(`["` + id + `"]`), ""},
		{"set of no ids", Column{Type: TypeSet, Ref: "x"}, Text(`["` + secret + `"]`), RuleID},
		{"sealed", Column{Type: TypeSealed}, Blob([]byte(SealMagic + "\x00\x00\x00\x01" + strings.Repeat("x", 56))), ""},
		{"sealed without a key", Column{Type: TypeSealed}, Blob([]byte(SealMagic + "\x00\x00\x00\x00" + strings.Repeat("x", 56))), RuleSealed},
		{"sealed in half a block", Column{Type: TypeSealed}, Blob([]byte(SealMagic + "\x00\x00\x00\x01" + strings.Repeat("x", 57))), RuleSealed},
		{"bytes in the clear", Column{Type: TypeSealed}, Blob([]byte(secret)), RuleSealed},
		{"a hash", Column{Type: TypeText, HashOf: "x"}, Text(strings.Repeat("0f", 32)), ""},
		{"a hash in the clear", Column{Type: TypeText, HashOf: "x"}, Text(secret), RuleSealed},
		{"an identity document", Column{Type: TypeText, Check: "identity_no"}, Text("E12345678"), ""},
		{"a citizen number mistyped", Column{Type: TypeText, Check: "identity_no"}, Text("110105194912310021"), "identity_no"},
		{"sealed too long", Column{Type: TypeSealed, MaxLen: 3}, Blob([]byte(secret)), RuleTooLong},
		{"sealed in the clear", Column{Type: TypeSealed}, Text(secret), RuleType},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.col.Name, c.col.Label = "col", Label{"字段", "Field"}
			p := (&Schema{}).CheckValue(&Table{Name: "thing"}, &c.col, c.v)
			if c.rule == "" {
				require.Nil(t, p)
				return
			}
			require.NotNil(t, p)
			require.Equal(t, []string{"thing", "col", c.rule}, []string{p.Table, p.Column, p.Rule})
			for _, s := range []string{p.ZH, p.EN, p.Error()} {
				require.NotContains(t, s, secret)
				require.NotContains(t, s, "%!")
			}
			require.Contains(t, p.In("zh-CN"), "“字段”")
			require.Contains(t, p.In("en"), `"Field"`)
		})
	}
}

func TestCheckElement(t *testing.T) {
	table, c := &Table{Name: "thing"}, &Column{Name: "col", Type: TypeSet}
	require.Nil(t, (&Schema{}).CheckElement(table, c, "王"))
	require.Equal(t, RuleSet, (&Schema{}).CheckElement(table, c, "").Rule)
	require.Equal(t, RuleText, (&Schema{}).CheckElement(table, c, "\xff").Rule)
	require.Equal(t, RuleTooLong, (&Schema{}).CheckElement(table, c, strings.Repeat("长", 501)).Rule)
}

func TestCheckRequired(t *testing.T) {
	table := &Table{Name: "thing", Columns: append(BuiltIn(),
		&Column{Name: "name", Type: TypeText, Required: true, Label: Label{"姓名", "Name"}},
		&Column{Name: "tags", Type: TypeSet, Required: true, Label: Label{"标签", "Tags"}},
		&Column{Name: "notes", Type: TypeText})}
	rules := func(row map[string]Value) (out []string) {
		for _, p := range (&Schema{}).CheckRequired(table, func(c string) Value { return row[c] }) {
			require.Equal(t, RuleRequired, p.Rule)
			out = append(out, p.Column)
		}
		return out
	}
	require.Equal(t, []string{"scope", "name", "tags"}, rules(nil))
	require.Equal(t, []string{"name", "tags"}, rules(map[string]Value{"scope": Text("g"), "name": Text(" 　"), "tags": Text("[]")}))
	require.Empty(t, rules(map[string]Value{"scope": Text("g"), "name": Text("王"), "tags": Text(`["a"]`)}))
}

func TestNamedChecks(t *testing.T) {
	// The citizen numbers are the examples printed in GB 11643 itself, not of persons.
	for s, want := range map[string]bool{
		"110105169912310025": false, "990105194912310023": false, "110105194913310021": false,
		"11010519491231002X": true, "440524188001010014": true, "11010519491231002x": false, "110105194912310021": false,
		"110105194902310029": false, "11010519491231002": false, "": false, "1101051949123100２X": false,
	} {
		require.Equal(t, want, IsCitizenID(s), s)
	}
	for s, want := range map[string]bool{
		"91350100M000100Y43": true, "91350100M000100Y44": false, "91350100M000100I43": false, "91350100m000100y43": false, "9135": false,
	} {
		require.Equal(t, want, IsUSCC(s), s)
	}
	for s, want := range map[string]bool{
		"13800001111": true, "+8613800001111": true, "0546-5621234": true, "05465621234": true, "010-12345678-801": true, "12345": true, "110": true,
		"5621234": true, "400-123-4567": true, "+85212345678": true, "12800001111": false, "1380000111": false, "138 0000 1111": false, "电话": false, "": false, "0": false,
	} {
		require.Equal(t, want, IsPhone(s), s)
	}
}

// The canonical form is what JSON.stringify writes; the vectors were made with it.
func TestFormatSet(t *testing.T) {
	require.Equal(t, "[]", FormatSet(nil))
	require.Equal(t, `["a","b","王"]`, FormatSet([]string{"王", "b", "a", "b"}))
	require.Equal(t, `["\u0001\b\t\n\f\r","\"\\/<>&'`+"\u007f\u2028"+`"]`, FormatSet([]string{"\"\\/<>&'\u007f\u2028", "\x01\b\t\n\f\r"}))
	require.Equal(t, `["`+"\uffee"+`","𠮷"]`, FormatSet([]string{"𠮷", "\uffee"}), "by bytes of UTF-8, not by units of UTF-16")
}

func TestParseSet(t *testing.T) {
	list, err := ParseSet(" [\"b\", \"a\",\"b\" ]\n")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, list)
	for _, bad := range []string{"", "null", `"a"`, "[1]", `["a",null]`, `["a"] x`, `{"a":1}`, secret} {
		_, err := ParseSet(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), secret)
	}
}

func TestSetsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(rapid.String()).Draw(t, "list")
		text := FormatSet(list)
		back, err := ParseSet(text)
		require.NoError(t, err)
		require.Equal(t, text, FormatSet(back))
		for _, x := range list {
			require.Contains(t, back, x)
		}
	})
}

func TestNormalize(t *testing.T) {
	set := &Column{Type: TypeSet}
	require.Equal(t, Text(`["a","b"]`), set.Normalize(Text(` [ "b", "a", "a" ]`)))
	require.Equal(t, Text(`["b"`), set.Normalize(Text(`["b"`)), "what has no form stays, to be refused with a reason")
	require.Equal(t, Null(), set.Normalize(Null()))
	require.Equal(t, Real(3), (&Column{Type: TypeReal}).Normalize(Int(3)))
}

// Who reads Chinese is not told the program's names of types, and who chose wrongly is told to choose again.
func TestTypesHaveNamesForPeople(t *testing.T) {
	for _, typ := range []Type{TypeID, TypeScope, TypeText, TypeInt, TypeReal, TypeBool, TypeDate, TypeTime, TypeCode, TypeRef, TypeSet, TypeSealed} {
		c := &Column{Name: "x", Label: Label{"某栏", "Some"}, Type: typ}
		wrong := Int(7)
		if typ.Kind() == KindInt {
			wrong = Text("x")
		}
		p := (&Schema{}).CheckValue(&Table{Name: "t"}, c, wrong)
		require.NotNil(t, p, typ)
		require.Equal(t, RuleType, p.Rule)
		require.NotRegexp(t, "[A-Za-z]", p.ZH)
		require.Contains(t, p.ZH, "请")
		require.NotContains(t, p.EN, "should be ;")
	}
	p := (&Schema{}).CheckValue(&Table{Name: "t"}, &Column{Name: "x", Label: Label{"某栏", "Some"}, Type: TypeBool}, Int(2))
	require.Contains(t, p.ZH, "请重新选择")
	require.Contains(t, p.EN, "choose it again")
}
