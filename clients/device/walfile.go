package device

import (
	"encoding/binary"
	"errors"
	"os"
)

// The write-ahead log of SQLite: a header, then frames of one page each.
const (
	logHead  = 32
	logFrame = 24
)

// errLog says that commits are missing from the middle of the write-ahead log.
var errLog = errors.New("device: the write-ahead log is damaged before its end")

// checkLog looks whether SQLite would pass over commits: it takes a log up to the first frame that is not as it was
// written, in silence, and overwrites the rest. A torn end is what a crash leaves: the transaction that it is of was never
// acknowledged. More than one commit after the first bad frame is damage.
func checkLog(path string) error {
	b, err := os.ReadFile(path)
	if err != nil || len(b) < logHead+logFrame {
		return nil //nolint:nilerr // no log, or none that can be read: SQLite tells
	}
	size := int(binary.BigEndian.Uint32(b[8:]))
	order := binary.ByteOrder(binary.LittleEndian)
	if b[3]&1 == 1 {
		order = binary.BigEndian
	}
	s0, s1 := logSum(order, 0, 0, b[:24])
	headed := s0 == binary.BigEndian.Uint32(b[24:]) && s1 == binary.BigEndian.Uint32(b[28:])
	salt := string(b[16:24])
	if !headed {
		size, salt = usualPage, string(b[logHead+8:logHead+16])
	}
	if size < 512 {
		return nil
	}
	good, after := headed, 0
	for at, i := logHead, 0; at+logFrame+size <= len(b); at, i = at+logFrame+size, i+1 {
		head, ours := b[at:at+logFrame], string(b[at+8:at+16]) == salt
		if good {
			s0, s1 = logSum(order, s0, s1, head[:8])
			s0, s1 = logSum(order, s0, s1, b[at+logFrame:at+logFrame+size])
			if good = ours && s0 == binary.BigEndian.Uint32(head[16:]) && s1 == binary.BigEndian.Uint32(head[20:]); good {
				continue
			}
			if i == 0 && !ours {
				return nil // a log that was begun anew
			}
		}
		if ours && binary.BigEndian.Uint32(head[4:]) != 0 {
			if after++; after > 1 {
				return errLog
			}
		}
	}
	return nil
}

// logSum is the checksum of the log, over pairs of numbers.
func logSum(order binary.ByteOrder, s0, s1 uint32, b []byte) (uint32, uint32) {
	for i := 0; i+8 <= len(b); i += 8 {
		s0 += order.Uint32(b[i:]) + s1
		s1 += order.Uint32(b[i+4:]) + s0
	}
	return s0, s1
}
