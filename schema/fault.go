package schema

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with a declaration: where it stands, what is wrong and what to do about it.
type Fault struct {
	Source Source
	What   string
	Do     string

	format string // of What, with args, as it was said; "" where only What is known
	args   []any
}

// NewFault makes one: do and what are in English, what is a format. fault_zh.go has both in Chinese.
func NewFault(at Source, do, what string, args ...any) Fault {
	return Fault{Source: at, What: fmt.Sprintf(what, args...), Do: do, format: what, args: args}
}

// Error gives "file:line: what is wrong; what to do". Where there is no file, it is left out.
func (f Fault) Error() string { return f.at() + f.What + "; " + f.Do }

func (f Fault) at() string {
	if f.Source.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", f.Source.File, f.Source.Line)
}

// In is Error in a language, as Label.In takes it.
func (f Fault) In(lang string) string {
	if lang == "en" {
		return f.Error()
	}
	what, ok := whatZH[f.format]
	if !ok {
		what = f.What
	} else {
		what = fmt.Sprintf(what, f.argsZH()...)
	}
	do, ok := doZH[f.Do]
	if !ok {
		do = phraseZH(advice, f.Do)
	}
	return f.at() + what + "；" + do
}

func (f Fault) argsZH() []any {
	out := make([]any, len(f.args))
	for i, x := range f.args {
		if text, ok := x.(string); ok && f.format == notYAML {
			x = YAMLInChinese(text)
		} else if ok {
			x = phraseZH(subjects, text)
		}
		out[i] = x
	}
	return out
}

// notYAML is the fault that tells what a YAML library said.
const notYAML = "this is not YAML: %s"

// Faults are all the faults found, one a line. An empty Faults is no error: use Err.
type Faults []Fault

// Error gives one line per fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, x := range f {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// In is Error in a language, as Label.In takes it.
func (f Faults) In(lang string) string {
	lines := make([]string, len(f))
	for i, x := range f {
		lines[i] = x.In(lang)
	}
	return strings.Join(lines, "\n")
}

// Err is f as an error, nil if there are none.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
