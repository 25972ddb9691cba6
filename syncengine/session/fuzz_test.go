package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/tape"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// FuzzCentre leads a connection through any sequence of messages of a device, of answers of the driver and of time. A
// driver answers what it was asked, once, with what it likes; a device says anything. Whatever they do, what the
// centre's end asks for stays within bounds: see harness.take.
func FuzzCentre(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"))
	f.Add([]byte("\x00\x00\x0c\x00\x0d\x00\x01\x02\x03\x01\x01\x0e\x00\x02\x01\x01\x0c\x01\x0d"))
	f.Add([]byte("\x00\x00\x0c\x03\x01\x04\x0f\x05\x00\x06\x01\x10\x11\x09"))
	// What goes well: Hello, Welcome, a read and its answer, two pushes, Seen, the bell, a commit.
	const (
		hello, opened = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x0c\x00\x00\x00\x00\x00\x00"
		advanced      = "\x00\x0e\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00"
		push, seen    = "\x00\x02\x03\x00\x00\x00\x00\x00\x00", "\x00\x07\x00\x00\x00\x00"
		bell, commit  = "\x00\x09", "\x00\x10\x00\x00"
		retired       = "\x00\x0c\x07\x00\x00"
	)
	for _, s := range []string{
		hello + opened + push + push, hello + opened + advanced + bell + seen + bell + advanced + seen, hello + opened + push + commit + advanced + push + commit,
		hello + retired + push + bell + commit + bell, hello + opened + advanced + bell + bell + "\x03\x0a\x03\x0a\x03\x0a",
		hello + opened + "\x00\x06\x00\x00\x00\x06\x01\x00\x00\x11\x01", hello + hello + opened,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in, h := tape.New(b), &harness{t: t}
		limits := se.DefaultLimits
		limits.Window = 4
		h.c, h.now = NewCentre(limits, 1000), 1000
		for step := 0; in.More() && step < 60; step++ {
			h.step(in)
		}
	})
}

// harness is a driver that watches the centre's end.
type harness struct {
	t      *testing.T
	c      *Centre
	now    int64
	opens  []*Open
	reads  []*Read
	subs   []*Submit
	checks []*Verify
	tells  []*Tell

	greeted bool
	retired bool
	closed  bool
	deltas  int64
	seen    int64
	pushed  int
}

const fuzzDevice = "01941f29-7c00-7000-8000-00000000000a"

// take notes effects, and refuses those that no driver could serve or no device may be sent.
func (h *harness) take(effects []Effect) {
	t := h.t
	require.LessOrEqual(t, len(effects), 40, "one event has no more effects than a part has frames")
	for _, e := range effects {
		require.False(t, h.closed, "%T after Close", e)
		switch e := e.(type) {
		case *Send:
			h.sent(e.Message)
		case *Open:
			h.opens = append(h.opens, e)
			require.Equal(t, fuzzDevice, e.Hello.Device)
		case *Read:
			require.True(t, h.greeted && !h.retired, "rows for who was not welcomed")
			require.LessOrEqual(t, h.deltas, h.seen, "more is read though not all is seen")
			require.Positive(t, e.Request.Budget)
			h.reads = append(h.reads, e)
		case *Submit:
			require.True(t, h.greeted)
			for _, cs := range e.Changesets {
				require.Equal(t, fuzzDevice, cs.Device, "another device's changeset")
			}
			h.pushed += len(e.Changesets)
			require.LessOrEqual(t, h.pushed, 4, "more than the window")
			h.subs = append(h.subs, e)
		case *Verify:
			h.checks = append(h.checks, e)
			require.Len(t, h.checks, 1, "one check at a time")
		case *Tell:
			h.tells = append(h.tells, e)
			require.Equal(t, fuzzDevice, e.Tell.Device)
		case *Close:
			h.closed = true
		}
	}
	require.LessOrEqual(t, len(h.opens)+len(h.reads), 1, "one reading at a time")
}

func (h *harness) sent(m Message) {
	switch m := m.(type) {
	case *Welcome:
		h.greeted = true
	case *Retire:
		h.greeted, h.retired = true, true
	case *Delta:
		h.deltas++
		require.True(h.t, h.greeted && !h.retired)
	case *Notice:
		require.NotEmpty(h.t, m.Text)
		require.NotEmpty(h.t, m.Code)
	default:
		require.True(h.t, h.greeted, "%T before Welcome", m)
	}
}

func (h *harness) step(in *tape.Tape) {
	h.now += int64(in.Below(4)) * 9000
	switch k := in.Below(20); k {
	case 0, 1, 2, 3, 4, 5, 6:
		h.take(h.c.Receive(fuzzMessage(in, k), h.now))
	case 7, 8:
		n := h.deltas
		if in.Flag(6) {
			n = in.Int64(h.deltas, 0)
		}
		h.seen = max(h.seen, min(n, h.deltas))
		h.take(h.c.Receive(&Seen{Frames: n, Epoch: in.Int64(1, 1, 2), Cursor: in.Int64(5, 0, 7), View: in.Text("v", "v", "w")}, h.now))
	case 9:
		h.take(h.c.Bell(h.now))
	case 10:
		h.take(h.c.Tick(h.now))
	case 11:
		h.take(h.c.Delayed())
	case 12, 13:
		h.answerOpen(in)
	case 14, 15:
		h.answerRead(in)
	case 16:
		if len(h.subs) > 0 {
			s := h.subs[0]
			h.subs, h.pushed = h.subs[1:], h.pushed-len(s.Changesets)
			var list []se.Verdict
			for _, cs := range s.Changesets[:len(s.Changesets)-in.Below(2)] {
				list = append(list, se.Verdict{N: cs.N, Kind: se.Accepted})
			}
			h.take(h.c.Committed(len(s.Changesets), list, tape.Of(in, "", "", NoticeGap), "t", h.now))
		}
	case 17:
		if len(h.checks) > 0 {
			h.checks = nil
			h.take(h.c.Verified(make([]se.Repair, in.Below(3))))
		}
	case 18:
		if len(h.tells) > 0 {
			x := h.tells[0]
			h.tells = h.tells[1:]
			h.take(h.c.Recorded(x.Tell, in.Int64(0, h.now), tape.Of(in, "", "", NoticeInternal), "t", h.now))
		}
	case 19:
		require.GreaterOrEqual(h.t, h.c.Due(), int64(0))
		require.Contains(h.t, []string{"", fuzzDevice}, h.c.Device())
	}
}

func (h *harness) answerOpen(in *tape.Tape) {
	if len(h.opens) == 0 {
		return
	}
	h.opens = nil
	switch in.Below(8) {
	case 6:
		h.take(h.c.Opened(nil, NoticeClone, "t", h.now))
	case 7:
		h.take(h.c.Retired(se.Retire{Wipe: in.Flag(2), Done: in.Flag(2)}, h.now))
	default:
		w := &se.Welcome{Epoch: 1, View: in.Text("v", "w"), Reset: in.Flag(3), Drain: in.Flag(6), Receipt: in.Int64(0, 0, 1)}
		if in.Flag(5) {
			w.Lost = []se.Grant{{Scope: "g"}}
		}
		h.take(h.c.Opened(w, "", "", h.now))
	}
}

func (h *harness) answerRead(in *tape.Tape) {
	if len(h.reads) == 0 {
		return
	}
	req := h.reads[0].Request
	h.reads = nil
	if in.Flag(10) {
		h.take(h.c.Advanced(nil, h.now))
		return
	}
	p := &se.Part{View: in.Text(req.View, req.View, "w"), Reset: req.Cursor == se.Base{}, Inbox: req.Inbox + int64(in.Below(2)), Untold: in.Flag(9), Restart: in.Flag(9), Until: tape.Of(in, 0, h.now+1000, 1)}
	for i := range 1 + in.Below(3) {
		d := se.Delta{View: p.View, Reset: p.Reset, Scope: in.Text("", "g", "h")}
		if d.Scope != "" {
			d.Items = make([]se.DeltaItem, i)
		}
		p.Frames = append(p.Frames, d)
	}
	last := &p.Frames[len(p.Frames)-1]
	if last.Done = !in.Flag(3); last.Done {
		last.To = se.Base{Epoch: 1, Seq: int64(in.Below(9))}
	}
	if in.Flag(3) {
		p.Messages = []se.Message{{Number: p.Inbox}}
		p.Manifests = []*se.Manifest{{ID: in.Text("s1", "s2"), Scope: "g"}}
	}
	h.take(h.c.Advanced(p, h.now))
}

func fuzzMessage(in *tape.Tape, k int) Message {
	switch k {
	case 0, 1:
		if in.Flag(4) {
			return tape.Of[Message](in, &Welcome{}, &Verdicts{}, &Delta{}, &Manifest{}, &Inbox{}, &Notice{}, &Retire{}, &Repair{})
		}
		h := se.Hello{Device: fuzzDevice, Epoch: in.Int64(1, 0), Cursor: in.Int64(5, 0), View: in.Text("v", ""), LastN: in.Int64(3, 0), Inbox: in.Int64(0), Wall: in.Int64(1000), Mono: in.Int64(0)}
		if in.Flag(3) {
			h.Staged, h.StagedView, h.StagedReset = []se.StagedScope{{Scope: "g", Read: in.Int64(1)}}, in.Text("v"), in.Flag(2)
		}
		return &Hello{h}
	case 2, 3:
		p := &Push{}
		for i := range in.Below(5) {
			p.Changesets = append(p.Changesets, &se.Changeset{Device: fuzzDevice, N: in.Int64(4+int64(i), 1)})
			if in.Flag(20) {
				p.Changesets[i].Device = in.Text("other")
			}
		}
		return p
	case 4:
		return &Drain{se.Drain{View: in.Text("v"), N: in.Int64(3, 4)}}
	case 5:
		return &Purged{se.Purged{View: in.Text("v"), N: in.Int64(3, 4)}}
	}
	c := se.Check{Number: in.Int64(1, 2, 3)}
	if in.Flag(3) {
		c.Report = &se.CheckReport{}
	}
	return &Check{c}
}
