package device

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Anchor gives where a replica was when the centre last proved its history to it: the hash of the centre's chain at a
// seq, which the file keeps whatever becomes of the centre. It reads beside whoever uses the replica and changes
// nothing, whichever version made the file. An error is an *Error with CodeNotReplica where the file is none, or was
// never in step with a centre that proves its history.
func Anchor(ctx context.Context, path string) (at se.Base, history se.Hash, err error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return at, history, err
	}
	if encrypted, err := Encrypted(path); err == nil && encrypted {
		return at, history, say(CodeEncrypted, nil)
	}
	place := url.URL{Scheme: "file", Path: full, RawQuery: "mode=ro&_busy_timeout=10000"}
	db, err := sql.Open("sqlite3", place.String())
	if err != nil {
		return at, history, say(CodeNotReplica, err)
	}
	defer db.Close()
	var hash []byte
	if err := db.QueryRowContext(ctx, `SELECT proof_epoch, proof_seq, history FROM ds_control`).Scan(&at.Epoch, &at.Seq, &hash); err != nil {
		return at, history, say(CodeNotReplica, err)
	}
	copy(history[:], hash)
	if at.Seq == 0 || history.IsZero() {
		return at, history, say(CodeNotReplica, errors.New("the replica holds no proof of the centre's history"))
	}
	return at, history, nil
}
