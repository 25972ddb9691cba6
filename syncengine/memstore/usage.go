package memstore

import "github.com/doorstep-sync/doorstep/syncengine"

func (t *readTx) Refused(device string, since int64) (syncengine.Usage, error) {
	u := t.state.refused[device]
	for id, q := range t.state.quar {
		if id.Device == device && q.Closed && q.Outcome == syncengine.SettledRetried && q.Received >= since {
			u.Changesets, u.Bytes = u.Changesets+1, u.Bytes+q.Size()
		}
	}
	return u, nil
}

func (t *readTx) ScopeRows(scope string) (int64, error) { return t.state.scopeRows[scope], nil }

func (t *tx) countScope(scope string, more int64) {
	st := t.state
	st.scopeRows[scope] += more
	t.undo = append(t.undo, func() { st.scopeRows[scope] -= more })
}

// use counts an open quarantined changeset in, or out with sign -1.
func (t *tx) use(q *syncengine.Quarantined, sign int) {
	if q == nil || q.Closed {
		return
	}
	st, old := t.state, t.state.refused[q.Device]
	st.refused[q.Device] = syncengine.Usage{Changesets: old.Changesets + sign, Bytes: old.Bytes + int64(sign)*q.Size()}
	t.undo = append(t.undo, func() { st.refused[q.Device] = old })
}
