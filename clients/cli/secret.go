package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// errNoTerminal says that nobody is there to type a password.
var errNoTerminal = errors.New("not a terminal")

// maxPassword bounds what is read as a password, in bytes. The centre has its own, smaller bound.
const maxPassword = 4096

// passwordFlag lets a command take a password. It never is an argument: arguments are seen by every user of a machine.
func (a *app) passwordFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "password-file", "", a.say("flag.password_file"))
}

// password reads a password: from the file named, from standard input if that is "-" or no terminal, else from the
// person without showing it; twice if it is a new one.
func (a *app) password(ctx context.Context, file string, fresh bool) (string, error) {
	switch file {
	case "-":
		return a.firstLine(a.In)
	case "":
	default:
		f, err := os.Open(file)
		if err != nil {
			return "", wrong("password_file", clean(file)).because(err)
		}
		defer f.Close()
		return a.firstLine(f)
	}
	secret := a.Secret
	if secret == nil {
		secret = func(prompt string) (string, error) { return a.ask(ctx, prompt) }
	}
	first, err := secret(a.say("password_prompt"))
	if errors.Is(err, errNoTerminal) {
		return a.firstLine(a.In)
	}
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", misuse("password_empty")
	}
	if fresh {
		second, err := secret(a.say("password_again"))
		if err != nil {
			return "", err
		}
		if first != second {
			return "", wrong("password_differs")
		}
	}
	return first, nil
}

// firstLine reads one line, without its end.
func (a *app) firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", wrong("password_unread").because(err)
	}
	line = strings.TrimRight(line, "\r\n")
	switch {
	case line == "":
		return "", misuse("password_empty")
	case len(line) > maxPassword:
		return "", wrong("text_long", "password", maxPassword, len(line))
	}
	return line, nil
}
