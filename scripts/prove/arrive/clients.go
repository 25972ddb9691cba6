package main

import (
	"context"
	"errors"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
)

// visit takes a whole snapshot, checks every hash and counts.
func (k *county) visit(ctx context.Context, url string, i int) (crowd.Taken, error) {
	l, err := k.Dial(ctx, url, k.devices[i])
	if err != nil {
		return crowd.Taken{}, err
	}
	defer l.Close()
	err = l.Step(k.devices[i])
	return l.Got, err
}

// replica is a device as people have it: the SDK with its file.
func (k *county) replica(ctx context.Context, url, path string, i int) (got crowd.Taken, err error) {
	r, err := device.Create(path, device.Options{App: "arrive"})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if _, err = r.Enrol(ctx, device.Enrolment{Centre: url, Code: k.codes[i], Label: "replica"}); err != nil {
		return got, err
	}
	tokens, err := r.KeyTokens(ctx, nil)
	if err != nil {
		return got, err
	}
	way, err := device.WebSocket(url, tokens, device.WebSocketOptions{})
	if err != nil {
		return got, err
	}
	report, err := r.Sync(ctx, way)
	if err != nil {
		return got, err
	}
	var rows int
	if err := r.QueryRow(ctx, `SELECT count(*) FROM hazard`).Scan(&rows); err != nil {
		return got, err
	}
	return crowd.Taken{Rows: rows, Bytes: int(report.In)}, nil
}
