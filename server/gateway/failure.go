package gateway

import (
	"errors"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// failures maps the centre's errors to what the device is told. Whatever is not here is internal: come back later.
var failures = []struct {
	err  error
	code session.NoticeCode
	text string
}{
	{se.ErrGap, session.NoticeGap, "a changeset before this one is missing; say Hello again and send from the last n that Welcome names"},
	{se.ErrClone, session.NoticeClone, "another changeset of this device has this n: the replica is a copy, or was put back to an older state; ask your supervisor to enrol it anew"},
	{se.ErrQuota, session.NoticeQuota, "too many changesets of this device were refused or wait for a decision; nothing is lost, they stay on the device until the supervisor has dealt with those"},
	{se.ErrRevoked, session.NoticeRevoked, "this device may not synchronise any more; ask your supervisor"},
	{se.ErrUnconfirmed, session.NoticeRestored, "the centre was restored from a backup, and an administrator has to confirm who may do what before phones are served; nothing is lost, this device comes back by itself"},
	{se.ErrBadProof, session.NoticeProof, "what this device holds was not made by this centre; nothing is lost: ask the operator to look, who tells you to take a fresh copy (doorstep sync --fresh)"},
	{se.ErrUnknownDevice, session.NoticeUnauthorised, "the centre does not know this device; enrol it"},
}

// failure gives the code and sentence for an error of the centre.
func failure(err error) (session.NoticeCode, string) {
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.code, f.text
		}
	}
	return session.NoticeInternal, "the centre could not do it now; nothing is lost, come back later"
}
