package cli

import (
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
	return a.secret(ctx, file, fresh, secretTexts{a.say("password_prompt"), misuse("password_empty"), wrong("password_differs")})
}

// secretTexts are what is said while a secret is asked for.
type secretTexts struct {
	prompt         string
	empty, differs *fault
}

// secret reads one.
func (a *app) secret(ctx context.Context, file string, fresh bool, say secretTexts) (string, error) {
	switch file {
	case "-":
		return a.firstLine(a.In, say.empty)
	case "":
	default:
		f, err := os.Open(file)
		if err != nil {
			return "", wrong("password_file", clean(file)).because(err)
		}
		defer f.Close()
		return a.firstLine(f, say.empty)
	}
	read := a.Secret
	if read == nil {
		read = func(prompt string) (string, error) { return a.ask(ctx, prompt) }
	}
	first, err := read(say.prompt)
	if errors.Is(err, errNoTerminal) {
		return a.firstLine(a.In, say.empty)
	}
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", say.empty
	}
	if fresh {
		second, err := read(a.say("password_again"))
		if err != nil {
			return "", err
		}
		if first != second {
			return "", say.differs
		}
	}
	return first, nil
}

// firstLine reads one line, without its end, and no byte beyond it: another secret may follow.
func (a *app) firstLine(r io.Reader, empty *fault) (string, error) {
	var line []byte
	for b := make([]byte, 1); len(line) <= maxPassword+1; {
		n, err := r.Read(b)
		if n == 1 && b[0] != '\n' {
			line = append(line, b[0])
		}
		if n == 1 && b[0] == '\n' || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", wrong("password_unread").because(err)
		}
	}
	text := strings.TrimRight(string(line), "\r")
	switch {
	case text == "":
		return "", empty
	case len(text) > maxPassword:
		return "", wrong("text_long", "password", maxPassword, len(text))
	}
	return text, nil
}
