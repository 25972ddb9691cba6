package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/doorstep-sync/doorstep/clients/trust"
)

// trustTable keeps whom the replica takes for its centre. It is part of the identity.
const trustTable = `
CREATE TABLE IF NOT EXISTS ds_trust(
  k INTEGER PRIMARY KEY CHECK(k = 1),
  pins TEXT NOT NULL DEFAULT '[]',
  plain INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT OR IGNORE INTO ds_trust(k) VALUES(1);`

// Trust gives whom this replica takes for its centre.
func (r *Replica) Trust(ctx context.Context) (t trust.Trust, err error) {
	var pins string
	if err := r.read.QueryRowContext(ctx, `SELECT pins, plain FROM ds_trust`).Scan(&pins, &t.Plain); err != nil {
		return t, storage(err)
	}
	if err := json.Unmarshal([]byte(pins), &t.Pins); err != nil {
		return t, storage(fmt.Errorf("%w: pins: %w", errDamaged, err))
	}
	return t, nil
}

// SetTrust changes it. Whoever calls it vouches for the new centre: see the centre's fingerprint.
func (r *Replica) SetTrust(ctx context.Context, t trust.Trust) error {
	return r.update(ctx, func(p *port) error { return p.putTrust(t) })
}

func (p *port) putTrust(t trust.Trust) error {
	pins := t.Pins
	if pins == nil {
		pins = []string{}
	}
	return p.exec(`UPDATE ds_trust SET pins = ?, plain = ?`, asJSON(pins), t.Plain)
}

// Remote gives the way to the centre that this replica belongs to: with its key, and trusting whom it trusts. client
// may be nil; one that is given is trusted as it is.
func (r *Replica) Remote(ctx context.Context, client *http.Client, o WebSocketOptions) (Remote, error) {
	id, err := r.Identity(ctx)
	if err != nil {
		return nil, err
	}
	tokens, err := r.KeyTokens(ctx, client)
	if err != nil {
		return nil, err
	}
	if o.Centre == nil {
		o.Centre = tokens.(*keyTokens).centre
	}
	return WebSocket(id.Centre, tokens, o)
}

// announced keeps the pins that the centre told of.
func (r *Replica) announced(ctx context.Context, centre *trust.Centre, pins []string) {
	t, anew := centre.Announced(pins)
	if !anew {
		return
	}
	if err := r.SetTrust(ctx, t); err != nil {
		r.opts.Log.Warn().Err(err).Msg("the announced pins of the centre could not be kept; they will come again")
	}
}

// unreached gives a connection that did not come about its sentence.
func unreached(err error) error {
	switch {
	case trust.Foreign(err):
		return say(CodeForeignCentre, err)
	case errors.Is(err, trust.ErrPlainText):
		return say(CodePlainText, err)
	}
	return say(CodeOffline, err)
}
