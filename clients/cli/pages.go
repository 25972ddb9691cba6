package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// pages reads a list of the centre page by page, up to limit, and tells whether there is more.
func pages[T any](limit int, page func(after *string, n *int64) ([]T, *string, error)) ([]T, bool, error) {
	if limit < 1 || limit > 100_000 {
		return nil, false, misuse("limit_range", limit)
	}
	out := []T{}
	var after *string
	for {
		n := int64(min(limit-len(out), 500))
		list, next, err := page(after, &n)
		if err != nil {
			return nil, false, err
		}
		out = append(out, list...)
		switch {
		case next == nil || *next == "":
			return out, false, nil
		case len(out) >= limit:
			return out, true, nil
		case after != nil && *after == *next:
			return out, true, nil // a centre that does not go on
		}
		after = next
	}
}

func (a *app) limitFlag(c *cobra.Command, limit *int) {
	c.Flags().IntVar(limit, "limit", 200, a.say("flag.limit"))
}

// list prints lines, or that there are none.
func (a *app) list(lines [][]string, more bool) {
	if len(lines) == 0 {
		a.print("list_nothing")
		return
	}
	columns(a.Out, lines)
	if more {
		a.print("list_more", len(lines))
	}
}

// given makes an optional parameter of a flag.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (a *app) ended(at *time.Time) string {
	if at == nil {
		return ""
	}
	return a.say("ended", a.when(at.UnixMilli()))
}

func (a *app) moment(at *time.Time) string {
	if at == nil {
		return ""
	}
	return a.when(at.UnixMilli())
}

// notEmpty checks an argument that goes into a path.
func notEmpty(name, s string, limit int) error {
	if strings.TrimSpace(s) == "" || s == "." || s == ".." {
		return wrong("arg_empty", name)
	}
	return tooLong(name, s, limit)
}
