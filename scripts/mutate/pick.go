package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
)

// subject are the files that are changed: merge, admission, clock, cursor, capture, and the centre's store.
var subject = []string{
	"syncengine/merge.go", "syncengine/cell.go", "syncengine/ingest.go", "syncengine/admit.go", "syncengine/rows.go", "syncengine/death.go",
	"syncengine/revive.go", "syncengine/queue.go", "syncengine/next.go", "syncengine/told.go", "syncengine/hlc/hlc.go", "syncengine/steps.go",
	"syncengine/replica/seal.go", "syncengine/replica/fold.go", "syncengine/replica/form.go", "syncengine/replica/apply.go", "syncengine/replica/greet.go",
	"syncengine/session/centre.go", "syncengine/session/device.go",
	"clients/device/captured.go", "clients/device/write.go", "clients/device/sealed.go", "clients/device/rows.go",
	"server/store/rows.go", "server/store/tx.go", "server/store/history.go", "server/store/quarantine.go", "server/store/told.go", "server/store/prune.go",
}

// all gives the mutants of the files, by what they are and not by where they stand: most of a choice stays when code changes.
func all(files []string, root string, turn int) ([]mutant, error) {
	var list []mutant
	for _, f := range files {
		more, err := mutants(root, f)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	mixed(list, strconv.Itoa(turn), func(m *mutant) string { return m.key() })
	return list, nil
}

// mixed puts a list into an order that only names and a salt make.
func mixed[T any](list []T, salt string, name func(*T) string) {
	sum := func(x T) [32]byte { return sha256.Sum256([]byte(salt + "\t" + name(&x))) }
	slices.SortFunc(list, func(a, b T) int {
		x, y := sum(a), sum(b)
		return slices.Compare(x[:], y[:])
	})
}

// pick gives the first n of a list that compile (0 = all) in order of file and line.
func pick(ctx context.Context, root string, list []mutant, n int) ([]mutant, error) {
	c, err := newCompiler(ctx, root)
	if err != nil {
		return nil, err
	}
	var out []mutant
	for i := range list {
		if n > 0 && len(out) == n {
			break
		}
		ok, err := c.works(&list[i])
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, list[i])
		}
	}
	slices.SortStableFunc(out, func(a, b mutant) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line)) })
	return out, nil
}
