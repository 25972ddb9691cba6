package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// The languages of the catalogue. The first is the default.
const (
	zh = "zh-CN"
	en = "en"
)

// language is chosen before the commands exist, because their help is in it: --lang, else DOORSTEP_LANG, else the
// locale. A locale without a language (C, POSIX, none) leaves the default.
func language(args []string, env func(string) string) string {
	for i, x := range args {
		if x == "--" {
			break
		}
		if v, ok := strings.CutPrefix(x, "--lang="); ok {
			return pick(v)
		}
		if x == "--lang" && i+1 < len(args) {
			return pick(args[i+1])
		}
	}
	for _, name := range []string{"DOORSTEP_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			return pick(v)
		}
	}
	return zh
}

func pick(tag string) string {
	tag = strings.ToLower(tag)
	switch {
	case strings.HasPrefix(tag, "zh"), tag == "", tag == "c", tag == "posix", strings.HasPrefix(tag, "c."):
		return zh
	}
	return en
}

// say gives a sentence of the catalogue in the person's language.
func (a *app) say(key string, args ...any) string { return sentence(a.lang, key, args...) }

func sentence(lang, key string, args ...any) string {
	l, ok := catalogue[key]
	if !ok {
		panic("bug: no sentence " + key) // a test looks at every key in the source
	}
	text := l.In(lang)
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(numbered(text, args), args...)
}

// numberForm is how a sentence has a word in singular and plural: behind the number it depends on.
var numberForm = regexp.MustCompile(`%(\[\d+\])?[a-z]|\{([^|{}]*)\|([^|{}]*)\}`)

// numbered picks singular or plural in a sentence's text, by the number that stands before.
func numbered(text string, args []any) string {
	next, one := 0, false
	return numberForm.ReplaceAllStringFunc(text, func(part string) string {
		m := numberForm.FindStringSubmatch(part)
		if part[0] == '%' {
			i := next
			if m[1] != "" {
				i, _ = strconv.Atoi(strings.Trim(m[1], "[]"))
				i--
			}
			next = i + 1
			if i >= 0 && i < len(args) {
				switch n := args[i].(type) {
				case int:
					one = n == 1
				case int64:
					one = n == 1
				}
			}
			return part
		}
		if one {
			return m[2]
		}
		return m[3]
	})
}

// print writes a sentence as a line to standard output.
func (a *app) print(key string, args ...any) { a.put(a.say(key, args...)) }

// put writes a line without blanks at its end.
func (a *app) put(text string) { fmt.Fprintln(a.Out, strings.TrimRight(text, " ")) }

// warn writes a sentence as a line to standard error.
func (a *app) warn(key string, args ...any) { fmt.Fprintln(a.Err, a.say(key, args...)) }

func (a *app) label(l schema.Label) string { return l.In(a.lang) }
