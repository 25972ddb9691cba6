// Package wire turns session.Message into bytes and back: protobuf for devices, its JSON mapping for people and tools.
//
// doorstep.proto is the contract and protocol.md the conversation. The generated types stay inside this package's
// functions: the rest of the program works with syncengine's types. Everything decoded is checked field by field, and
// what is refused is named by its path; no input makes decoding panic or take memory out of proportion.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Format is how an envelope is written.
type Format uint8

// The formats.
const (
	Binary Format = iota
	JSON
)

// Subprotocols of the WebSocket; each names a Format.
const (
	SubprotocolBinary = "doorstep.v1"
	SubprotocolJSON   = "doorstep.v1.json"
)

// Subprotocol gives the name that a format has in the handshake.
func (f Format) Subprotocol() string {
	if f == JSON {
		return SubprotocolJSON
	}
	return SubprotocolBinary
}

// FormatOf gives the format of a subprotocol; ok is false for a name that is not ours.
func FormatOf(subprotocol string) (f Format, ok bool) {
	switch subprotocol {
	case SubprotocolBinary:
		return Binary, true
	case SubprotocolJSON:
		return JSON, true
	}
	return Binary, false
}

// nesting bounds how deep messages lie in each other. The deepest that mean anything have 7 levels.
const nesting = 32

// Marshal writes a message. It fails only for what no reader would take: an enum out of range, a name that is not
// UTF-8, a cell write without values and operation.
func Marshal(m session.Message, f Format) ([]byte, error) {
	if d, ok := m.(*session.Delta); ok && d.Kept != nil && f != JSON {
		return marshalKept(&d.Delta)
	}
	e, err := toWire(m)
	if err != nil {
		return nil, fmt.Errorf("wire: encode %T: %w", m, err)
	}
	if f == JSON {
		b, err := protojson.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("wire: encode %T: %w", m, err)
		}
		var out bytes.Buffer // protojson varies its spaces on purpose
		if err := json.Compact(&out, b); err != nil {
			return nil, fmt.Errorf("wire: encode %T: %w", m, err)
		}
		return out.Bytes(), nil
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("wire: encode %T: %w", m, err)
	}
	return b, nil
}

// Unmarshal reads a message and checks every field of it. Its errors are *Error. The result shares no memory with b.
func Unmarshal(b []byte, f Format, limits se.Limits) (session.Message, error) {
	if err := weigh(b, f, limits); err != nil {
		return nil, err
	}
	e := &Envelope{}
	if f == JSON {
		o := protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: nesting}
		if err := o.Unmarshal(b, e); err != nil {
			return nil, jsonError(err)
		}
	} else {
		o := proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: nesting}
		if err := o.Unmarshal(b, e); err != nil {
			return nil, &Error{Problem: "is not a protobuf Envelope of doorstep.v1; for JSON ask for the subprotocol doorstep.v1.json"}
		}
	}
	return fromWire(e, limits)
}

// MarshalChangeset writes a changeset for a store: the message Changeset of doorstep.proto.
func MarshalChangeset(cs *se.Changeset) ([]byte, error) {
	p, err := changesetToWire(cs)
	if err == nil {
		var b []byte
		if b, err = (proto.MarshalOptions{Deterministic: true}).Marshal(p); err == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("wire: encode changeset %d: %w", cs.N, err)
}

// UnmarshalChangeset reads what MarshalChangeset wrote; the changeset has the same canonical bytes.
func UnmarshalChangeset(b []byte) (*se.Changeset, error) {
	p := &Changeset{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: nesting}).Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("wire: decode changeset: %w", err)
	}
	cs, err := changesetFromWire(p)
	if err != nil {
		return nil, fmt.Errorf("wire: decode changeset: %w", err)
	}
	return cs, nil
}

// MarshalChangesetJSON writes a changeset in protobuf's JSON mapping, always with the same bytes, for people and tools.
func MarshalChangesetJSON(cs *se.Changeset) ([]byte, error) {
	p, err := changesetToWire(cs)
	if err != nil {
		return nil, fmt.Errorf("wire: encode changeset %d: %w", cs.N, err)
	}
	b, err := protojson.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("wire: encode changeset %d: %w", cs.N, err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		return nil, fmt.Errorf("wire: encode changeset %d: %w", cs.N, err)
	}
	return out.Bytes(), nil
}

// UnmarshalChangesetJSON reads what MarshalChangesetJSON wrote; the changeset has the same canonical bytes.
func UnmarshalChangesetJSON(b []byte) (*se.Changeset, error) {
	p := &Changeset{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: nesting}).Unmarshal(b, p); err != nil {
		return nil, jsonError(err)
	}
	cs, err := changesetFromWire(p)
	if err != nil {
		return nil, fmt.Errorf("wire: decode changeset: %w", err)
	}
	return cs, nil
}

var errNoMessage = errors.New("no such kind of message")
