package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ask reads a line from the terminal that a.In is, without showing it. The terminal is put back whatever happens.
func (a *app) ask(ctx context.Context, prompt string) (string, error) {
	f, ok := a.In.(*os.File)
	if !ok {
		return "", errNoTerminal
	}
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", errNoTerminal
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ICANON | unix.ISIG
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &quiet); err != nil {
		return "", fmt.Errorf("hide what is typed: %w", err)
	}
	defer func() {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, before)
		fmt.Fprintln(a.Err)
	}()
	fmt.Fprint(a.Err, prompt)
	type answer struct {
		line string
		err  error
	}
	typed := make(chan answer, 1) // its reader may stay behind in a read that Ctrl-C does not end
	go func() {
		line, err := bufio.NewReader(f).ReadString('\n')
		typed <- answer{line, err}
	}()
	select {
	case x := <-typed:
		if x.err != nil && x.line == "" {
			return "", misuse("password_empty")
		}
		return strings.TrimRight(x.line, "\r\n"), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
