package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Session is a token for a person or a device.
type Session struct {
	Token     string    `json:"token" doc:"Send it as Authorization: Bearer. Never put it in a URL."`
	ExpiresAt time.Time `json:"expires_at"`
	Pins      []string  `json:"pins,omitempty" doc:"What to take for this centre from now on: SHA-256 (hexadecimal) of the public keys of its authority, the present one first, then the next. Absent where public authorities vouch for it."`
}

// Me is the account that calls and what it may do now.
type Me struct {
	Account     Account      `json:"account"`
	Admin       bool         `json:"admin" doc:"Administers the centre."`
	Console     bool         `json:"console" doc:"Works at the centre in some org unit: may see and decide conflicts there."`
	Assignments []Assignment `json:"assignments" doc:"Those that hold now."`
}

type sessionBody struct{ Body Session }

type bootstrapInput struct {
	Body struct {
		Code     string `json:"code" maxLength:"64" doc:"The one-time administrator code that the centre printed when it started."`
		Login    string `json:"login" maxLength:"64"`
		Name     string `json:"name" maxLength:"100"`
		Password string `json:"password" maxLength:"512" doc:"10 to 128 characters."`
	}
}

type loginInput struct {
	Body struct {
		Login    string `json:"login" maxLength:"64"`
		Password string `json:"password" maxLength:"512"`
	}
}

type enrolInput struct {
	Body struct {
		Code      string `json:"code" maxLength:"64" doc:"Enrolment code, as typed."`
		PublicKey string `json:"public_key" maxLength:"64" doc:"The device's Ed25519 public key, 32 bytes in base64url without padding."`
		Proof     string `json:"proof" maxLength:"128" doc:"Signature (base64url) over the UTF-8 text 'doorstep-enrol-v1\\n' + code + '\\n' + public_key + '\\n'; code in its one form: upper case, without separators, O as 0, I and L as 1."`
		Label     string `json:"label" maxLength:"100" doc:"What people call the device."`
		App       string `json:"app,omitempty" maxLength:"100" doc:"Name and version of the program."`
		Again     *Again `json:"again,omitempty" doc:"Of a replica that was a device before, and whose key is lost, or which the centre does not know (any more)."`
	}
}

// Again is what a replica was before it is enrolled once more. It keeps its unsent work.
type Again struct {
	Device  string `json:"device" maxLength:"36"`
	Account string `json:"account" maxLength:"36" doc:"A code for anybody else is refused and stays unused."`
	Past    Past   `json:"past"`
}

// Enrolled tells a device who it is.
type Enrolled struct {
	Device      string `json:"device" doc:"The device's id: it names its changesets."`
	Account     string `json:"account"`
	AccountName string `json:"account_name"`
	Schema      int    `json:"schema" doc:"Version of the centre's declarations."`

	Pins []string `json:"pins,omitempty" doc:"As in a session."`
	Fork *Forked  `json:"fork,omitempty" doc:"Where it parts from the device that it was; with again."`
}

type challengeInput struct {
	Body struct {
		Device string `json:"device" maxLength:"36"`
	}
}

// Challenge is what a device signs to get a token.
type Challenge struct {
	Challenge string    `json:"challenge"`
	ExpiresAt time.Time `json:"expires_at" doc:"Valid once, for 60 seconds."`
}

type tokenInput struct {
	Body struct {
		Device    string `json:"device" maxLength:"36"`
		Challenge string `json:"challenge" maxLength:"128"`
		Signature string `json:"signature" maxLength:"128" doc:"Signature (base64url) over the UTF-8 text 'doorstep-token-v1\\n' + device + '\\n' + challenge + '\\n'."`
	}
}

type passwordInput struct {
	Body struct {
		Old      string `json:"old" maxLength:"512"`
		Password string `json:"password" maxLength:"512" doc:"10 to 128 characters."`
	}
}

type empty struct{}

func (a *API) sessionRoutes() {
	route(a, "bootstrap", "POST", "/v1/bootstrap", anybody, "Make the first administrator", a.bootstrap, made)
	route(a, "login", "POST", "/v1/login", anybody, "Sign a person in", a.login)
	route(a, "enrol", "POST", "/v1/enrol", anybody, "Enrol a device; the same code and key get the same answer until the code expires", a.enrol, made, func(op *huma.Operation) { op.MaxBodyBytes = maxPast })
	route(a, "challenge", "POST", "/v1/token/challenge", anybody, "Get something to sign", a.challenge)
	route(a, "token", "POST", "/v1/token", anybody, "Get a device's token", a.token)
	route(a, "me", "GET", "/v1/me", either, "Who am I", func(ctx context.Context, _ *empty) (*struct{ Body Me }, error) {
		r, err := a.me(ctx)
		if err != nil {
			return nil, err
		}
		out := &struct{ Body Me }{Me{toAccount(r.Account), r.Admin, r.Console, a.toAssignments(ctx, r.Assignments)}}
		return out, nil
	})
	route(a, "change-password", "POST", "/v1/me/password", person, "Change my password; sign in again with it afterwards", a.changePassword)
}

func (a *API) bootstrap(ctx context.Context, in *bootstrapInput) (*sessionBody, error) {
	b := &in.Body
	if _, err := a.Auth.Bootstrap(ctx, address(ctx), b.Code, b.Login, b.Name, b.Password); err != nil {
		return nil, err
	}
	return a.signIn(ctx, b.Login, b.Password)
}

func (a *API) login(ctx context.Context, in *loginInput) (*sessionBody, error) {
	return a.signIn(ctx, in.Body.Login, in.Body.Password)
}

func (a *API) signIn(ctx context.Context, login, password string) (*sessionBody, error) {
	t, _, err := a.Auth.Login(ctx, address(ctx), login, password)
	if err != nil {
		return nil, err
	}
	return a.session(t), nil
}

func (a *API) session(t auth.Token) *sessionBody {
	return &sessionBody{Session{t.Text, t.Expires.UTC(), a.pins()}}
}

// pins are those that clients are told to expect.
func (a *API) pins() []string {
	if a.Pins == nil {
		return nil
	}
	return a.Pins()
}

func (a *API) changePassword(ctx context.Context, in *passwordInput) (*empty, error) {
	r, err := a.me(ctx)
	if err != nil {
		return nil, err
	}
	return &empty{}, a.Auth.ChangePassword(ctx, address(ctx), r.Account, in.Body.Old, in.Body.Password)
}

func (a *API) enrol(ctx context.Context, in *enrolInput) (*struct{ Body Enrolled }, error) {
	b := &in.Body
	e := auth.Enrolment{Code: b.Code, PublicKey: b.PublicKey, Proof: b.Proof, Label: b.Label, App: b.App}
	var claims []syncengine.Claim
	if b.Again != nil {
		r, err := a.Restorer.Restored()
		if err != nil {
			return nil, err
		}
		if r != nil {
			return nil, messages.Refuse(messages.Unconfirmed) // before the code is used up
		}
		if claims, err = b.Again.Past.claims(); err != nil {
			return nil, err
		}
		e.Before = directory.Before{Device: b.Again.Device, Account: b.Again.Account}
	}
	v, err := a.Auth.Enrol(ctx, address(ctx), e)
	if err != nil {
		return nil, err
	}
	account, err := a.Directory.Account(ctx, v.Account)
	if err != nil {
		return nil, err
	}
	var f *Forked
	if b.Again != nil {
		if f, err = a.parted(b.Again.Device, v.ID, claims, &b.Again.Past); err != nil {
			return nil, err
		}
	}
	a.Log.Info().Str("device", v.ID).Str("account", v.Account).Str("before", v.Parent).Msg("device enrolled")
	return &struct{ Body Enrolled }{Enrolled{v.ID, v.Account, account.Name, a.Schema.Version, a.pins(), f}}, nil
}

func (a *API) challenge(_ context.Context, in *challengeInput) (*struct{ Body Challenge }, error) {
	t, err := a.Auth.Challenge(in.Body.Device)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Challenge }{Challenge{t.Text, t.Expires.UTC()}}, nil
}

func (a *API) token(ctx context.Context, in *tokenInput) (*sessionBody, error) {
	t, err := a.Auth.DeviceToken(ctx, in.Body.Device, in.Body.Challenge, in.Body.Signature)
	if err != nil {
		return nil, err
	}
	return a.session(t), nil
}

// Language and label of a sentence that stands in a body.
func (a *API) say(ctx context.Context, s messages.Sentence) string {
	if s.Key == "" {
		return ""
	}
	return s.In(language(ctx))
}
