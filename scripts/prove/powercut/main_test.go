//go:build prove

// Package powercut proves that nothing acknowledged is lost when the power goes, and that the proof would see it.
//
// Writers work on an ext4 file system inside an image file. At a random moment their disk is frozen in mid-write, the
// image is copied as it is, and they are killed: the copy is what a disk holds after a power cut. What was only in the
// machine's memory is not in it. The copy is mounted (which replays the file system's journal), opened with the real
// code, and held against what the writers had been promised.
package powercut

import (
	"testing"

	"github.com/doorstep-sync/doorstep/scripts/prove/mounts"
)

func TestMain(m *testing.M) { mounts.Main("power cuts make disk images and mount them", m.Run, 0) }
