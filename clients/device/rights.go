package device

import (
	"fmt"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// allowed refuses what the person's roles may not write (replica.Forbidden), with the sentence that the centre's refusal
// would have.
func (p *port) allowed(ctl *replica.Control, cs *se.Changeset) error {
	why, err := replica.Forbidden(p, p.schema, ctl, cs)
	if err != nil || why == nil {
		return err
	}
	out := say(CodeNoRight, fmt.Errorf("%s %s", why.Table, why.Rule))
	out.Label = Explain(p.schema, se.Rejected, why)
	return out
}
