package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
)

// seeded is the marker that is written into a folder when all of its records are durable: what it was seeded with, and
// who may arrive. Its keys are good for this folder's made-up county alone.
type seeded struct {
	Grids   int
	Records int
	Members []crowd.Member
}

const marker = "seeded.json"

// known reads what a folder was seeded with; nil if nobody began to.
func known(dir string, o options) (*seeded, error) {
	text, err := os.ReadFile(filepath.Join(dir, marker))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
			return nil, fmt.Errorf("the seeding of %s was not finished: remove the folder, or name another with -dir", dir)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s seeded
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", marker, err)
	}
	if s.Grids != o.grids || s.Records != o.records || len(s.Members) <= o.devices {
		return nil, fmt.Errorf("%s was seeded with -grids %d -records %d for up to %d devices: ask for the same, or name another folder with -dir",
			dir, s.Grids, s.Records, len(s.Members)-1)
	}
	return &s, nil
}

// keep writes the marker, whole or not at all.
func (s *seeded) keep(dir string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	part := filepath.Join(dir, marker+".part")
	if err := os.WriteFile(part, text, 0o600); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(dir, marker))
}

// county is who arrives in this run.
type county struct {
	crowd.Outside
	devices   []crowd.Member
	bystander crowd.Member
	codes     []string // of those who keep a replica
}

// admit gets tokens and codes for this run.
func admit(ctx context.Context, x *crowd.Seeding, s *seeded, o options) (*county, error) {
	k := &county{Outside: x.Outside, devices: s.Members[:o.devices], bystander: s.Members[len(s.Members)-1]}
	if err := x.Sign(ctx, &k.bystander); err != nil {
		return nil, err
	}
	for i := range k.devices {
		if i >= o.replicas {
			if err := x.Sign(ctx, &k.devices[i]); err != nil {
				return nil, err
			}
			continue
		}
		code, err := x.Code(ctx, k.devices[i].Account)
		if err != nil {
			return nil, err
		}
		k.codes = append(k.codes, code)
	}
	return k, nil
}
