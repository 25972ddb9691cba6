package memstore

import (
	"cmp"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/syncengine"
)

func compareRepointed(a, b syncengine.Repointed) int {
	return cmp.Or(strings.Compare(a.RefTable, b.RefTable), strings.Compare(string(a.Row), string(b.Row)),
		strings.Compare(a.Column, b.Column), cmp.Compare(a.Seq, b.Seq))
}

func (t *readTx) Repointed(table string, retired syncengine.RowID) ([]syncengine.Repointed, error) {
	return slices.Clone(t.state.repointed.lists[rowKey{table, retired}]), nil
}

func (t *tx) PutRepointed(x syncengine.Repointed) error {
	t.state.repointed.add(t, rowKey{x.Table, x.Retired}, x)
	return nil
}

func (t *tx) forgetRepointed(k rowKey) {
	for _, x := range slices.Clone(t.state.repointed.lists[k]) {
		t.state.repointed.remove(t, k, x)
	}
}
