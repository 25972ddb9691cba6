package api

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// Forker makes devices of copied replicas in the engine; server/centre is one.
type Forker interface {
	Fork(parent, device string, claims []syncengine.Claim, at syncengine.CopyAt) (syncengine.Forked, error)
}

// maxPast bounds the body of a request that tells a replica's past: 32 bytes for each changeset that has no verdict yet.
const maxPast = 6 << 20

// Past is what a replica knows of its own changesets, for the centre to find where it parts from another copy.
type Past struct {
	Epoch  int64  `json:"epoch" minimum:"0" doc:"Of its cursor."`
	Inbox  int64  `json:"inbox" minimum:"0" doc:"Number of the last message of the inbox that it has."`
	From   int64  `json:"from" minimum:"0" doc:"n of the first hash; 0 for none."`
	Before []Was  `json:"before,omitempty" maxItems:"64" doc:"What its replica was before that, the nearest first: a centre that was restored may not know the device any more, and know one of these."`
	Hashes string `json:"hashes" maxLength:"5600000" doc:"Hashes of its changesets from there to its newest one, 32 bytes each, in base64url without padding: from the newest one with a verdict on."`
}

// Was is a device that a replica was.
type Was struct {
	Device string `json:"device" maxLength:"36"`
	N      int64  `json:"n" minimum:"0" doc:"Up to this number its changesets are those of that device."`
}

// Forked is where a copy parts from the device that it was.
type Forked struct {
	Fork     int64  `json:"fork" doc:"n up to which the changesets of the device before are its own past. It goes on numbering after it, and chains what it has beyond it anew under its new id."`
	Hash     string `json:"hash" doc:"Hash (base64url) of that changeset; absent for none."`
	Verdicts string `json:"verdicts,omitempty" doc:"Verdicts on the hashes up to the fork: the message Verdicts of doorstep.v1 in Protobuf, base64url."`
	From     int64  `json:"from,omitempty" doc:"Not 0: nothing was done yet; ask again with hashes from this n on."`
}

// Copy is a device made of a copied replica.
type Copy struct {
	Device  string   `json:"device" doc:"Its id from now on."`
	Account string   `json:"account"`
	Schema  int      `json:"schema" doc:"Version of the centre's declarations."`
	Fork    Forked   `json:"fork"`
	Pins    []string `json:"pins,omitempty" doc:"As in a session."`
}

type forkInput struct {
	Body struct {
		Device    string `json:"device" maxLength:"36" doc:"The device that the replica was until now."`
		Challenge string `json:"challenge" maxLength:"128"`
		Signature string `json:"signature" maxLength:"128" doc:"Signature (base64url) with that device's key over the UTF-8 text 'doorstep-fork-v1\\n' + device + '\\n' + challenge + '\\n' + public_key + '\\n'."`
		PublicKey string `json:"public_key" maxLength:"64" doc:"A new Ed25519 public key, 32 bytes in base64url without padding."`
		Proof     string `json:"proof" maxLength:"128" doc:"Signature with the new key over the same text."`
		App       string `json:"app,omitempty" maxLength:"100"`
		Past      Past   `json:"past"`
	}
}

func (a *API) forkRoutes() {
	route(a, "device-fork", "POST", "/v1/devices/fork", anybody,
		"Make a copied replica a device of its own; the same new key gets the same device again", a.fork, made,
		func(op *huma.Operation) { op.MaxBodyBytes = maxPast })
}

func (a *API) fork(ctx context.Context, in *forkInput) (*struct{ Body Copy }, error) {
	b := &in.Body
	claims, err := b.Past.claims()
	if err != nil {
		return nil, err
	}
	v, err := a.Auth.Fork(ctx, address(ctx), auth.Copy{Device: b.Device, Challenge: b.Challenge, Signature: b.Signature, PublicKey: b.PublicKey, Proof: b.Proof, App: b.App})
	if err != nil {
		return nil, err
	}
	f, err := a.parted(b.Device, v.ID, claims, &b.Past)
	if err != nil {
		return nil, err
	}
	if f.From == 0 {
		a.Log.Warn().Str("device", v.ID).Str("parent", b.Device).Int64("fork", f.Fork).Msg("a copied replica is a device of its own now")
	}
	return &struct{ Body Copy }{Copy{v.ID, v.Account, a.Schema.Version, *f, a.pins()}}, nil
}

// parted lets the engine find the fork, and makes the device there.
func (a *API) parted(parent, device string, claims []syncengine.Claim, past *Past) (*Forked, error) {
	at := syncengine.CopyAt{Epoch: past.Epoch, Inbox: past.Inbox}
	for _, was := range past.Before {
		at.Before = append(at.Before, syncengine.WriteID{Device: was.Device, N: was.N})
	}
	f, err := a.Forker.Fork(parent, device, claims, at)
	switch {
	case errors.Is(err, syncengine.ErrClone):
		return nil, messages.Refuse(messages.ForkKeyTaken).Because(err)
	case errors.Is(err, syncengine.ErrUnconfirmed):
		return nil, messages.Refuse(messages.Unconfirmed).Because(err)
	case err != nil:
		return nil, err
	}
	out := &Forked{Fork: f.Fork, From: f.From}
	if !f.Hash.IsZero() {
		out.Hash = base64.RawURLEncoding.EncodeToString(f.Hash[:])
	}
	if len(f.Verdicts) > 0 {
		text, err := wire.Marshal(&session.Verdicts{Verdicts: f.Verdicts}, wire.Binary)
		if err != nil {
			return nil, err
		}
		out.Verdicts = base64.RawURLEncoding.EncodeToString(text)
	}
	return out, nil
}

// claims reads the hashes.
func (p *Past) claims() ([]syncengine.Claim, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(p.Hashes)
	const size = len(syncengine.Hash{})
	if err != nil || len(text)%size != 0 || (p.From == 0) != (len(text) == 0) {
		return nil, messages.Refuse(messages.BadField, "past.hashes", messages.Say(messages.HashesForm))
	}
	out := make([]syncengine.Claim, len(text)/size)
	for i := range out {
		out[i].N = p.From + int64(i)
		copy(out[i].Hash[:], text[i*size:])
	}
	return out, nil
}
