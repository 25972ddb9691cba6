// Package wsframe makes WebSocket frames as a client sends them that keeps to no rule but the form: for tests that say to
// a server what no library would.
package wsframe

import "encoding/binary"

// Masked is the beginning of a frame with a mask of zeros and then payload, as they lie on the connection. first is the
// byte with FIN and the opcode. length is what the frame says of itself, whatever of it payload has.
func Masked(first byte, length int, payload []byte) []byte {
	b := []byte{first}
	switch {
	case length < 126:
		b = append(b, 0x80|byte(length))
	case length < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(length))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(length))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}
