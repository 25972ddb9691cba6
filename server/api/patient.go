package api

import (
	"io"
	"net/http"
)

// late is how much of a body that is too large is taken, and thrown away, before its sender is answered: he is sending
// still, and would read of a connection that was closed on him instead of why. How long it may take, the operation's own
// limit for bodies says.
const late = 64 << 20

// patient answers that a body is too large when it has come to its end, or to the bounds of patience.
type patient struct {
	http.ResponseWriter
	body io.Reader
}

// WriteHeader implements http.ResponseWriter.
func (p *patient) WriteHeader(status int) {
	if status == http.StatusRequestEntityTooLarge {
		_, _ = io.CopyN(io.Discard, p.body, late) // however it ends: now he is answered
	}
	p.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
