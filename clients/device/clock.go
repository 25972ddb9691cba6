package device

import (
	"time"

	"github.com/google/uuid"

	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// startClock counts from the start of the program: good enough to order what one run wrote, and honest about it,
// for another run has another id.
type startClock struct {
	id    string
	start time.Time
}

func sinceStart() Clock { return startClock{id: uuid.NewString(), start: time.Now()} } //nolint:forbidigo // the default of Options.Clock

func (c startClock) Read() replica.Clock {
	now := time.Now() //nolint:forbidigo // the default of Options.Clock
	return replica.Clock{Wall: now.UnixMilli(), Boot: c.id, Mono: now.Sub(c.start).Milliseconds()}
}
