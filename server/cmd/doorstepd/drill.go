package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/server/auth"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// drilled is what a drill found.
type drilled struct {
	store.Copy
	Restore time.Duration `json:"restore_ns"` // until the database lay in the scratch folder
	Verify  time.Duration `json:"verify_ns"`  // integrity and chains
	Serve   time.Duration `json:"serve_ns"`   // until a centre answered
	Sync    time.Duration `json:"sync_ns"`    // until a device had all of it
	Rows    int           `json:"rows"`       // frames that brought rows to the scratch device count below
	Frames  int64         `json:"frames"`
	Scope   string        `json:"scope"`
}

// rated is the size from which the time tells how long a larger database would take: of a small one nearly all of it is
// the start of a centre.
const rated = 64 << 20

func (d *drilled) total() time.Duration { return d.Restore + d.Verify + d.Serve + d.Sync }

func drillCommand(out io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	var file, replica, litestream, scratch string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "drill --backup FILE | --replica DIR", Short: "Restore into a scratch folder, verify, serve, sync a device, leave nothing behind", Args: noArgs,
		Long: `Try a restore without touching the centre: the backup, or the folder that litestream writes to, is restored into a scratch
folder and verified, a centre is started from it on this machine alone, and a device of a new account is enrolled and
synchronised. It says how long each took, and leaves nothing behind.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			if (file == "") == (replica == "") {
				return usage("what from? Give --backup FILE or --replica DIR, one of them")
			}
			from := origin{file: file, replica: replica, litestream: litestream}
			d, err := drill(cmd.Context(), c, from, scratch, now)
			if err != nil {
				return failed("the drill failed: %w", err)
			}
			if asJSON {
				return indented(out, d)
			}
			if file != "" {
				uncompared(out, file)
			}
			tell(out, "the drill succeeded: %d:%d, %d bytes\n", d.Epoch, d.Seq, d.Bytes)
			tell(out, "  restored in %v, verified in %v, served after %v, a device had %d rows of %s after %v\n",
				d.Restore.Round(time.Millisecond), d.Verify.Round(time.Millisecond), d.Serve.Round(time.Millisecond), d.Rows, d.Scope, d.Sync.Round(time.Millisecond))
			if d.Bytes < rated {
				tell(out, "  all of it %v\n", d.total().Round(time.Millisecond))
				return nil
			}
			tell(out, "  all of it %v, %.0f s for a GiB\n", d.total().Round(time.Millisecond), d.total().Seconds()/(float64(d.Bytes)/(1<<30)))
			return nil
		},
	}
	addFlags(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&file, "backup", "", "a file that 'doorstepd backup' made")
	f.StringVar(&replica, "replica", "", "the folder that litestream writes to")
	f.StringVar(&litestream, "litestream", "litestream", "the program litestream")
	f.StringVar(&scratch, "scratch", "", "folder to work in (default: the system's for temporary files)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// origin is what a drill restores from.
type origin struct{ file, replica, litestream string }

// into restores the database to a path.
func (s origin) into(ctx context.Context, path string) error {
	if s.file != "" {
		return copyFile(s.file, path)
	}
	full, err := filepath.Abs(s.replica)
	if err != nil {
		return err
	}
	said, err := exec.CommandContext(ctx, s.litestream, "restore", "-o", path, "file://"+full).CombinedOutput()
	if err != nil {
		return failed("%s: %w: %s", s.litestream, err, bytes.TrimSpace(said))
	}
	return nil
}

func drill(ctx context.Context, c config, from origin, scratch string, now func() time.Time) (d drilled, err error) {
	dir, err := os.MkdirTemp(scratch, "doorstep-drill-") // mode 0700
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	mark := now()
	lap := func() time.Duration { was := mark; mark = now(); return mark.Sub(was) }
	path := filepath.Join(dir, databaseFile)
	if err := from.into(ctx, path); err != nil {
		return d, err
	}
	d.Restore = lap()
	if d.Copy, err = store.CheckCopy(path, c.County); err != nil {
		return d, err
	}
	if from.file != "" {
		if err := compare(from.file, d.Copy); err != nil {
			return d, err
		}
	}
	d.Verify = lap()
	c.Data, c.Listen, c.TLS, c.AnchorFolder = dir, "127.0.0.1:0", tlsConfig{}, "" // this machine alone, and nothing of the centre's own
	l, err := listen(c.Listen)
	if err != nil {
		return d, err
	}
	a, err := open(c, zerolog.Nop(), now)
	if err != nil {
		return d, errors.Join(err, l.Close())
	}
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(l) }()
	defer func() {
		err = errors.Join(err, a.stop())
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
	}()
	phone := scratchPhone{url: "http://" + l.Addr().String(), app: a, now: now}
	if err := phone.enrol(ctx, &d); err != nil {
		return d, failed("enrol a device: %w", err)
	}
	d.Serve = lap()
	if err := phone.sync(ctx, &d); err != nil {
		return d, failed("synchronise a device: %w", err)
	}
	d.Sync = lap()
	return d, nil
}

// scratchPhone is a device that takes one snapshot and keeps nothing. It speaks as any device does.
type scratchPhone struct {
	url    string
	app    *app
	now    func() time.Time
	device string
	token  string
}

// enrol makes an account with the role and scope of somebody who has one, and a device of it, over REST.
func (p *scratchPhone) enrol(ctx context.Context, d *drilled) error {
	account, err := p.app.directory.CreateAccount(ctx, "drill-"+strings.ToLower(randomHex(6)), "drill", "")
	if err != nil {
		return err
	}
	role, scope, err := p.post(ctx)
	if err != nil {
		return err
	}
	if d.Scope = scope; scope != "" {
		if _, err := p.app.directory.Assign(ctx, directory.Assignment{Account: account.ID, Role: role, Scope: scope}); err != nil {
			return err
		}
	}
	code, err := p.app.auth.NewCode(ctx, account.ID, "")
	if err != nil {
		return err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	var enrolled struct{ Device string }
	if err := p.call(ctx, "/v1/enrol", map[string]string{"code": code.Text, "public_key": b64(public), "label": "drill", "app": "doorstepd drill",
		"proof": b64(ed25519.Sign(private, auth.ProofText(auth.NormalCode(code.Text), b64(public))))}, &enrolled); err != nil {
		return err
	}
	p.device = enrolled.Device
	var asked struct{ Challenge string }
	if err := p.call(ctx, "/v1/token/challenge", map[string]string{"device": p.device}, &asked); err != nil {
		return err
	}
	var got struct{ Token string }
	err = p.call(ctx, "/v1/token", map[string]string{"device": p.device, "challenge": asked.Challenge,
		"signature": b64(ed25519.Sign(private, auth.SignedText(p.device, asked.Challenge)))}, &got)
	p.token = got.Token
	return err
}

// post finds a role and scope that somebody holds and that shows rows: that of most rows of the configured type.
func (p *scratchPhone) post(ctx context.Context) (role, scope string, err error) {
	accounts, err := p.app.directory.Accounts(ctx, "", 1000)
	if err != nil {
		return "", "", err
	}
	for _, account := range accounts {
		list, err := p.app.directory.Assignments(ctx, account.ID)
		if err != nil {
			return "", "", err
		}
		for _, x := range list {
			if r := p.app.schema.Roles[x.Role]; r != nil && x.Scope != "" && !r.Admin && !r.Doors {
				return x.Role, x.Scope, nil
			}
		}
	}
	return "", "", nil
}

func (p *scratchPhone) call(ctx context.Context, path string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return failed("%s: %s %s", path, resp.Status, body)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// sync takes the whole snapshot over the socket.
func (p *scratchPhone) sync(ctx context.Context, d *drilled) error {
	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second}
	ws, resp, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(p.url, "http")+"/v1/sync",
		http.Header{"Authorization": {"Bearer " + p.token}, "Sec-Websocket-Protocol": {wire.SubprotocolBinary}})
	if err != nil {
		return err
	}
	defer ws.Close()
	resp.Body.Close()
	say := func(m session.Message) error {
		b, err := wire.Marshal(m, wire.Binary)
		if err != nil {
			return err
		}
		return ws.WriteMessage(websocket.BinaryMessage, b)
	}
	if err := say(&session.Hello{Hello: se.Hello{Device: p.device, App: "doorstepd drill", Schema: p.app.schema.Version, Wall: p.now().UnixMilli()}}); err != nil {
		return err
	}
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		m, err := wire.Unmarshal(b, wire.Binary, syncLimits)
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *session.Delta:
			d.Frames++
			d.Rows += len(m.Items)
			if m.Done {
				return nil
			}
			if err := say(&session.Seen{Frames: d.Frames}); err != nil {
				return err
			}
		case *session.Notice:
			if m.Close {
				return errors.New(m.Text)
			}
		}
	}
}

var syncLimits = se.DefaultLimits
