package wire

import (
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

func toWire(m session.Message) (*Envelope, error) {
	switch m := m.(type) {
	case *session.Hello:
		return &Envelope{Message: &Envelope_Hello{helloToWire(&m.Hello)}}, nil
	case *session.Welcome:
		return &Envelope{Message: &Envelope_Welcome{welcomeToWire(&m.Welcome)}}, nil
	case *session.Push:
		p := &Push{}
		for _, cs := range m.Changesets {
			x, err := changesetToWire(cs)
			if err != nil {
				return nil, err
			}
			p.Changesets = append(p.Changesets, x)
		}
		return &Envelope{Message: &Envelope_Push{p}}, nil
	case *session.Verdicts:
		p, err := verdictsToWire(m.Verdicts)
		return &Envelope{Message: &Envelope_Verdicts{p}}, err
	case *session.Delta:
		p, err := deltaToWire(&m.Delta)
		return &Envelope{Message: &Envelope_Delta{p}}, err
	case *session.Manifest:
		return &Envelope{Message: &Envelope_Manifest{manifestToWire(&m.Manifest)}}, nil
	case *session.Inbox:
		return &Envelope{Message: &Envelope_Inbox{inboxToWire(m.Messages)}}, nil
	case *session.Seen:
		return &Envelope{Message: &Envelope_Seen{&Seen{
			Frames: m.Frames, Epoch: m.Epoch, Cursor: m.Cursor, View: m.View, Inbox: m.Inbox, Acked: m.Acked,
		}}}, nil
	case *session.Notice:
		return &Envelope{Message: &Envelope_Notice{&Notice{Code: string(m.Code), Text: m.Text, Close: m.Close}}}, nil
	case *session.Check:
		return &Envelope{Message: &Envelope_Check{checkToWire(&m.Check)}}, nil
	case *session.Repair:
		p, err := repairToWire(&m.Repair)
		return &Envelope{Message: &Envelope_Repair{p}}, err
	}
	return grantsToWire(m)
}

func fromWire(e *Envelope, limits se.Limits) (session.Message, error) {
	switch m := e.GetMessage().(type) {
	case *Envelope_Hello:
		return under("hello", m.Hello, helloFromWire)
	case *Envelope_Welcome:
		return under("welcome", m.Welcome, welcomeFromWire)
	case *Envelope_Push:
		return under("push", m.Push, func(p *Push) (session.Message, error) { return pushFromWire(p, limits) })
	case *Envelope_Verdicts:
		return under("verdicts", m.Verdicts, verdictsFromWire)
	case *Envelope_Delta:
		return under("delta", m.Delta, deltaFromWire)
	case *Envelope_Manifest:
		return under("manifest", m.Manifest, manifestFromWire)
	case *Envelope_Inbox:
		return under("inbox", m.Inbox, inboxFromWire)
	case *Envelope_Seen:
		return under("seen", m.Seen, seenFromWire)
	case *Envelope_Notice:
		return under("notice", m.Notice, noticeFromWire)
	case *Envelope_Drain:
		return under("drain", m.Drain, drainFromWire)
	case *Envelope_Purged:
		return under("purged", m.Purged, purgedFromWire)
	case *Envelope_Retire:
		return &session.Retire{Retire: se.Retire{Wipe: m.Retire.GetWipe()}}, nil
	case *Envelope_Check:
		return under("check", m.Check, checkFromWire)
	case *Envelope_Repair:
		return under("repair", m.Repair, repairFromWire)
	}
	return nil, &Error{Problem: "holds none of hello, welcome, push, verdicts, delta, manifest, inbox, seen, notice, drain, purged, retire, check, repair; send one of them"}
}

// under reads one kind of message and names it in the path of what is wrong.
func under[P any](name string, p P, read func(P) (session.Message, error)) (session.Message, error) {
	m, err := read(p)
	if err != nil {
		return nil, within(name, err)
	}
	return m, nil
}

func pushFromWire(p *Push, limits se.Limits) (session.Message, error) {
	list := p.GetChangesets()
	if len(list) == 0 {
		return nil, &Error{Path: "changesets", Problem: "is empty; send at least one"}
	}
	if len(list) > limits.Window {
		return nil, &Error{Path: "changesets", Problem: "holds more than the window that Welcome named; wait for Verdicts", TooLarge: true}
	}
	m := &session.Push{}
	for i, x := range list {
		cs, err := changesetFromWire(x)
		if err != nil {
			return nil, within(item("changesets", i), err)
		}
		m.Changesets = append(m.Changesets, cs)
	}
	return m, nil
}

func helloToWire(h *se.Hello) *Hello {
	return &Hello{
		Device: h.Device, Token: h.Token, App: h.App, Schema: int32(h.Schema), Epoch: h.Epoch, Cursor: h.Cursor,
		View: h.View, Staged: stagedToWire(h.Staged), StagedView: h.StagedView, StagedReset: h.StagedReset,
		LastN: h.LastN, LastHash: hashToWire(h.LastHash), Acked: h.Acked, Inbox: h.Inbox,
		Wall: h.Wall, Boot: h.Boot, Mono: h.Mono, Hlc: uint64(h.HLC),
		History: hashToWire(h.History), Mac: hashToWire(h.MAC),
		Unpacks: h.Unpacks, Waiting: h.Waiting, Oldest: h.Oldest, FreeBytes: h.FreeBytes, Checked: h.Checked, Repaired: h.Repaired,
	}
}

func helloFromWire(p *Hello) (session.Message, error) {
	var c checks
	h := se.Hello{
		Device:      c.uuid("device", p.GetDevice()),
		Token:       c.text("token", p.GetToken(), maxToken),
		App:         c.text("app", p.GetApp(), maxName),
		Schema:      int(c.count("schema", int64(p.GetSchema()))),
		Epoch:       c.count("epoch", p.GetEpoch()),
		Cursor:      c.count("cursor", p.GetCursor()),
		View:        c.text("view", p.GetView(), maxName),
		Staged:      c.staged("staged", p.GetStaged()),
		StagedView:  c.text("stagedView", p.GetStagedView(), maxName),
		StagedReset: p.GetStagedReset(),
		LastN:       c.count("lastN", p.GetLastN()),
		LastHash:    c.hash("lastHash", p.GetLastHash()),
		Acked:       c.count("acked", p.GetAcked()),
		Inbox:       c.count("inbox", p.GetInbox()),
		Wall:        p.GetWall(),
		Boot:        c.text("boot", p.GetBoot(), maxName),
		Mono:        p.GetMono(),
		HLC:         hlc.Timestamp(p.GetHlc()),
		Unpacks:     c.names("unpacks", p.GetUnpacks()),
		History:     c.hash("history", p.GetHistory()),
		MAC:         c.hash("mac", p.GetMac()),
		Waiting:     c.count("waiting", p.GetWaiting()),
		Oldest:      c.count("oldest", p.GetOldest()),
		FreeBytes:   c.count("freeBytes", p.GetFreeBytes()),
		Checked:     c.count("checked", p.GetChecked()),
		Repaired:    c.count("repaired", p.GetRepaired()),
	}
	if h.Acked > h.LastN {
		c.fail("acked", "is above lastN; no verdict can be here for what was not made")
	}
	return &session.Hello{Hello: h}, c.err
}

func welcomeToWire(w *se.Welcome) *Welcome {
	p := &Welcome{
		Epoch: w.Epoch, Head: w.Head, Time: w.Time, View: w.View, Reset_: w.Reset, LastN: w.LastN, Hash: hashToWire(w.Hash),
		Schema: int32(w.Schema), Hlc: uint64(w.HLC), Floor: w.Floor, Checks: w.Checks, Anew: w.Anew, Limits: &Limits{
			MaxChangeset: int64(w.Limits.MaxChangeset), MaxChanges: int64(w.Limits.MaxChanges),
			MaxFrame: int64(w.Limits.MaxFrame), Window: int64(w.Limits.Window),
		},
	}
	if w.Minimum != (se.Minimum{}) {
		p.Minimum = &Minimum{Schema: int32(w.Minimum.Schema), App: w.Minimum.App, From: w.Minimum.From}
	}
	p.DrainOnly = w.Drain
	p.Grants, p.Lost, p.Lease, p.Receipt = grantListToWire(w.Grants), grantListToWire(w.Lost), w.Lease, w.Receipt
	for i := range w.Keys {
		p.Keys = append(p.Keys, keyToWire(&w.Keys[i]))
	}
	return p
}

func welcomeFromWire(p *Welcome) (session.Message, error) {
	var c checks
	w := se.Welcome{
		Epoch:  c.count("epoch", p.GetEpoch()),
		Head:   c.count("head", p.GetHead()),
		Time:   p.GetTime(),
		View:   c.text("view", p.GetView(), maxName),
		Reset:  p.GetReset_(),
		LastN:  c.count("lastN", p.GetLastN()),
		Hash:   c.hash("hash", p.GetHash()),
		Schema: int(c.count("schema", int64(p.GetSchema()))),
		HLC:    hlc.Timestamp(p.GetHlc()),
		Floor:  c.count("floor", p.GetFloor()),
		Checks: p.GetChecks(),
		Anew:   c.count("anew", p.GetAnew()),
		Limits: se.Limits{
			MaxChangeset: c.size("limits.maxChangeset", p.GetLimits().GetMaxChangeset()),
			MaxChanges:   c.size("limits.maxChanges", p.GetLimits().GetMaxChanges()),
			MaxFrame:     c.size("limits.maxFrame", p.GetLimits().GetMaxFrame()),
			Window:       c.size("limits.window", p.GetLimits().GetWindow()),
		},
	}
	w.Minimum = se.Minimum{
		Schema: int(c.count("minimum.schema", int64(p.GetMinimum().GetSchema()))),
		App:    c.text("minimum.app", p.GetMinimum().GetApp(), maxName),
		From:   p.GetMinimum().GetFrom(),
	}
	w.Drain = p.GetDrainOnly()
	w.Grants, w.Lost = c.grants("grants", p.GetGrants()), c.grants("lost", p.GetLost())
	w.Lease, w.Receipt = c.count("lease", p.GetLease()), c.count("receipt", p.GetReceipt())
	w.Keys = c.keys("keys", p.GetKeys())
	return &session.Welcome{Welcome: w}, c.err
}

func seenFromWire(p *Seen) (session.Message, error) {
	var c checks
	return &session.Seen{
		Frames: c.count("frames", p.GetFrames()),
		Epoch:  c.count("epoch", p.GetEpoch()),
		Cursor: c.count("cursor", p.GetCursor()),
		View:   c.text("view", p.GetView(), maxName),
		Inbox:  c.count("inbox", p.GetInbox()),
		Acked:  c.count("acked", p.GetAcked()),
	}, c.err
}

func noticeFromWire(p *Notice) (session.Message, error) {
	var c checks
	return &session.Notice{
		Code:  session.NoticeCode(c.name("code", p.GetCode())),
		Text:  c.text("text", p.GetText(), maxText),
		Close: p.GetClose(),
	}, c.err
}
