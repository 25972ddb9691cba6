package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
)

// Counties lists the counties that a database holds, in order: none for one that is not there, or that was never opened.
// It changes nothing.
func Counties(path string) (out []int64, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := sql.Open("sqlite3", dsn(path, "mode=rw&_query_only=1&_busy_timeout=2000"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var there bool
	if err := db.QueryRow(`SELECT count(*) > 0 FROM sqlite_master WHERE name = 'county'`).Scan(&there); err != nil || !there {
		return nil, err
	}
	rows, err := db.Query(`SELECT id FROM county ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
