//go:build !linux

package device

// freeBytes gives what is free on the disk of a file; 0 if that cannot be told.
func freeBytes(string) int64 { return 0 }
