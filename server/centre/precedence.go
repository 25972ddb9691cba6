package centre

import (
	"sync"
	"time"
)

// precedence lets commits go first. What is read for those who listen can wait a little, and the longer it does the more of
// them is in it: a frame that tells of ten commits costs as much as one that tells of one. A commit that has to wait its
// turn behind hundreds who listen makes hundreds of such frames instead.
type precedence struct {
	mu    sync.Mutex
	under int           // submissions whose verdicts are not there yet; guarded by mu
	none  chan struct{} // closed when there are none any more; nil: there are none. Guarded by mu
}

// yields is how long who reads waits for those who write, at most: where somebody always writes, others hear of it all the
// same.
const yields = 10 * time.Millisecond

// enter says that somebody wants a verdict; leave that he has it.
func (p *precedence) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.under++; p.none == nil {
		p.none = make(chan struct{})
	}
}

func (p *precedence) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.under--; p.under == 0 {
		close(p.none)
		p.none = nil
	}
}

// wait returns when nobody wants a verdict, or has waited long enough.
func (p *precedence) wait() {
	p.mu.Lock()
	none := p.none
	p.mu.Unlock()
	if none == nil {
		return
	}
	enough := time.NewTimer(yields)
	defer enough.Stop()
	select {
	case <-none:
	case <-enough.C:
	}
}
