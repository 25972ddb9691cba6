// Package messages is the catalogue of sentences that the centre says to people: zh-CN first, en second.
//
// Every refusal in server/directory, server/auth and server/api is a Problem: a Key that programs branch on, and the
// arguments of its sentence. One table (catalogue.go) maps the key to both sentences and to its Kind; server/api maps
// Kind to an HTTP status in one place.
package messages

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/language"
)

// The languages. The first is the default.
const (
	ZH = "zh-CN"
	EN = "en"
)

// Key names a sentence; it is stable, and part of the API as "urn:doorstep:problem:<key>".
type Key string

// Kind says what sort of refusal a sentence is.
type Kind uint8

// The kinds. The zero Kind is for plain texts that refuse nothing.
const (
	KindText Kind = iota
	Invalid
	Unauthenticated
	Denied
	NotFound
	Conflict
	TooLarge
	TooMany
	Unavailable
	Internal
)

// entry is one line of the catalogue. Both sentences take the same arguments in the same order; %[n]v reorders.
type entry struct {
	Kind   Kind
	ZH, EN string
}

// Sentence is a text of the catalogue with its arguments.
type Sentence struct {
	Key  Key
	Args []any
}

// Say builds a Sentence.
func Say(key Key, args ...any) Sentence { return Sentence{key, args} }

// In gives the sentence in a language (ZH or EN; anything else is ZH). Arguments that are Sentences or Texts are put
// into that language first.
func (s Sentence) In(lang string) string {
	e, ok := catalogue[s.Key]
	if !ok {
		return string(s.Key)
	}
	format := e.ZH
	if lang == EN {
		format = e.EN
	}
	if len(s.Args) == 0 {
		return format
	}
	args := make([]any, len(s.Args))
	for i, a := range s.Args {
		if in, ok := a.(interface{ In(string) string }); ok {
			a = in.In(lang)
		}
		args[i] = a
	}
	return fmt.Sprintf(format, args...)
}

// List is an argument of a sentence that names several things: each a word, with its name for people in brackets if
// it has one. It is written "a, b (B), c" in English and "a、b（B）、c" in Chinese.
type List []Item

// Item is one thing of a List. A Name without Key is left out.
type Item struct {
	Word string
	Name Sentence
}

// Words makes a List of words that need no other name.
func Words[T ~string](words ...T) List {
	out := make(List, len(words))
	for i, w := range words {
		out[i].Word = string(w)
	}
	return out
}

// In writes the list in a language.
func (l List) In(lang string) string {
	comma, open, end := "、", "（", "）"
	if lang == EN {
		comma, open, end = ", ", " (", ")"
	}
	words := make([]string, len(l))
	for i, item := range l {
		words[i] = item.Word
		if item.Name.Key != "" {
			if name := item.Name.In(lang); name != item.Word {
				words[i] += open + name + end
			}
		}
	}
	return strings.Join(words, comma)
}

// Kind gives the sort of refusal that the sentence is.
func (s Sentence) Kind() Kind { return catalogue[s.Key].Kind }

// Problem is a refusal with a sentence for people. Cause is for logs and errors.Is; people never see it.
type Problem struct {
	Sentence
	Cause error
}

// Refuse builds a Problem.
func Refuse(key Key, args ...any) *Problem { return &Problem{Sentence: Say(key, args...)} }

// Because gives a copy of p with a cause.
func (p *Problem) Because(cause error) *Problem { return &Problem{Sentence: p.Sentence, Cause: cause} }

// Error is for logs: the key and the cause, never the arguments, which may be names.
func (p *Problem) Error() string {
	if p.Cause != nil {
		return string(p.Key) + ": " + p.Cause.Error()
	}
	return string(p.Key)
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Of gives the Problem in err's chain; any other error is Unexpected with err as its cause.
func Of(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return Refuse(Unexpected).Because(err)
}

// Is tells whether err is a Problem with this key.
func Is(err error, key Key) bool {
	var p *Problem
	return errors.As(err, &p) && p.Key == key
}

var matcher = language.NewMatcher([]language.Tag{language.SimplifiedChinese, language.English})

// Language picks ZH or EN from an Accept-Language header of at most 256 bytes; ZH if it asks for neither.
func Language(accept string) string {
	if len(accept) == 0 || len(accept) > 256 {
		return ZH
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return ZH
	}
	if _, i, confidence := matcher.Match(tags...); i == 1 && confidence != language.No {
		return EN
	}
	return ZH
}
