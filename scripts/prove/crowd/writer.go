package crowd

import (
	"context"
	"fmt"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Writer is a light client that hands in small changesets, over one link or several in turn. One goroutine owns it.
type Writer struct {
	*Link
	Member
	N int64 // of its last changeset that has its verdict

	out  Outside
	prev se.Hash
	mark int // of its records' ids, its own in the county
}

// Writer opens a link and takes the writer's own snapshot. Records of a county's writers differ by mark,
// from 0 to 0xfff.
func (o Outside) Writer(ctx context.Context, url string, m Member, mark int) (*Writer, error) {
	w := &Writer{Member: m, out: o, mark: mark}
	return w, w.Again(ctx, url)
}

// Again opens another link in place of the one before, and takes what came since.
func (w *Writer) Again(ctx context.Context, url string) error {
	at := cursor{}
	if w.Link != nil {
		w.Close()
		at = w.cursor
	}
	l, err := w.out.Dial(ctx, url, w.Member)
	if err != nil {
		return err
	}
	l.cursor = at
	if err := l.Step(w.Member); err != nil {
		l.Close()
		return err
	}
	w.Link, w.N, w.prev = l, l.Welcome.LastN, l.Welcome.Hash
	return nil
}

// Offer hands in one changeset and waits for its verdict, which has to be good.
func (w *Writer) Offer() error { return w.HandIn([]se.Change{hazard(w.Grid, w.mark, int(w.N+1))}) }

// OfferLong is Offer of a changeset of about so many times 6 KB.
func (w *Writer) OfferLong(rows int) error {
	var list []se.Change
	for i := range rows {
		x := hazard(w.Grid, w.mark, int(w.N+1)<<10|i)
		x.Cells[2].Values = []schema.Value{schema.Text(strings.Repeat("字", 2000))}
		list = append(list, x)
	}
	return w.HandIn(list)
}

// HandIn hands in one changeset and waits for its verdict, which has to be good.
func (w *Writer) HandIn(list []se.Change) error {
	cs := &se.Changeset{Device: w.Device, N: w.N + 1, Prev: w.prev, Author: w.Account, Schema: 1, Wall: w.now().UnixMilli(), Changes: list}
	if err := w.say(&session.Push{Changesets: []*se.Changeset{cs}}); err != nil {
		return err
	}
	for {
		x, err := w.hear()
		if err != nil {
			return err
		}
		switch x := x.(type) {
		case *session.Delta:
			if err := w.seen(x); err != nil {
				return err
			}
		case *session.Verdicts:
			if x.Verdicts[0].Kind != se.Accepted {
				return fmt.Errorf("verdict %v", x.Verdicts[0].Kind)
			}
			w.N, w.prev = cs.N, cs.Hash()
			return nil
		}
	}
}
