package ddl_test

import (
	"database/sql"
	"testing"

	_ "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/schema/load"
)

func TestSmoke(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	db, err := sql.Open("sqlite3", ":memory:")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	for i := 0; i < 2; i++ {
		for _, q := range append(ddl.Replica(s), ddl.Centre(s)...) {
			_, err := db.Exec(q)
			require.NoError(t, err, q)
		}
	}
	_, err = db.Exec(`INSERT INTO household(scope,phone) VALUES('g1','138')`)
	require.NoError(t, err)
	rows, err := db.Query(`SELECT k,tbl,id,op,col,old,new,epoch,base,wall FROM ds_capture`)
	require.NoError(t, err)
	for rows.Next() {
		v := make([]any, 10)
		p := make([]any, 10)
		for i := range v {
			p[i] = &v[i]
		}
		require.NoError(t, rows.Scan(p...))
		t.Log(v...)
	}
}
