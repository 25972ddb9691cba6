package device

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"

	"github.com/doorstep-sync/doorstep/clients/trust"
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
func (r *Replica) Enrol(ctx context.Context, e Enrolment) (Identity, error) {
	if id, err := r.Identity(ctx); err != nil {
		return id, err
	} else if id.Device != "" {
		return id, say(CodeEnrolled, nil)
	}
	u, err := centreURL(e.Centre)
	if err != nil {
		return Identity{}, err
	}
	code, print := trust.SplitCode(e.Code)
	if print != "" {
		e.Trust.Pins = []string{print}
	}
	if err := e.Trust.CheckURL(e.Centre); err != nil {
		return Identity{}, unreached(err)
	}
	centre := trust.NewCentre(e.Trust)
	if e.Client == nil {
		e.Client = centre.Client(dialFor)
		defer e.Client.CloseIdleConnections()
	}
	key, err := makeKey(KeyPath(r.path), r.opts.Rand)
	if err != nil {
		return Identity{}, err
	}
	public := base64url(key.Public().(ed25519.PublicKey))
	in := map[string]string{
		"code": code, "public_key": public, "label": e.Label, "app": r.opts.App,
		"proof": base64url(ed25519.Sign(key, []byte("doorstep-enrol-v1\n"+code+"\n"+public+"\n"))),
	}
	var out struct {
		Device  string   `json:"device"`
		Account string   `json:"account"`
		Pins    []string `json:"pins"`
	}
	rest := rest{base: strings.TrimSuffix(u.String(), "/"), client: e.Client, lang: e.Lang}
	if err := rest.post(ctx, "/v1/enrol", in, &out); err != nil {
		if errors.Is(err, errStranger) {
			return Identity{}, recode(CodeNoCentre, err)
		}
		if CodeOf(err) == CodeUnauthorised {
			return Identity{}, recode(CodeCodeRefused, err)
		}
		return Identity{}, err
	}
	if out.Device == "" || out.Account == "" {
		return Identity{}, say(CodeNoCentre, nil)
	}
	id := Identity{Device: out.Device, Account: out.Account, Centre: e.Centre}
	kept := e.Trust
	if met := centre.Met(); met != "" { // whole, where the code carried its beginning
		kept.Pins = []string{met}
		if t, anew := centre.Announced(out.Pins); anew {
			kept.Pins = t.Pins
		}
	}
	return id, r.identify(ctx, id, &kept)
}
