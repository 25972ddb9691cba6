//go:build prove

// Package net proves what stands between running processes: doorstepd and phones, over networks that cut, stall, lose
// and forget. What was acknowledged is there once and whole, everybody goes on by himself, and databases agree.
package net

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

// TestMain is also the program that enrols a replica from within a network: see enrolling.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == enrolling {
		os.Exit(enrolled(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// programs are what a county runs.
type programs struct{ doorstepd, phone string }

// build makes both, as they are shipped but for the edits.
func build(t testing.TB, edits ...overlay.Edit) programs {
	t.Helper()
	dir := t.TempDir()
	p := programs{filepath.Join(dir, "doorstepd"), filepath.Join(dir, "phone")}
	require.NoError(t, overlay.Build("./server/cmd/doorstepd", p.doorstepd, edits...))
	require.NoError(t, overlay.Build("./scripts/prove/phone", p.phone, edits...))
	return p
}
