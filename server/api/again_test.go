package api_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/auth"
)

// again shows a code for a replica that was a device of an account before.
func (w *world) again(code, account string, p *phone, key ed25519.PrivateKey) reply {
	w.t.Helper()
	public := b64(key.Public().(ed25519.PublicKey))
	return w.call("POST", "/v1/enrol", "", map[string]any{"code": code, "public_key": public, "label": "again", "app": "test/1",
		"proof": b64(ed25519.Sign(key, auth.ProofText(auth.NormalCode(code), public))),
		"again": map[string]any{"device": p.id, "account": account, "past": map[string]any{"epoch": 1, "inbox": 0, "from": p.n, "hashes": b64(p.prev[:])}}})
}

// A replica whose account a restored centre has lost is not taken over by an account that was made anew under another id:
// the refusal names the id under which it has to be made again, and then the replica goes on. The code stays unused.
func TestAccountThatWasLost(t *testing.T) {
	w := peopled(t)
	p := w.enrol("sun")
	p.insert("building", grid1, rowID(1), map[string][]schema.Value{"no": {schema.Text("1")}})
	const lost = "0190163d-8694-739b-aea5-aaaaaaaaaaaa"
	p.id = "0190163d-8694-739b-aea5-bbbbbbbbbbbb" // the centre has lost the device with its account
	anew := w.call("POST", "/v1/codes", "admin", map[string]string{"account": w.ids["li"]}).want(201).str("code")
	r := w.again(anew, lost, p, keyOf(120)).problem(409, "code_of_another")
	require.Contains(t, r.body, "account create --id "+lost)
	require.NotContains(t, r.body, w.ids["li"], "whose code it is stays untold")

	input := map[string]any{"login": "sun2", "name": "孙", "id": lost}
	w.call("POST", "/v1/accounts", "sun", input).want(403)
	w.call("POST", "/v1/accounts", "admin", with(map[string]any{"login": "x1", "name": "x"}, "id", "no id")).want(422)
	w.call("POST", "/v1/accounts", "admin", with(map[string]any{"login": "x1", "name": "x"}, "id", w.ids["li"])).problem(409, "account_taken")
	require.Equal(t, lost, w.call("POST", "/v1/accounts", "admin", input).want(201).str("id"))
	w.call("POST", "/v1/accounts", "admin", with(map[string]any{"login": "x1", "name": "x"}, "id", lost)).problem(409, "account_taken")
	code := w.call("POST", "/v1/codes", "admin", map[string]string{"account": lost}).want(201).str("code")
	back := w.again(code, lost, p, keyOf(120)).want(201)
	require.Equal(t, lost, back.str("account"))
	require.EqualValues(t, 0, back.get("fork", "fork"), "all it has is offered again")
	w.again(anew, w.ids["li"], p, keyOf(121)).want(201)
	require.Contains(t, w.audited("account.created")[len(w.audited("account.created"))-1], "again")
}
