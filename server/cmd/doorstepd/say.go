package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What a person sees of doorstepd is said in zh-CN or in English; its log stays in English. The English text stands where
// it is said, and is its own key in the catalogue of the Chinese ones (catalogue.go).
const (
	langZH = "zh-CN"
	langEN = "en"
)

// language is chosen as the command line chooses it: --lang, else DOORSTEP_LANG, else the locale. A locale without a
// language (C, POSIX, none) leaves the default.
func language(args, environ []string) string {
	for i, x := range args {
		if x == "--" {
			break
		}
		if v, ok := strings.CutPrefix(x, "--lang="); ok {
			return tongue(v)
		}
		if x == "--lang" && i+1 < len(args) {
			return tongue(args[i+1])
		}
	}
	for _, name := range []string{"DOORSTEP_LANG=", "LC_ALL=", "LC_MESSAGES=", "LANG="} {
		for _, e := range environ {
			if v, ok := strings.CutPrefix(e, name); ok && v != "" {
				return tongue(v)
			}
		}
	}
	return langZH
}

func tongue(tag string) string {
	tag = strings.ToLower(tag)
	if tag == "" || tag == "c" || tag == "posix" || strings.HasPrefix(tag, "zh") || strings.HasPrefix(tag, "c.") {
		return langZH
	}
	return langEN
}

// voice is an output with the language of the person who reads it.
type voice struct {
	io.Writer
	lang string
}

// tell writes a sentence in the language of whoever reads out.
func tell(out io.Writer, format string, args ...any) {
	fmt.Fprint(out, in(langOf(out), format, args...))
}

func langOf(out io.Writer) string {
	if v, ok := out.(*voice); ok {
		return v.lang
	}
	return langEN
}

// in gives a sentence in a language. Errors among args are said in it too, as far as they know how.
func in(lang, format string, args ...any) string {
	if lang == langZH {
		if zh, ok := catalogue[format]; ok {
			format = zh
		}
	}
	said := make([]any, len(args))
	for i, x := range args {
		if err, ok := x.(error); ok {
			x = words(lang, err)
		}
		said[i] = x
	}
	return fmt.Sprintf(strings.ReplaceAll(format, "%w", "%v"), said...)
}

// spoken is an error with a sentence of the catalogue.
type spoken struct {
	error  // in English, with what it wraps
	format string
	args   []any
}

func (e *spoken) Unwrap() error { return e.error }

// failed is fmt.Errorf with a sentence of the catalogue.
func failed(format string, args ...any) error {
	return &spoken{fmt.Errorf(format, args...), format, args}
}

// words says an error in a language; what other packages say stays as it is.
func words(lang string, err error) string {
	switch e := err.(type) { //nolint:errorlint // of the outermost: what it wraps is among its args
	case *usageError:
		return in(lang, e.format, e.args...)
	case *spoken:
		return in(lang, e.format, e.args...)
	case interface{ In(lang string) string }: // faults of declarations
		return e.In(lang)
	case interface{ Unwrap() []error }:
		var lines []string
		for _, x := range e.Unwrap() {
			lines = append(lines, words(lang, x))
		}
		return strings.Join(lines, "\n")
	}
	if lang == langZH {
		if said, ok := causeZH(err); ok {
			return said
		}
	}
	return err.Error()
}

// translate puts the help of all commands into a language.
func translate(root *cobra.Command, lang string) {
	if lang != langZH {
		return
	}
	root.SetUsageTemplate(usageZH)
	var all func(*cobra.Command)
	all = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		if c.Short, c.Long = in(lang, c.Short), in(lang, c.Long); c.Name() == "completion" {
			completionTexts(c)
		}
		if !c.DisableFlagsInUseLine && c.HasAvailableFlags() { // which cobra would call [flags]
			c.Use, c.DisableFlagsInUseLine = c.Use+" [选项]", true
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" {
				f.Usage = "显示帮助"
				return
			}
			if f.Usage = in(lang, f.Usage); f.DefValue != "" && f.Value.Type() == "string" {
				f.Usage, f.DefValue = f.Usage+"（默认 "+f.DefValue+"）", "" // which is read for help alone
			}
		})
		for _, sub := range c.Commands() {
			all(sub)
		}
	}
	all(root)
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Usage = in(lang, f.Usage) })
}

const usageZH = `用法：{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [命令]

命令：{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

选项：
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

通用选项：
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

“{{.CommandPath}} 命令 --help”说明一个命令。{{end}}
`
