package api_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// askFork asks for a device of one's own, with what change does to the request.
func (p *phone) askFork(key ed25519.PrivateKey, change func(in map[string]any)) reply {
	p.w.t.Helper()
	ch := p.w.call("POST", "/v1/token/challenge", "", map[string]string{"device": p.id}).want(200).str("challenge")
	public := b64(key.Public().(ed25519.PublicKey))
	in := map[string]any{"device": p.id, "challenge": ch, "public_key": public, "app": "test/1",
		"past": map[string]any{"epoch": 1, "inbox": 0, "from": p.n, "hashes": b64(p.prev[:])}}
	if p.n == 0 {
		in["past"] = map[string]any{"epoch": 1, "inbox": 0, "from": 0, "hashes": ""}
	}
	in["signature"] = b64(ed25519.Sign(p.key, auth.ForkText(p.id, ch, public)))
	in["proof"] = b64(ed25519.Sign(key, auth.ForkText(p.id, ch, public)))
	if change != nil {
		change(in)
	}
	return p.w.call("POST", "/v1/devices/fork", "", in)
}

func keyOf(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32))
}

// TestFork: whoever holds a device's key may have a copy of it made a device; the answer can be asked for again with the
// same new key, and nobody else gets anything.
func TestFork(t *testing.T) {
	w := peopled(t)
	p := w.enrol("sun")
	p.insert("building", grid1, rowID(1), map[string][]schema.Value{"no": {schema.Text("1")}})
	first := p.askFork(keyOf(101), nil).want(201)
	id := first.str("device")
	require.NotEqual(t, p.id, id)
	require.Equal(t, p.account, first.str("account"))
	require.EqualValues(t, 1, first.get("fork", "fork"))
	require.Equal(t, b64(p.prev[:]), first.str("fork", "hash"))
	require.NotEmpty(t, first.str("fork", "verdicts"))
	again := p.askFork(keyOf(101), nil).want(201)
	require.Equal(t, id, again.str("device"), "an answer that was lost can be asked for again")
	require.NotEqual(t, id, p.askFork(keyOf(102), nil).want(201).str("device"))

	shown := w.call("GET", "/v1/devices/"+id, "admin", nil).want(200)
	require.Equal(t, p.id, shown.str("parent"))
	require.EqualValues(t, 1, shown.get("fork"))
	copied := &phone{w: w, account: p.account, key: keyOf(101), id: id, n: p.n, prev: p.prev}
	copied.token().want(200)
	copied.insert("building", grid1, rowID(2), map[string][]schema.Value{"no": {schema.Text("2")}})

	p.askFork(keyOf(103), func(in map[string]any) { in["signature"] = in["proof"] }).problem(401, "signature_invalid")
	p.askFork(keyOf(103), func(in map[string]any) { in["proof"] = in["signature"] }).problem(422, "proof_invalid")
	p.askFork(keyOf(103), func(in map[string]any) { in["device"] = id }).problem(401, "challenge_invalid")
	p.askFork(p.key, nil).problem(422, "public_key_invalid")
	copied.askFork(keyOf(102), nil).problem(409, "fork_key_taken")
	p.askFork(keyOf(101), func(in map[string]any) {
		in["past"] = map[string]any{"epoch": 1, "inbox": 0, "from": 1, "hashes": b64(bytes.Repeat([]byte{7}, 32))}
	}).problem(409, "fork_key_taken")
	p.askFork(keyOf(103), func(in map[string]any) {
		in["past"] = map[string]any{"epoch": 1, "inbox": 0, "from": 1, "hashes": "QUJD"}
	}).problem(422, "bad_field")
	used := map[string]any{}
	p.askFork(keyOf(104), func(in map[string]any) {
		for k, v := range in {
			used[k] = v
		}
	}).want(201)
	w.call("POST", "/v1/devices/fork", "", used).problem(401, "challenge_invalid")

	w.call("POST", "/v1/devices/"+p.id+"/revoke", "admin", nil).want(200)
	p.askFork(keyOf(105), nil).problem(403, "device_revoked")
	copied.token().want(200)
	var what []string
	require.NoError(t, w.store.View(func(tx syncengine.ReadTx) error {
		list, err := tx.Audit(0, 1000)
		for _, e := range list {
			what = append(what, string(e.Kind)+" "+e.Device)
		}
		return err
	}))
	require.Equal(t, 1, strings.Count(strings.Join(what, "\n"), "device.forked "+id), "in the audit log, once")

	last := copied
	for i := byte(0); ; i++ {
		require.Less(t, i, byte(30), "somebody who makes devices without end is held up")
		r := last.askFork(keyOf(110+i), nil)
		if r.status == 429 {
			break
		}
		r.want(201)
	}
}
