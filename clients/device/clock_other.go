//go:build !linux

package device

func machineClock() Clock { return sinceStart() }
