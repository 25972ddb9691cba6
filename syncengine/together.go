package syncengine

import (
	"fmt"
	"sync"
)

// Reading is a request and what became of it.
type Reading struct {
	Request NextRequest
	Part    *Part
	Err     error
}

// NextTogether is Next for several requests in one transaction. What those who stand at one place, and see the same of a
// scope, lack of it is read once: its items are shared, and nobody may write to them.
func (e *Engine) NextTogether(tx ReadTx, list []*Reading) {
	s := &sharing{streams: map[sameStream]sharedFrame{}}
	for _, r := range list {
		r.Part, r.Err = e.next(tx, r.Request, s)
	}
}

// sharing is what the requests of one transaction have in common. It belongs to the goroutine that reads.
type sharing struct {
	streams map[sameStream]sharedFrame // what was read of a scope to its end, if that is one frame, or nothing
}

type sharedFrame struct {
	frame Delta // without items: there is nothing
	size  int   // of its items, for budgets
}

// sameStream is where two readers get the same frame of a scope: whoever sees the same of it (views.class) and lacks the
// same.
type sameStream struct {
	class string
	from  Base
	pages Pages
}

// Kept is where encoders keep what they made of items that many are sent. It is safe for use by any number of goroutines.
type Kept struct {
	once  sync.Once
	bytes []byte
	err   error
}

// Do gives what make gave when it was called first.
func (k *Kept) Do(make func() ([]byte, error)) ([]byte, error) {
	k.once.Do(func() {
		k.err = fmt.Errorf("bug: items could not be encoded") // if it panics
		k.bytes, k.err = make()
	})
	return k.bytes, k.err
}

// shared reads a scope from the cursor to its end, or gives what another request in the transaction has read so.
func (r *reader) shared(scope string, at StagedScope) error {
	key := sameStream{r.v.class(scope), r.from, r.pages}
	known, ok := r.sharing.streams[key]
	if ok && known.size < r.budget {
		if d := known.frame; len(d.Items) > 0 {
			d.View = r.v.id
			r.step.Frames = append(r.step.Frames, d)
			r.at[scope] = StagedScope{Scope: scope, After: d.After, Read: d.Read}
			r.budget -= known.size
		}
		return nil
	}
	before, budget := len(r.step.Frames), r.budget
	if err := r.stream(scope, at); err != nil || ok {
		return err
	}
	switch made := r.step.Frames[before:]; {
	case len(made) == 0:
		r.sharing.streams[key] = sharedFrame{}
	case len(made) == 1 && r.budget > 1: // it came to the end
		made[0].Kept = &Kept{}
		r.sharing.streams[key] = sharedFrame{made[0], budget - r.budget}
	}
	return nil
}
