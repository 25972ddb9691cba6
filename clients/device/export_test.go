package device

import "context"

// Pragma runs a pragma on the writing connection and gives its value.
func (r *Replica) Pragma(text string) (n int64, err error) {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	err = r.conn.QueryRowContext(context.Background(), "PRAGMA "+text).Scan(&n)
	return n, err
}

// What tests of blobs call.
var (
	EncodeChangeset = encodeChangeset
	DecodeChangeset = decodeChangeset
	EncodeChange    = encodeChange
	DecodeChange    = decodeChange
	DecodeImage     = decodeImage
	EncodeItem      = encodeItem
	DecodeItem      = decodeItem
	DecodeValues    = decodeValues
	EncodeValues    = encodeValues
	Jitter          = jitter
	Percent         = percent
)
