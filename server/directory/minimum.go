package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// SettingMinimum is the setting that holds the minimum; server/store reads it for every device.
const SettingMinimum = "minimum"

// maxGrace bounds the days of grace: a date years off is a slip of the finger.
const maxGrace = 366

// Minimum is the oldest version that devices may have. Below it, from From on, a device sends what it holds and gets
// nothing. The zero Minimum asks for nothing.
type Minimum struct {
	Schema int    `json:"schema,omitempty"`
	App    string `json:"app,omitempty"` // numbers with dots
	From   int64  `json:"from,omitempty"`
}

// Minimum gives what is set.
func (d *Directory) Minimum(ctx context.Context) (m Minimum, err error) {
	text, ok, err := d.Setting(ctx, SettingMinimum)
	if err != nil || !ok {
		return m, err
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("read setting %s: %w", SettingMinimum, err)
	}
	return m, nil
}

// SetMinimum sets it, from so many days from now on; a schema of 0 and an empty app take it away. A minimum above
// the centre's own declarations would shut everybody out and is refused.
func (d *Directory) SetMinimum(ctx context.Context, schema int, app string, grace int, own int) (Minimum, error) {
	switch {
	case schema < 0 || schema > own:
		return Minimum{}, messages.Refuse(messages.MinimumSchema, own)
	case grace < 0 || grace > maxGrace:
		return Minimum{}, messages.Refuse(messages.MinimumGrace, maxGrace)
	}
	m := Minimum{Schema: schema, App: app}
	if m != (Minimum{}) {
		m.From = d.now().Add(time.Duration(grace) * 24 * time.Hour).UnixMilli()
	}
	text, err := json.Marshal(m)
	if err != nil {
		return Minimum{}, err
	}
	return m, d.PutSetting(ctx, SettingMinimum, string(text))
}

// Versions counts the devices in use, consoles left out, by app and schema version.
func (d *Directory) Versions(ctx context.Context) (list []VersionCount, err error) {
	rows, err := d.db.Reader().QueryContext(ctx, `SELECT coalesce(app, ''), coalesce(schema, 0), count(*) FROM device
		WHERE county = $1 AND revoked_at IS NULL AND coalesce(console, 0) = 0 GROUP BY 1, 2 ORDER BY 2, 1`, d.county)
	if err != nil {
		return nil, fmt.Errorf("count versions: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v VersionCount
		if err := rows.Scan(&v.App, &v.Schema, &v.Devices); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// VersionCount is how many devices have a version; schema 0 was never heard.
type VersionCount struct {
	App     string
	Schema  int
	Devices int
}
