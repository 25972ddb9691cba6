//go:build !linux

package cli

import "context"

// ask is not there on this system: a password comes from --password-file or standard input.
func (a *app) ask(context.Context, string) (string, error) { return "", errNoTerminal }
