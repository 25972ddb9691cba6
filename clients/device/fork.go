package device

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// Forker is a Remote that can ask the centre to make a device of its own of a copied replica.
type Forker interface {
	// Fork asks once. The answer's From may say that more has to be told. An error with CodeRefused and ErrKeyTaken asks for
	// another key; others that are not to be retried are the centre's last word.
	Fork(ctx context.Context, ask ForkRequest) (se.Forked, error)
}

// ForkRequest is what a copy says of itself.
type ForkRequest struct {
	Device string             // that it was until now
	Key    ed25519.PrivateKey // of the device that it is to become
	App    string
	At     se.CopyAt
	Claims []se.Claim
}

// ErrKeyTaken says that another copy has become a device with this key.
var ErrKeyTaken = errors.New("device: this key belongs to another device")

// maxForks is how often a replica may become another device before a conversation goes well.
const maxForks = 4

// apart makes a copied replica a device of its own, and tells what it is since. was is the device that the failed
// conversation was with: if the replica is another one by now, nothing is left to do. The centre's refusal leaves the
// replica as it is.
func (r *Replica) apart(ctx context.Context, remote Remote, was string, why error) (*Became, error) {
	id, err := r.Identity(ctx)
	if err != nil || id.Device != was {
		return nil, err
	}
	f, ok := remote.(Forker)
	if !ok {
		return nil, why
	}
	if err = r.fork(ctx, f, was); err == nil {
		list, err := r.Forks(ctx)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		r.opts.Log.Warn().Str("device", list[0].Device).Str("parent", was).Int64("fork", list[0].Fork).Msg("this replica was copied or put back; it is a device of its own now")
		return &list[0], nil
	}
	var e *Error
	if ctx.Err() != nil || errors.As(err, &e) && e.Retry {
		return nil, err
	}
	return nil, say(CodeClone, errors.Join(why, err))
}

// fork asks until the centre knows enough of this copy's past. The new key is on the disk before it is used, and asking
// again with it gets the same answer: a cut anywhere is taken up again.
func (r *Replica) fork(ctx context.Context, f Forker, was string) error {
	if err := r.swapKey(ctx); err != nil {
		return err
	}
	from := int64(0)
	for try := 0; ; try++ {
		key, err := makeKey(nextKeyPath(r.path), r.opts.Rand)
		if err != nil {
			return err
		}
		ask, err := r.past(ctx, from)
		if err != nil {
			return err
		}
		ask.Key = key
		out, err := f.Fork(ctx, ask)
		switch {
		case errors.Is(err, ErrKeyTaken) && try < maxForks: // the files were copied with the key in them
			if err := os.Remove(nextKeyPath(r.path)); err != nil {
				return say(CodeKey, err)
			}
		case err != nil:
			return err
		case out.From > 0 && (from == 0 || out.From < from):
			from = out.From
		case out.From > 0:
			return say(CodeProtocol, fmt.Errorf("the centre asks for changeset %d twice", out.From))
		default:
			return r.becomes(ctx, was, &out, key, nil)
		}
	}
}

// past tells what this copy knows of its changesets, from n on or, for 0, from the newest one with a verdict.
func (r *Replica) past(ctx context.Context, from int64) (ask ForkRequest, err error) {
	list, err := r.Forks(ctx)
	if err != nil {
		return ask, err
	}
	err = r.transact(ctx, func(p *port) error {
		ctl, err := p.Control()
		if err != nil {
			return err
		}
		ask = ForkRequest{Device: ctl.Device, App: r.opts.App, At: se.CopyAt{Epoch: ctl.Epoch, Inbox: ctl.Inbox}}
		ask.At.Before = before(list, ctl.Device)
		ask.Claims, err = replica.Claims(p, from)
		return err
	})
	return ask, err
}

// maxBefore is how many of the devices that it was a replica tells of.
const maxBefore = 64

// before gives what a device was before, the nearest first.
func before(list []Became, device string) (out []se.WriteID) {
	for _, b := range list {
		if b.Device == device && len(out) < maxBefore {
			out, device = append(out, se.WriteID{Device: b.Parent, N: b.Fork}), b.Parent
		}
	}
	return out
}

// The centre's REST interface speaks of it so.
type (
	restPast struct {
		Epoch  int64  `json:"epoch"`
		Inbox  int64  `json:"inbox"`
		From   int64  `json:"from"`
		Hashes string `json:"hashes"`

		Before []restWas `json:"before,omitempty"`
	}
	restWas struct {
		Device string `json:"device"`
		N      int64  `json:"n"`
	}
	restForked struct {
		Fork     int64  `json:"fork"`
		Hash     string `json:"hash"`
		Verdicts string `json:"verdicts"`
		From     int64  `json:"from"`
	}
)

func toRestPast(ask *ForkRequest) restPast {
	out := restPast{Epoch: ask.At.Epoch, Inbox: ask.At.Inbox}
	var b []byte
	for i, c := range ask.Claims {
		if i == 0 {
			out.From = c.N
		}
		b = append(b, c.Hash[:]...)
	}
	out.Hashes = base64url(b)
	for _, was := range ask.At.Before {
		out.Before = append(out.Before, restWas{was.Device, was.N})
	}
	return out
}

// forked reads the centre's answer.
func (f *restForked) forked(device string) (out se.Forked, err error) {
	out = se.Forked{Device: device, Fork: f.Fork, From: f.From}
	hash, err := base64.RawURLEncoding.DecodeString(f.Hash)
	if err != nil || len(hash) != 0 && len(hash) != len(out.Hash) || f.Fork < 0 || f.From < 0 || device == "" {
		return out, say(CodeProtocol, errors.New("fork: the answer makes no sense"))
	}
	copy(out.Hash[:], hash)
	if f.Verdicts == "" {
		return out, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(f.Verdicts)
	if err != nil {
		return out, say(CodeProtocol, err)
	}
	m, err := wire.Unmarshal(text, wire.Binary, se.DefaultLimits)
	if err != nil {
		return out, say(CodeProtocol, err)
	}
	v, ok := m.(*session.Verdicts)
	if !ok {
		return out, say(CodeProtocol, errors.New("fork: the answer holds no verdicts"))
	}
	out.Verdicts = v.Verdicts
	return out, nil
}

// Fork implements Forker with the key that the replica has as the device it was.
func (k *keyTokens) Fork(ctx context.Context, ask ForkRequest) (se.Forked, error) {
	device, key, err := k.own(ctx)
	if err != nil {
		return se.Forked{}, err
	}
	if device != ask.Device {
		return se.Forked{}, fmt.Errorf("device: asked as %s and is %s", ask.Device, device)
	}
	challenge, err := k.challenge(ctx, device)
	if err != nil {
		return se.Forked{}, err
	}
	public := base64url(ask.Key.Public().(ed25519.PublicKey))
	text := []byte("doorstep-fork-v1\n" + device + "\n" + challenge + "\n" + public + "\n")
	in := map[string]any{
		"device": device, "challenge": challenge, "signature": base64url(ed25519.Sign(key, text)), "public_key": public,
		"proof": base64url(ed25519.Sign(ask.Key, text)), "app": ask.App, "past": toRestPast(&ask),
	}
	var out struct {
		Device string     `json:"device"`
		Fork   restForked `json:"fork"`
	}
	if err := k.rest.post(ctx, "/v1/devices/fork", in, &out); err != nil {
		return se.Forked{}, err
	}
	return out.Fork.forked(out.Device)
}

// Fork implements Forker where the tokens do.
func (w *webSocket) Fork(ctx context.Context, ask ForkRequest) (se.Forked, error) {
	f, ok := w.tokens.(Forker)
	if !ok {
		return se.Forked{}, say(CodeRefused, errors.New("the tokens of this connection come from elsewhere"))
	}
	return f.Fork(ctx, ask)
}
