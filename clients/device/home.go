package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/doorstep-sync/doorstep/internal/durable"
)

// Home is the folder of a phone that several people use: a replica for each, with a device identity and keys of its own.
// What one of them has not sent stays his and is sent under his device, whoever holds the phone by then.
//
// All of it belongs to one user of the operating system: file permissions keep nobody from another's replica. What is
// sealed is kept from the next person by a PIN (FileKeeper), the whole replica by the encrypted build alone.
type Home struct{ dir string }

// OpenHome makes the folder if it is not there, for its owner alone.
func OpenHome(dir string) (*Home, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open home: %w", err)
	}
	return &Home{dir}, nil
}

// profileName is what a profile may be called: it becomes a folder.
var profileName = regexp.MustCompile(`^[0-9A-Za-z\p{Han}][0-9A-Za-z\p{Han}_.-]{0,63}$`)

const currentFile = "current"

// ErrProfile says that a profile's name cannot be one.
var ErrProfile = errors.New("device: a profile is called by letters, digits, - and _")

// Path is where a profile's replica lies, and makes its folder.
func (h *Home) Path(profile string) (string, error) {
	if !profileName.MatchString(profile) {
		return "", ErrProfile
	}
	dir := filepath.Join(h.dir, profile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("open profile: %w", err)
	}
	return filepath.Join(dir, "replica.db"), nil
}

// Profiles lists those that have a replica, in order.
func (h *Home) Profiles() ([]string, error) {
	list, err := os.ReadDir(h.dir)
	if err != nil {
		return nil, fmt.Errorf("list profiles: %w", err)
	}
	var out []string
	for _, e := range list {
		if _, err := os.Stat(filepath.Join(h.dir, e.Name(), "replica.db")); err == nil && profileName.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

// Current is the profile in use, "" for none.
func (h *Home) Current() string {
	text, err := os.ReadFile(filepath.Join(h.dir, currentFile))
	if err != nil || !profileName.Match(text) {
		return ""
	}
	return string(text)
}

// Use makes a profile the current one. The caller has closed the replica of the one before.
func (h *Home) Use(profile string) error {
	if !profileName.MatchString(profile) {
		return ErrProfile
	}
	return durable.WriteFile(filepath.Join(h.dir, currentFile), []byte(profile))
}

// Drained is what became of one profile's unsent work.
type Drained struct {
	Profile string
	Sent    int
	Err     error
}

// Drain synchronises every profile under its own device, one after the other, and tells nothing of what came in. Each is
// closed again before the next. One that fails holds up none. An encrypted replica is not opened: CodeEncrypted.
func (h *Home) Drain(ctx context.Context, opts Options) ([]Drained, error) {
	list, err := h.Profiles()
	if err != nil {
		return nil, err
	}
	var out []Drained
	for _, name := range list {
		sent, err := h.drain(ctx, name, opts)
		out = append(out, Drained{name, sent, err})
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
	}
	return out, nil
}

func (h *Home) drain(ctx context.Context, profile string, opts Options) (sent int, err error) {
	path, err := h.Path(profile)
	if err != nil {
		return 0, err
	}
	opts.Keys = nil   // each has its own; what is under a PIN stays as it is, it is not needed to send
	opts.Cipher = nil // of what is encrypted its person sends his own
	r, err := Open(path, opts)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	remote, err := r.Remote(ctx, nil, WebSocketOptions{})
	if err != nil {
		return 0, err
	}
	report, err := r.Sync(ctx, remote)
	return report.Sent, err
}
