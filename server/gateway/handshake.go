package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// retryAfter is how many seconds a device stays away, at least, that found no room. It adds a random part of its own.
const retryAfter = "5"

// ServeHTTP answers the handshake. It returns once the connection's own goroutines run, so that net/http gives back
// its buffers (performance.md, correction 5).
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format, ok := g.admissible(w, r)
	if !ok {
		return
	}
	var who Identity
	token, given := r.Header.Get("Authorization"), r.Header.Get("Authorization") != ""
	if given {
		if who, ok = g.knock(w, r, token); !ok {
			return
		}
	}
	if code, why := g.reserve(!given); code != "" {
		g.later(w, code, why)
		return
	}
	ws, err := g.upgrader.Upgrade(w, r, http.Header{"Sec-Websocket-Protocol": {format.Subprotocol()}})
	if err != nil {
		g.leave(!given)
		return // answered already
	}
	c := newConn(g, ws, format)
	if !g.add(c, !given) {
		ws.Close()
		return
	}
	if given {
		c.claim(who)
	}
	g.opts.Observer.Opened()
	c.start()
}

// admissible checks what can be told without the token, and answers if something is wrong.
func (g *Gateway) admissible(w http.ResponseWriter, r *http.Request) (f wire.Format, ok bool) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		g.refuse(w, http.StatusMethodNotAllowed, "open a WebSocket here, with GET")
		return f, false
	}
	if r.URL.RawQuery != "" {
		g.refuse(w, http.StatusBadRequest, "this address takes no parameters; a token belongs into the Authorization header, or into Hello, never into an address")
		return f, false
	}
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		g.refuse(w, http.StatusUpgradeRequired, "open a WebSocket here, with the subprotocol "+wire.SubprotocolBinary+" or "+wire.SubprotocolJSON)
		return f, false
	}
	if ok, why := g.mayConnect(r); !ok {
		g.refuse(w, http.StatusForbidden, why)
		return f, false
	}
	for _, name := range websocket.Subprotocols(r) {
		if f, ok := wire.FormatOf(name); ok {
			return f, true
		}
	}
	g.refuse(w, http.StatusBadRequest, "name a subprotocol that is spoken here: "+wire.SubprotocolBinary+" or "+wire.SubprotocolJSON)
	return f, false
}

// knock checks the token of the Authorization header, and answers if it is not good.
func (g *Gateway) knock(w http.ResponseWriter, r *http.Request, header string) (who Identity, ok bool) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	code, text := session.NoticeUnauthorised, "the Authorization header must be one, and read: Bearer, a space, the token"
	if strings.EqualFold(scheme, "bearer") && token != "" && len(r.Header.Values("Authorization")) == 1 {
		who, code, text = g.authenticate(r.Context(), token)
	}
	switch code {
	case "":
		return who, true
	case session.NoticeUnauthorised:
		w.Header().Set("WWW-Authenticate", "Bearer")
		g.refuse(w, http.StatusUnauthorized, text)
	case session.NoticeRevoked:
		g.refuse(w, http.StatusForbidden, text)
	default:
		g.later(w, code, text)
	}
	return Identity{}, false
}

// authenticate asks who a token stands for; code is "" if somebody.
func (g *Gateway) authenticate(ctx context.Context, token string) (who Identity, code session.NoticeCode, text string) {
	ctx, cancel := context.WithTimeout(ctx, g.opts.Deadlines.Handshake)
	defer cancel()
	who, err := g.opts.Auth.Authenticate(ctx, token)
	switch {
	case errors.Is(err, ErrRevoked):
		return Identity{}, session.NoticeRevoked, "this device may not synchronise any more; ask your supervisor"
	case errors.Is(err, ErrUnauthorised), err == nil && who.Device == "":
		return Identity{}, session.NoticeUnauthorised, "the token is not valid for this device, or not any more; get a new one"
	case err != nil:
		g.opts.Log.Error().Err(err).Msg("cannot check tokens")
		return Identity{}, session.NoticeInternal, "the centre could not check the token; come back later"
	}
	return who, "", ""
}

// later answers a handshake that may succeed another time, with the code that a Notice would carry.
func (g *Gateway) later(w http.ResponseWriter, code session.NoticeCode, sentence string) {
	w.Header().Set("Retry-After", retryAfter)
	w.Header().Set(wire.NoticeHeader, string(code))
	g.refuse(w, http.StatusServiceUnavailable, sentence)
}

// refuse answers a handshake with one sentence.
func (g *Gateway) refuse(w http.ResponseWriter, status int, sentence string) {
	g.opts.Observer.Refused(status)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, sentence, status)
}
