package device

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"

	"github.com/doorstep-sync/doorstep/clients/trust"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Enrolment is what a person gives to make a device known.
type Enrolment struct {
	Centre string       // address, such as https://centre.example
	Code   string       // as typed
	Label  string       // what people call the device
	Client *http.Client // nil = one that waits 20 s
	Trust  trust.Trust  // whom to take for the centre, where the code does not carry its fingerprint
	Lang   string       // language of the centre's refusals; "" = zh-CN
}

// Enrol makes this replica a device of the centre: it makes a key beside the file, proves it to the centre with the
// one-time code, and keeps the identity that the centre gives. A refusal leaves the replica as it was; the key stays
// and serves the next try.
//
// A replica that is enrolled already is refused with CodeEnrolled, unless the centre does not take it for the device that
// it was: it lost its key, was revoked, or the centre was restored from a backup that does not know it yet. Then a code
// for the same person makes it a device again, with all that it has not sent.
func (r *Replica) Enrol(ctx context.Context, e Enrolment) (Identity, error) {
	id, err := r.Identity(ctx)
	if err != nil {
		return id, err
	}
	x, err := r.enrolling(ctx, e, id)
	if err != nil {
		return Identity{}, err
	}
	defer x.done()
	if id.Device != "" {
		return r.enrolAgain(ctx, x, id)
	}
	key, err := makeKey(KeyPath(r.path), r.opts.Rand)
	if err != nil {
		return Identity{}, err
	}
	out, err := x.ask(ctx, key, r.opts.App, nil)
	if err != nil {
		return Identity{}, err
	}
	kept := x.trusted(out.Pins)
	id = Identity{Device: out.Device, Account: out.Account, Centre: e.Centre}
	return id, r.identify(ctx, id, &kept)
}

// enrolling is one enrolment on its way.
type enrolling struct {
	Enrolment
	code   string
	rest   rest
	centre *trust.Centre
	done   func()
}

func (r *Replica) enrolling(ctx context.Context, e Enrolment, id Identity) (*enrolling, error) {
	u, err := centreURL(e.Centre)
	if err != nil {
		return nil, err
	}
	code, print := trust.SplitCode(e.Code)
	switch {
	case print != "":
		e.Trust.Pins = []string{print}
	case id.Device != "" && len(e.Trust.Pins) == 0:
		known, err := r.Trust(ctx)
		if err != nil {
			return nil, err
		}
		e.Trust.Pins, e.Trust.Plain = known.Pins, e.Trust.Plain || known.Plain
	}
	if err := e.Trust.CheckURL(e.Centre); err != nil {
		return nil, unreached(err)
	}
	x := &enrolling{Enrolment: e, code: code, centre: trust.NewCentre(e.Trust), done: func() {}}
	if x.Client == nil {
		x.Client = x.centre.Client(dialFor)
		x.done = x.Client.CloseIdleConnections
	}
	x.rest = rest{base: strings.TrimSuffix(u.String(), "/"), client: x.Client, lang: e.Lang}
	return x, nil
}

// admitted is the centre's answer.
type admitted struct {
	Device  string      `json:"device"`
	Account string      `json:"account"`
	Pins    []string    `json:"pins"`
	Fork    *restForked `json:"fork"`
}

// ask shows the code and the key; again is what the replica was before, nil for a new one.
func (x *enrolling) ask(ctx context.Context, key ed25519.PrivateKey, app string, again any) (out admitted, err error) {
	public := base64url(key.Public().(ed25519.PublicKey))
	in := map[string]any{
		"code": x.code, "public_key": public, "label": x.Label, "app": app,
		"proof": base64url(ed25519.Sign(key, []byte("doorstep-enrol-v1\n"+x.code+"\n"+public+"\n"))),
	}
	if again != nil {
		in["again"] = again
	}
	if err := x.rest.post(ctx, "/v1/enrol", in, &out); err != nil {
		if errors.Is(err, errStranger) {
			return out, recode(CodeNoCentre, err)
		}
		if CodeOf(err) == CodeUnauthorised {
			return out, recode(CodeCodeRefused, err)
		}
		return out, err
	}
	if out.Device == "" || out.Account == "" {
		return out, say(CodeNoCentre, nil)
	}
	return out, nil
}

// trusted is whom to take for the centre from now on: whole, where the code carried its beginning.
func (x *enrolling) trusted(pins []string) trust.Trust {
	kept := x.Trust
	if met := x.centre.Met(); met != "" {
		kept.Pins = []string{met}
		if t, anew := x.centre.Announced(pins); anew {
			kept.Pins = t.Pins
		}
	}
	return kept
}

// enrolAgain makes a replica a device again that the centre does not take for the one it was.
func (r *Replica) enrolAgain(ctx context.Context, x *enrolling, id Identity) (Identity, error) {
	known := &keyTokens{own: r.own, clock: r.opts.Clock, rest: x.rest, centre: x.centre, announced: func(context.Context, []string) {}}
	switch _, err := known.Token(ctx); {
	case err == nil:
		return id, say(CodeEnrolled, nil)
	case errors.Is(err, errStranger):
		return id, recode(CodeNoCentre, err)
	case CodeOf(err) != CodeUnauthorised && CodeOf(err) != CodeKey && CodeOf(err) != CodeRevoked:
		return id, err
	}
	for from := int64(0); ; {
		key, err := makeKey(nextKeyPath(r.path), r.opts.Rand)
		if err != nil {
			return id, err
		}
		past, err := r.past(ctx, from)
		if err != nil {
			return id, err
		}
		out, err := x.ask(ctx, key, r.opts.App, map[string]any{"device": id.Device, "account": id.Account, "past": toRestPast(&past)})
		if err != nil {
			return id, err
		}
		if out.Fork == nil || out.Account != id.Account {
			return id, say(CodeProtocol, errors.New("the centre is too old to enrol a replica again"))
		}
		f, err := out.Fork.forked(out.Device)
		if err != nil {
			return id, err
		}
		if f.From > 0 && (from == 0 || f.From < from) {
			from = f.From
			continue
		}
		if f.From > 0 {
			return id, say(CodeProtocol, errors.New("the centre asks for the same changesets twice"))
		}
		kept := x.trusted(out.Pins)
		now := Identity{Device: out.Device, Account: out.Account, Centre: x.Centre}
		return now, r.becomes(ctx, id.Device, &f, key, func(p *port) error { return p.readmit(now, kept) })
	}
}

// readmit keeps where the centre is, and ends the farewell of a device that was not to synchronise any more.
func (p *port) readmit(id Identity, kept trust.Trust) error {
	ctl, err := p.Control()
	if err != nil {
		return err
	}
	if ctl.Leaving.Retire {
		ctl.Leaving = replica.Leaving{}
		if err := p.PutControl(ctl); err != nil {
			return err
		}
	}
	if err := p.putTrust(kept); err != nil {
		return err
	}
	return p.exec(`UPDATE ds_state SET centre = ?`, id.Centre)
}
