package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// Whatever a message holds, both formats bring it back as it was, and its bytes are the same every time.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := message.Draw(t, "message")
		for _, f := range []wire.Format{wire.Binary, wire.JSON} {
			b, err := wire.Marshal(m, f)
			require.NoError(t, err)
			back, err := wire.Unmarshal(b, f, se.DefaultLimits)
			require.NoError(t, err, "%s", b)
			require.Equal(t, m, back)
			again, err := wire.Marshal(back, f)
			require.NoError(t, err)
			require.Equal(t, b, again)
		}
	})
}

// A store gets back a changeset with the same canonical bytes, so the same hash.
func TestChangesetRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cs := changeset.Draw(t, "changeset")
		b, err := wire.MarshalChangeset(cs)
		require.NoError(t, err)
		back, err := wire.UnmarshalChangeset(b)
		require.NoError(t, err)
		require.Equal(t, cs, back)
		require.Equal(t, cs.Canonical(), back.Canonical())
	})
}

func TestMarshalRefusesWhatNobodyCouldRead(t *testing.T) {
	cs := func(c se.Change) session.Message {
		return &session.Push{Changesets: []*se.Changeset{{Device: device, N: 1, Changes: []se.Change{c}}}}
	}
	for what, m := range map[string]session.Message{
		"op":          cs(se.Change{Table: "visit", Row: row}),
		"no values":   cs(se.Change{Table: "visit", Row: row, Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "note", Values: nothing}}}),
		"not UTF-8":   cs(se.Change{Table: "vi\xffsit", Row: row, Op: se.OpDelete}),
		"verdict":     &session.Verdicts{Verdicts: []se.Verdict{{N: 1}}},
		"delta item":  &session.Delta{Delta: se.Delta{Scope: "g", Items: []se.DeltaItem{{Table: "visit", Row: row}}}},
		"nil message": nil,
	} {
		for _, f := range []wire.Format{wire.Binary, wire.JSON} {
			_, err := wire.Marshal(m, f)
			require.Error(t, err, what)
		}
	}
}

func TestSubprotocols(t *testing.T) {
	for _, f := range []wire.Format{wire.Binary, wire.JSON} {
		back, ok := wire.FormatOf(f.Subprotocol())
		require.True(t, ok)
		require.Equal(t, f, back)
	}
	_, ok := wire.FormatOf("doorstep.v2")
	require.False(t, ok)
}

// Each notice that can close has a close code of its own, and a device that lost the notice learns it from the code.
func TestCloseCodes(t *testing.T) {
	for _, code := range []session.NoticeCode{
		session.NoticeProtocol, session.NoticeTooLarge, session.NoticeUnauthorised, session.NoticeRevoked, session.NoticeClone,
		session.NoticeGap, session.NoticeStopping, session.NoticeInternal, session.NoticeTimeout,
	} {
		require.Equal(t, code, wire.NoticeOf(wire.CloseCode(code)), code)
	}
	require.Equal(t, session.NoticeProtocol, wire.NoticeOf(wire.CloseKind))
	require.Equal(t, session.NoticeProtocol, wire.NoticeOf(wire.CloseMalformed))
	require.True(t, wire.NoticeOf(1006).Retry())
}
