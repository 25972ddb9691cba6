package gateway_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// renewing is an Authenticator that takes several tokens of a device, as after a refresh: "token-DEVICE.2" is the second.
type renewing struct{ gateway.Authenticator }

func (r renewing) Authenticate(ctx context.Context, token string) (gateway.Identity, error) {
	token, _, _ = strings.Cut(token, ".")
	return r.Authenticator.Authenticate(ctx, token)
}

// Whose work it is, is the token's: on the first connection, on a second one beside it, and after the token was renewed,
// changesets in another device's or person's name are refused, on record, and take no effect (S2).
func TestForgedOnEveryConnection(t *testing.T) {
	c := open(t, func(o *gateway.Options) { o.Auth = renewing{o.Auth} })
	victim := c.greet(2, wire.Binary)
	victim.works()
	head := c.head()
	last := func() (n int64, hash se.Hash) {
		require.NoError(t, c.store.View(func(tx se.ReadTx) error {
			d, err := tx.Device(deviceID(1))
			if d != nil {
				n, hash = d.LastN, d.Hash
			}
			return err
		}))
		return n, hash
	}
	forge := func(p *phone) {
		p.n, p.prev = last()
		author := p.hazard("forged author")
		author.Author = "account-of-" + deviceID(2)
		p.prev = author.Hash()
		p.say(&session.Push{Changesets: []*se.Changeset{author}})
		v := hear[*session.Verdicts](p).Verdicts[0]
		require.Equal(t, se.CodeWrongAuthor, v.Reason.Code)
		require.NoError(t, c.store.View(func(tx se.ReadTx) error {
			q, err := tx.Quarantined(deviceID(1), author.N)
			require.NotNil(t, q, "what was refused is on record, under the device that sent it")
			return err
		}))
		device := p.hazard("forged device")
		device.Device, device.Author = deviceID(2), "account-of-"+deviceID(2)
		device.N, device.Prev = victim.n+1, victim.prev
		p.say(&session.Push{Changesets: []*se.Changeset{device}})
		notice, code := p.closed()
		require.Equal(t, wire.CloseProtocol, code)
		require.NotContains(t, notice.Text, deviceID(2))
		require.Equal(t, head, c.head())
	}
	one, two := c.greet(1, wire.Binary), c.greet(1, wire.JSON)
	forge(one)
	forge(two)
	renewed := &phone{}
	ws, _, err := websocket.DefaultDialer.Dial(c.url(), map[string][]string{"Authorization": {"Bearer token-" + deviceID(1) + ".2"}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary}})
	require.NoError(t, err)
	t.Cleanup(func() { ws.Close() })
	*renewed = phone{t: t, ws: ws, i: 1, patience: one.patience, hello: se.Hello{Device: deviceID(1), App: "test", Schema: 1}}
	renewed.greet()
	forge(renewed)
	victim.works()
	require.Equal(t, head+1, c.head())
}

// The bytes of a session, recorded and sent again: under the same token nothing happens twice, under another device's the
// first of them ends the connection, and once the token is not taken any more there is no connection (S6).
func TestRecordedSession(t *testing.T) {
	c := open(t)
	p := c.dial(1, wire.Binary)
	var recorded [][]byte
	hello := encode(t, p)
	recorded = append(recorded, hello)
	p.send(hello)
	p.catchUp(1)
	for range 3 {
		b := mustMarshal(t, &session.Push{Changesets: []*se.Changeset{p.hazard("once")}})
		recorded = append(recorded, b)
		p.send(b)
		require.Equal(t, se.Accepted, hear[*session.Verdicts](p).Verdicts[0].Kind)
	}
	p.ws.Close()
	require.EqualValues(t, 3, c.head())
	again := c.dial(1, wire.Binary)
	for i, b := range recorded {
		again.send(b)
		if i == 0 {
			hear[*session.Welcome](again)
		}
	}
	for n := int64(1); n <= 3; {
		for _, v := range hear[*session.Verdicts](again).Verdicts {
			require.Equal(t, n, v.N)
			require.Equal(t, n, v.Seq, "the verdict of then")
			n++
		}
	}
	require.EqualValues(t, 3, c.head())
	other := c.dial(2, wire.Binary)
	other.send(recorded[0])
	_, code := other.closed()
	require.Equal(t, wire.CloseUnauthorised, code)
	c.tokens.mu.Lock()
	c.tokens.fail[deviceID(1)] = gateway.ErrUnauthorised
	c.tokens.mu.Unlock()
	status, _, _ := shake(t, c.url(), nil)
	require.Equal(t, 401, status)
	require.EqualValues(t, 3, c.head())
}
