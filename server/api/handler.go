package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime/debug"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// ServeHTTP answers a request. Nothing that a handler does takes the centre down.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	lang := messages.Language(r.Header.Get("Accept-Language"))
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	r = r.WithContext(context.WithValue(context.WithValue(r.Context(), keyLanguage, lang), keyAddress, from))
	if why := reason(r.Header); why != "" {
		r = r.WithContext(context.WithValue(r.Context(), keyReason, why))
	}
	w, r.Body = &patient{w, r.Body}, io.NopCloser(r.Body) // who reads too much of it closes it; the server closes it at the end
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", lang)
	defer func() {
		if cause := recover(); cause != nil {
			if cause == http.ErrAbortHandler { //nolint:errorlint // the value itself, as net/http compares it
				panic(cause)
			}
			a.Log.Error().Str("stack", string(debug.Stack())).Msg("bug: a handler panicked") // the cause may quote the request
			write(w, lang, messages.Refuse(messages.Unexpected))
		}
	}()
	if auth.TokenInURL(r.URL) {
		write(w, lang, messages.Refuse(messages.TokenInURL))
		return
	}
	handler, pattern := a.mux.Handler(r)
	if pattern == "" {
		a.unrouted(w, r, lang, handler)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// unrouted answers what no route takes: 404, or 405 naming the methods, or the mux's redirect to the clean path.
func (a *API) unrouted(w http.ResponseWriter, r *http.Request, lang string, handler http.Handler) {
	seen := recorder{header: http.Header{}}
	handler.ServeHTTP(&seen, r)
	if seen.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", seen.header.Get("Allow"))
		write(w, lang, messages.Refuse(messages.BadMethod, seen.header.Get("Allow")))
		return
	}
	write(w, lang, messages.Refuse(messages.NoRoute))
}

// recorder keeps the status and header of an answer.
type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(s int)           { r.status = s }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }

// caller is who calls; rights are read where they are needed.
type caller struct{ auth.Principal }

// authenticate checks the token of operations that need one.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	need := ctx.Operation().Security
	if len(need) == 0 {
		next(ctx)
		return
	}
	device := false
	for _, s := range need {
		_, ok := s["device"]
		device = device || ok
	}
	r, w := humago.Unwrap(ctx)
	token, err := auth.Bearer(r)
	var p auth.Principal
	if err == nil {
		p, err = a.Auth.Console(ctx.Context(), token)
		if device && messages.Is(err, messages.TokenBad) {
			p, err = a.Auth.Device(ctx.Context(), token)
		}
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	ctx = huma.WithContext(ctx, directory.By(ctx.Context(), p.Account))
	next(huma.WithValue(ctx, keyCaller, caller{p}))
}

// refuse answers from a middleware.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := messages.Of(err)
	if p.Kind() == messages.Internal {
		a.Log.Error().Err(err).Msg("request failed")
	}
	write(w, language(r.Context()), p)
}

// me gives the caller's rights, read from the centre's rows now.
func (a *API) me(ctx context.Context) (directory.Rights, error) {
	c, ok := ctx.Value(keyCaller).(caller)
	if !ok {
		return directory.Rights{}, messages.Refuse(messages.TokenMissing)
	}
	return a.Directory.Rights(ctx, c.Account)
}

// admin gives the caller's rights if he administers the centre.
func (a *API) admin(ctx context.Context) (directory.Rights, error) {
	r, err := a.me(ctx)
	if err == nil && !r.Admin {
		err = messages.Refuse(messages.AdminOnly)
	}
	return r, err
}

// supervisor gives the caller's rights if he works at the centre somewhere.
func (a *API) supervisor(ctx context.Context) (directory.Rights, error) {
	r, err := a.me(ctx)
	if err == nil && !r.Console {
		err = messages.Refuse(messages.ConsoleOnly)
	}
	return r, err
}
