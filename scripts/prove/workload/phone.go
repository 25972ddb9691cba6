package workload

import (
	"context"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// Write makes the next changeset of a phone with the SDK and gives its mark. On return it is durable on the device.
func Write(ctx context.Context, r *device.Replica, who int) (Mark, error) {
	var m Mark
	receipt, err := r.Write(ctx, func(tx *device.Tx) error {
		m = Mark{Who: who}
		if err := tx.QueryRow(`SELECT last_n + 1 FROM ds_state`).Scan(&m.N); err != nil {
			return err
		}
		for _, row := range m.Rows() {
			values := map[string]any{"id": string(row.ID), "scope": Scope}
			for k, v := range row.Values {
				values[k] = v
			}
			if _, err := tx.Insert(row.Table, values); err != nil {
				return err
			}
		}
		if id := m.Gone(); id != "" {
			if err := tx.Delete("wish", id); err != nil {
				return err
			}
		}
		if err := tx.AddTo("wish", Wish, "supporters", 1); err != nil {
			return err
		}
		return tx.Set("household", Household, map[string]any{"notes": m.Token()})
	})
	if err != nil {
		return m, err
	}
	return Mark{who, receipt.N}, nil
}
