package wire

import (
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// grantsToWire writes the messages about grants that ended.
func grantsToWire(m session.Message) (*Envelope, error) {
	switch m := m.(type) {
	case *session.Drain:
		return &Envelope{Message: &Envelope_Drain{&Drain{View: m.View, N: m.N}}}, nil
	case *session.Purged:
		return &Envelope{Message: &Envelope_Purged{&Purged{View: m.View, N: m.N}}}, nil
	case *session.Retire:
		return &Envelope{Message: &Envelope_Retire{&Retire{Wipe: m.Wipe}}}, nil
	}
	return nil, errNoMessage
}

func drainFromWire(p *Drain) (session.Message, error) {
	var c checks
	d := se.Drain{View: c.text("view", p.GetView(), maxName), N: c.count("n", p.GetN())}
	return &session.Drain{Drain: d}, c.err
}

func purgedFromWire(p *Purged) (session.Message, error) {
	var c checks
	d := se.Purged{View: c.text("view", p.GetView(), maxName), N: c.count("n", p.GetN())}
	return &session.Purged{Purged: d}, c.err
}

func grantListToWire(list []se.Grant) (out []*Grant) {
	for _, g := range list {
		out = append(out, &Grant{
			Scope: g.Scope, Name: g.Name, Role: g.Role, Doors: g.Doors, From: g.From, To: g.To, Level: string(g.Level), Offline: g.Offline,
		})
	}
	return out
}

func (c *checks) grants(name string, list []*Grant) (out []se.Grant) {
	for i, g := range list {
		grant, err := grantFromWire(g)
		c.at(name, i, err)
		out = append(out, grant)
	}
	return out
}

func grantFromWire(p *Grant) (se.Grant, error) {
	var c checks
	return se.Grant{
		Scope:   c.name("scope", p.GetScope()),
		Name:    c.text("name", p.GetName(), maxName),
		Role:    c.name("role", p.GetRole()),
		Doors:   c.names("doors", p.GetDoors()),
		From:    p.GetFrom(),
		To:      p.GetTo(),
		Level:   schema.Level(c.text("level", p.GetLevel(), maxName)),
		Offline: c.count("offline", p.GetOffline()),
	}, c.err
}
