package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/restclient"
	"github.com/doorstep-sync/doorstep/clients/trust"
)

// signedIn is who is signed in where, kept in a file that only its owner can read.
type signedIn struct {
	Server    string    `json:"server"`
	Login     string    `json:"login"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// config is the folder of this person's settings. DOORSTEP_CONFIG named it once; for doorstepd that is a file, which is
// passed over.
func (a *app) config() (string, error) {
	for _, x := range []struct{ env, below string }{{"DOORSTEP_SETTINGS", ""}, {"DOORSTEP_CONFIG", ""}, {"XDG_CONFIG_HOME", "doorstep"}, {"HOME", ".config/doorstep"}} {
		if dir := a.Env(x.env); dir != "" {
			if info, err := os.Stat(dir); x.env == "DOORSTEP_CONFIG" && err == nil && !info.IsDir() {
				continue
			}
			return filepath.Join(dir, x.below), nil
		}
	}
	return "", fail(ExitFailed, "no_config")
}

// keep writes a file of the settings, whole or not at all, for its owner alone.
func (a *app) keep(name string, doc any) error {
	dir, err := a.config()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(ExitFailed, "config_write", dir).because(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, name+".*") // 0600
	if err != nil {
		return fail(ExitFailed, "config_write", dir).because(err)
	}
	_, err = f.Write(append(text, '\n'))
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fail(ExitFailed, "config_write", dir).because(err)
	}
	return nil
}

const sessionFile = "session.json"

// session reads who is signed in.
func (a *app) session() (signedIn, error) {
	var s signedIn
	dir, err := a.config()
	if err != nil {
		return s, err
	}
	path := filepath.Join(dir, sessionFile)
	info, err := os.Stat(path)
	if err != nil {
		return s, fail(ExitNotAllowed, "not_signed_in").because(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return s, fail(ExitNotAllowed, "session_open", path)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil || checkServer(s.Server) != nil || s.Token == "" {
		return s, fail(ExitNotAllowed, "not_signed_in").because(err)
	}
	if !a.Now().Before(s.ExpiresAt) {
		return s, fail(ExitNotAllowed, "session_over", s.Server, s.Login)
	}
	return s, nil
}

// centre makes a client with the token of who is signed in.
func (a *app) centre() (*restclient.ClientWithResponses, error) {
	s, err := a.session()
	if err != nil {
		return nil, err
	}
	centre := trust.NewCentre(a.knownCentres()[s.Server])
	return restclient.NewClientWithResponses(s.Server, restclient.WithHTTPClient(a.client(centre)), restclient.WithLanguage(a.lang), restclient.WithToken(s.Token))
}

// stranger makes a client without a token.
func (a *app) stranger(server string, centre *trust.Centre) (*restclient.ClientWithResponses, error) {
	return restclient.NewClientWithResponses(server, restclient.WithHTTPClient(a.client(centre)), restclient.WithLanguage(a.lang))
}

// stranded gives whom to take for a centre that nobody is signed in to: as the flags say, else as it was the last time.
func (a *app) stranded(server string, f *trustFlags) (*trust.Centre, error) {
	t, err := f.trust(a.knownCentres()[strings.TrimRight(server, "/")])
	return trust.NewCentre(t), err
}

// answered tells what came of a request: nil if it was answered as hoped for (ok), else a fault. answer is asked only
// if there is one.
func (a *app) answered(err error, answer func() (ok bool, body []byte, r *http.Response)) error {
	var own *fault
	var sending *url.Error
	switch {
	case errors.Is(err, context.Canceled), errors.As(err, &own):
		return err
	case errors.As(err, &sending):
		if f := untrusted(err); f != nil {
			return f
		}
		return unreachable(err)
	case err != nil:
		return fail(ExitFailed, "answer_odd").because(err)
	}
	ok, body, r := answer() //nolint:bodyclose // the generated client has read and closed it
	if ok {
		return nil
	}
	e := restclient.Refusal(body, r)
	if e.Key == "" {
		return fail(ExitFailed, "answer_odd_status", e.Status).because(e)
	}
	return &fault{exit: restExit(e.Status), code: e.Key, text: cleanLines(e.Error()), err: e}
}

// unreachable tells a centre that was never reached from one that was lost before it answered: there nobody here knows
// what became of the request.
func unreachable(err error) *fault {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fail(ExitOffline, "offline").because(err)
	}
	return fail(ExitOffline, "answer_lost").because(err)
}

// restExit gives the exit code of a refusal of the REST interface.
func restExit(status int) int {
	switch status {
	case http.StatusUnauthorized:
		return ExitNotAllowed
	case http.StatusForbidden, http.StatusConflict:
		return ExitRefused
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return ExitOffline
	}
	if status/100 == 4 {
		return ExitUsage
	}
	return ExitFailed
}

// cleanLines cleans a text of several lines.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func (a *app) loginCommand() *cobra.Command {
	var server, login, file string
	var flags *trustFlags
	c := a.command("login", "login --server URL --login NAME [--password-file FILE]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if err := needFlags(cmd, "server", "login"); err != nil {
			return err
		}
		if err := errors.Join(checkServer(server), tooLong("--login", login, 64)); err != nil {
			return err
		}
		password, err := a.password(cmd.Context(), file, false)
		if err != nil {
			return err
		}
		centre, err := a.stranded(server, flags)
		if err != nil {
			return err
		}
		client, err := a.stranger(server, centre)
		if err != nil {
			return err
		}
		r, err := client.LoginWithResponse(cmd.Context(), restclient.LoginInputBody{Login: login, Password: password})
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
			return err
		}
		return a.signIn(cmd.Context(), server, login, r.JSON200, centre)
	})
	a.serverFlags(c, &server, &login)
	flags = a.trustFlags(c)
	a.passwordFlag(c, &file)
	return c
}

func (a *app) serverFlags(c *cobra.Command, server, login *string) {
	c.Flags().StringVar(server, "server", "", a.say("flag.server"))
	c.Flags().StringVar(login, "login", "", a.say("flag.login"))
}

func (a *app) bootstrapCommand() *cobra.Command {
	var server, login, file, code, name string
	var flags *trustFlags
	c := a.command("bootstrap", "bootstrap --server URL --code CODE --login NAME --name TEXT [--password-file FILE]", a.exactly(0), func(cmd *cobra.Command, _ []string) error {
		if err := needFlags(cmd, "server", "code", "login", "name"); err != nil {
			return err
		}
		if err := errors.Join(checkServer(server), tooLong("--login", login, 64), tooLong("--name", name, 100), tooLong("--code", code, 64)); err != nil {
			return err
		}
		password, err := a.password(cmd.Context(), file, true)
		if err != nil {
			return err
		}
		short, print := trust.SplitCode(code)
		if print != "" && flags.fingerprint == "" {
			flags.fingerprint = print
		}
		centre, err := a.stranded(server, flags)
		if err != nil {
			return err
		}
		client, err := a.stranger(server, centre)
		if err != nil {
			return err
		}
		r, err := client.BootstrapWithResponse(cmd.Context(), restclient.BootstrapInputBody{Code: short, Login: login, Name: name, Password: password})
		if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON201 != nil, r.Body, r.HTTPResponse }); err != nil {
			if f := (*fault)(nil); errors.As(err, &f) && f.exit == ExitNotAllowed {
				f.exit = ExitRefused // nobody is signed in here: it is the code that was wrong
			}
			return err
		}
		return a.signIn(cmd.Context(), server, login, r.JSON201, centre)
	})
	a.serverFlags(c, &server, &login)
	flags = a.trustFlags(c)
	c.Flags().StringVar(&code, "code", "", a.say("flag.admin_code"))
	c.Flags().StringVar(&name, "name", "", a.say("flag.name"))
	a.passwordFlag(c, &file)
	return c
}

// signIn keeps the token and tells who it is for.
func (a *app) signIn(ctx context.Context, server, login string, s *restclient.Session, centre *trust.Centre) error {
	if err := a.greeted(server, centre, s.Pins); err != nil {
		return err
	}
	if err := a.keep(sessionFile, signedIn{strings.TrimRight(server, "/"), login, s.Token, s.ExpiresAt}); err != nil {
		return err
	}
	return a.whoAmI(ctx)
}

func (a *app) whoAmI(ctx context.Context) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	client, err := a.centre()
	if err != nil {
		return err
	}
	r, err := client.MeWithResponse(ctx)
	if err := a.answered(err, func() (bool, []byte, *http.Response) { return r.JSON200 != nil, r.Body, r.HTTPResponse }); err != nil {
		return err
	}
	if a.json {
		return a.emit(struct {
			*restclient.Me
			Server    string    `json:"server"`
			ExpiresAt time.Time `json:"expires_at"`
		}{r.JSON200, s.Server, s.ExpiresAt})
	}
	a.print("signed_in", clean(r.JSON200.Account.Name), clean(r.JSON200.Account.Login), s.Server, a.when(s.ExpiresAt.UnixMilli()))
	for _, x := range r.JSON200.Assignments {
		a.print("signed_in_role", a.role(x.Role), clean(x.Scope))
	}
	return nil
}

func (a *app) whoAmICommand() *cobra.Command {
	return a.command("whoami", "whoami", a.exactly(0), func(cmd *cobra.Command, _ []string) error { return a.whoAmI(cmd.Context()) })
}

func (a *app) logoutCommand() *cobra.Command {
	return a.command("logout", "logout", a.exactly(0), func(*cobra.Command, []string) error {
		dir, err := a.config()
		if err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(dir, sessionFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fail(ExitFailed, "config_write", dir).because(err)
		}
		_ = os.Remove(filepath.Join(dir, shownFile))
		if a.json {
			return a.emit(map[string]any{"signed_in": false})
		}
		a.print("signed_out")
		return nil
	})
}

// roleName gives a role's name for its name or label; what is neither is for the centre to refuse.
func (a *app) roleName(typed string) string {
	if s, err := a.schema(); err == nil && s.Roles[typed] == nil {
		for name, r := range s.Roles {
			if r.Label.ZH == typed || strings.EqualFold(r.Label.EN, typed) {
				return name
			}
		}
	}
	return typed
}

// role gives the label of a role.
func (a *app) role(name string) string {
	if s, err := a.schema(); err == nil && s.Roles[name] != nil {
		return a.label(s.Roles[name].Label)
	}
	return clean(name)
}
