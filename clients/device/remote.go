package device

import (
	"context"

	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Remote is a way to the centre: WebSocket, or a test's own.
type Remote interface {
	// Dial opens a connection, or tells why there is none. ctx bounds the opening alone.
	Dial(ctx context.Context) (Conn, error)
}

// Conn is one connection. Send and Receive are each called by one goroutine at a time; Close by any, and both then
// return an error at once.
type Conn interface {
	// Send hands a message over. That it returns nil does not mean that it arrived.
	Send(session.Message) error
	Receive() (session.Message, error)
	Close() error
}

// What a Conn or Remote may offer besides.
type (
	pinger    interface{ Ping() error }              // called by the goroutine that sends, when nothing was sent for a while
	meter     interface{ Traffic() (in, out int64) } // bytes so far
	refresher interface{ Refresh() }                 // forget the token: the centre did not take it
)
