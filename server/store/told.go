package store

import (
	"encoding/json"
	"fmt"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Grants that a device was told of are kept as JSON, so that a person with an SQL shell can read who holds what.
type (
	toldGrant struct {
		Scope   string       `json:"scope"`
		Name    string       `json:"name,omitempty"`
		Level   schema.Level `json:"level,omitempty"`
		Role    string       `json:"role"`
		Doors   []string     `json:"doors,omitempty"`
		From    int64        `json:"from,omitempty"`
		To      int64        `json:"to,omitempty"`
		Offline int64        `json:"offline,omitempty"`
	}
	toldLost struct {
		Grant  toldGrant `json:"grant"`
		N      int64     `json:"n"`
		At     int64     `json:"at"`
		Purged int64     `json:"purged,omitempty"`
	}
)

// Told implements syncengine.ReadTx. It is read once in a transaction.
func (t *readTx) Told(device string) (*syncengine.Told, error) {
	if t.known != nil {
		if told := t.known.of(device, t.began).told; told != nil {
			return copyTold(told), nil
		}
	}
	text, known := t.told[device]
	if !known {
		_, err := t.one(func(r row) error {
			text = &toldText{view: r.str(0), shown: r.str(1), lost: r.str(2), retired: r.int(3)}
			return nil
		}, `SELECT view, shown, lost, retired FROM device_told WHERE county = $1 AND device = $2`, t.s.county, device)
		if err != nil {
			return nil, fmt.Errorf("read what a device was told: %w", err)
		}
		t.told[device] = text
	}
	if text == nil {
		return nil, nil
	}
	if text.decoded == nil {
		var err error
		if text.decoded, err = text.decode(device); err != nil {
			return nil, err
		}
		if t.known != nil {
			own := copyTold(text.decoded)
			t.known.keep(device, partTold, t.began, func(a *acquaintance) { a.told = own })
		}
	}
	return copyTold(text.decoded), nil
}

// toldText is the record as it is kept.
type toldText struct {
	view, shown, lost string
	retired           int64
	decoded           *syncengine.Told // nil = not yet; never given out
}

func (x *toldText) decode(device string) (*syncengine.Told, error) {
	out := &syncengine.Told{Device: device, View: x.view, Retired: x.retired}
	var shown []toldGrant
	var lost []toldLost
	if err := json.Unmarshal([]byte(x.shown), &shown); err != nil {
		return nil, fmt.Errorf("what device %s was told is damaged: %w", device, err)
	}
	if err := json.Unmarshal([]byte(x.lost), &lost); err != nil {
		return nil, fmt.Errorf("what was taken from device %s is damaged: %w", device, err)
	}
	for _, g := range shown {
		out.Shown = append(out.Shown, syncengine.Grant(g))
	}
	for _, l := range lost {
		out.Lost = append(out.Lost, syncengine.Lost{Grant: syncengine.Grant(l.Grant), N: l.N, At: l.At, Purged: l.Purged})
	}
	return out, nil
}

// PutTold implements syncengine.Tx.
func (t *tx) PutTold(x *syncengine.Told) error {
	t.about[x.Device] |= partTold
	shown, lost := make([]toldGrant, 0, len(x.Shown)), make([]toldLost, 0, len(x.Lost))
	for _, g := range x.Shown {
		shown = append(shown, toldGrant(g))
	}
	for _, l := range x.Lost {
		lost = append(lost, toldLost{toldGrant(l.Grant), l.N, l.At, l.Purged})
	}
	text := &toldText{view: x.View, retired: x.Retired}
	for to, list := range map[*string]any{&text.shown: shown, &text.lost: lost} {
		b, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("write what device %s was told: %w", x.Device, err)
		}
		*to = string(b)
	}
	old, known := t.told[x.Device]
	t.told[x.Device] = text
	t.undo = append(t.undo, func() {
		if known {
			t.told[x.Device] = old
		} else {
			delete(t.told, x.Device)
		}
	})
	return t.exec(`INSERT INTO device_told (county, device, view, shown, lost, retired) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (county, device) DO UPDATE SET view = excluded.view, shown = excluded.shown, lost = excluded.lost, retired = excluded.retired`,
		t.s.county, x.Device, text.view, text.shown, text.lost, text.retired)
}
