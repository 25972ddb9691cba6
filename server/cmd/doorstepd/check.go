package main

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/doorstep-sync/doorstep/server/store"
)

// Bounds of check.
const (
	leastFree    = 200 << 20 // below this a centre should not start
	goodFree     = 2 << 30
	certWarn     = 30 * 24 * time.Hour
	clockSlack   = 2 * time.Minute
	slowSync     = 100 * time.Millisecond
	timesyncMark = "/run/systemd/timesync/synchronized"
)

// checkup gathers what was found. A fault keeps a centre from working well; a warning may become one.
type checkup struct {
	out    io.Writer
	c      config
	now    func() time.Time
	synced string // file that is there once the machine's clock was set by NTP
	faults int
	asJSON bool
	list   []finding
}

// finding is a line of check, for programs.
type finding struct {
	Level string `json:"level"` // ok, warning or fault
	Text  string `json:"text"`
}

var levels = map[string]string{"✓": "ok", "!": "warning", "✗": "fault"}

func (k *checkup) found(mark, format string, args ...any) {
	text := in(langOf(k.out), format, args...)
	if k.asJSON {
		k.list = append(k.list, finding{levels[mark], text})
		return
	}
	fmt.Fprintf(k.out, "%s %s\n", mark, text)
}

func (k *checkup) ok(format string, args ...any) { k.found("✓", format, args...) }

func (k *checkup) warn(format string, args ...any) { k.found("!", format, args...) }

func (k *checkup) fault(format string, args ...any) {
	k.faults++
	k.found("✗", format, args...)
}

func checkCommand(out io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "check", Short: "Check what a centre needs: port, folder, disk, clock, certificate, keys, declarations", Args: noArgs,
		Long: `Check what a centre needs, whether or not one is running. ✓ is in order, ! should be looked at, ✗ is a fault: then the exit
code is 1. Nothing is changed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			k := &checkup{out: out, c: c, now: now, synced: timesyncMark, asJSON: asJSON}
			for _, x := range strays(environ) {
				k.warn("the variable %s is no setting and is ignored; %v", x.name, x.hint)
			}
			k.all()
			if asJSON {
				if err := indented(out, map[string]any{"ok": k.faults == 0, "faults": k.faults, "findings": k.list}); err != nil {
					return err
				}
			}
			if k.faults > 0 {
				return failed("what is marked ✗ above keeps a centre from working well (%d)", k.faults)
			}
			return nil
		},
	}
	addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (k *checkup) all() {
	begun := k.now()
	running := k.folder()
	k.port(running)
	k.disk()
	k.keys()
	k.county()
	k.certificate()
	k.declarations()
	k.clock(begun)
}

// folder checks the data folder and tells whether a centre works in it.
func (k *checkup) folder() (running bool) {
	info, err := os.Stat(k.c.Data)
	switch {
	case errors.Is(err, os.ErrNotExist):
		k.parent()
		return false
	case err != nil:
		k.fault("the data folder %s cannot be read: %v", k.c.Data, cause(err))
		return false
	case !info.IsDir():
		k.fault("the data folder %s is a file; choose another with --data", k.c.Data)
		return false
	case info.Mode().Perm()&0o077 != 0:
		k.fault("the data folder %s may be entered by others (mode %04o); run: chmod 700 %s", k.c.Data, info.Mode().Perm(), k.c.Data)
	}
	probe, err := os.CreateTemp(k.c.Data, ".check-*")
	if err != nil {
		k.fault("the data folder %s cannot be written: %v; give this user the right", k.c.Data, cause(err))
		return false
	}
	begun := k.now()
	_, err = probe.Write(make([]byte, 4096))
	err = errors.Join(err, probe.Sync(), probe.Close(), os.Remove(probe.Name()))
	switch took := k.now().Sub(begun); {
	case err != nil:
		k.fault("the data folder %s does not keep what is written to it: %v", k.c.Data, err)
	case took > slowSync:
		k.warn("the disk took %v to make 4 KiB durable; each commit waits that long", took.Round(time.Millisecond))
	default:
		k.ok("the data folder %s can be written, durable in %v", k.c.Data, took.Round(10*time.Microsecond))
	}
	lock, err := os.OpenFile(filepath.Join(k.c.Data, "lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer lock.Close()
	return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// parent checks that the data folder, which is not there yet, can be made.
func (k *checkup) parent() {
	switch dir := existing(k.c.Data); {
	case unix.Access(dir, unix.W_OK|unix.X_OK) != nil:
		k.fault("the data folder %s is not there, and cannot be made in %s; give this user the right, or choose another with --data", k.c.Data, dir)
	default:
		k.warn("the data folder %s is not there yet; serve makes it", k.c.Data)
	}
}

// existing is the folder, or the nearest above it that is there.
func existing(dir string) string {
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

func (k *checkup) port(running bool) {
	l, err := net.Listen("tcp", k.c.Listen)
	switch {
	case err == nil:
		k.ok("port %s is free", l.Addr())
		l.Close()
	case running:
		k.ok("a centre is running in this folder; %s is in use", k.c.Listen)
	default:
		k.fault("%s cannot be listened on: %v; stop what uses it, or choose another with --listen", k.c.Listen, deepest(err))
	}
}

func deepest(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// odd filesystems, by the numbers of statfs(2): what is on them may not outlive a power cut, or locks do not hold.
var odd = map[int64]string{
	0x01021994: "tmpfs, which is gone after a power cut", 0x6969: "NFS, where locks and syncs are not to be relied upon",
	0xff534d42: "CIFS, where locks and syncs are not to be relied upon", 0xfe534d42: "SMB, where locks and syncs are not to be relied upon",
	0x65735546: "FUSE; ask whose it is whether it keeps what is synced",
}

func (k *checkup) disk() {
	dir := existing(k.c.Data)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		k.fault("the disk of %s cannot be asked: %v", dir, err)
		return
	}
	if name, found := odd[int64(st.Type)]; found { //nolint:unconvert // its type differs between machines
		k.warn("the data folder is on %s", name)
	}
	free := st.Bavail * uint64(st.Bsize)
	switch {
	case free < leastFree:
		k.fault("only %d MiB are free on the disk of %s; make room", free>>20, dir)
	case free < goodFree:
		k.warn("%d MiB are free on the disk of %s; make room soon", free>>20, dir)
	default:
		k.ok("%d GiB are free on the disk of %s", free>>30, dir)
	}
	if _, err := os.Stat(k.c.Data); err != nil {
		return
	}
	switch err := store.ProbeDurable(k.c.Data); {
	case errors.Is(err, store.ErrNotDurable):
		k.fault("SQLite cannot make commits durable on the disk of %s: %v; use a local disk", k.c.Data, err)
	case err != nil:
		k.fault("SQLite cannot work on the disk of %s: %v", k.c.Data, err)
	default:
		k.ok("SQLite works there with WAL and synchronous=FULL")
	}
}

func (k *checkup) keys() {
	files, _ := filepath.Glob(filepath.Join(k.c.Data, "*.pem"))
	for _, name := range []string{sealingKeys, countyKeyFile} {
		if _, err := os.Stat(filepath.Join(k.c.Data, name)); err == nil {
			files = append(files, filepath.Join(k.c.Data, name))
		}
	}
	bad := 0
	for _, f := range append(files, filepath.Join(k.c.Data, databaseFile)) {
		if info, err := os.Stat(f); err == nil && info.Mode().Perm()&0o077 != 0 {
			bad++
			k.fault("%s may be read by others (mode %04o); run: chmod 600 %s", f, info.Mode().Perm(), f)
		}
	}
	if bad == 0 && len(files) > 0 {
		k.ok("%d key files, for this user alone", len(files))
	}
}

func (k *checkup) county() {
	path := filepath.Join(k.c.Data, databaseFile)
	if list, err := store.Counties(path); err == nil && len(list) > 0 && !slices.Contains(list, k.c.County) {
		k.fault("%s is the database of county %d, not of %d; start with --county %d, or give another --data", path, list[0], k.c.County, list[0])
	}
}

func (k *checkup) certificate() {
	t := k.c.TLS
	if t.Cert == "" {
		switch {
		case t.Plain:
			k.warn("insecure_plain_text: everybody on the network can read along")
		case !t.Own && loopback(k.c.Listen):
			k.ok("loopback only: no certificate needed")
		default:
			k.ok("the centre's own authority makes its certificate and renews it")
		}
		return
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		k.fault("the certificate %s cannot be used: %v", t.Cert, err)
		return
	}
	if info, err := os.Stat(t.Key); err == nil && info.Mode().Perm()&0o077 != 0 { // serve does not take it
		k.fault("the key in %s may be read by others (mode %04o); run: chmod 600 %s", t.Key, info.Mode().Perm(), t.Key)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	switch left := time.Duration(0); {
	case err != nil:
		k.fault("the certificate %s cannot be used: %v", t.Cert, err)
	case k.now().Before(leaf.NotBefore):
		k.fault("the certificate %s is not valid before %s", t.Cert, leaf.NotBefore.Format(time.RFC3339))
	case k.now().After(leaf.NotAfter):
		k.fault("the certificate %s expired at %s; renew it", t.Cert, leaf.NotAfter.Format(time.RFC3339))
	default:
		left = leaf.NotAfter.Sub(k.now())
		if left < certWarn {
			k.warn("the certificate %s expires in %d days; renew it", t.Cert, int(left.Hours()/24))
		} else {
			k.ok("the certificate %s is valid for %d days", t.Cert, int(left.Hours()/24))
		}
	}
}

func (k *checkup) declarations() {
	s, err := loadSchema(k.c.Schema)
	if err != nil {
		k.fault("%v", err)
		return
	}
	k.ok("declarations of version %d are in order", s.Version)
}

// clock compares the clock with the newest thing the centre did, with the monotonic one, and asks whether it was set.
func (k *checkup) clock(begun time.Time) {
	now := k.now()
	if last := k.newest(); last.Sub(now) > clockSlack {
		k.fault("the clock is %v behind the centre's last commit (%s); set it before the centre runs", last.Sub(now).Round(time.Second), last.UTC().Format(time.RFC3339))
		return
	}
	ended := k.now()
	wall, mono := ended.Round(0).Sub(begun.Round(0)), ended.Sub(begun)
	if d := wall - mono; d.Abs() > time.Second {
		k.warn("the clock was moved by %v while it was looked at", d.Round(time.Second))
	}
	if _, err := os.Stat(filepath.Dir(k.synced)); err == nil {
		if _, err := os.Stat(k.synced); err != nil {
			k.warn("the clock has not been set by NTP since the machine started")
			return
		}
	}
	k.ok("the clock is %s, and not behind what the centre did", now.UTC().Format(time.RFC3339))
}

// newest gives when the centre last committed or noted anything; zero if never.
func (k *checkup) newest() (at time.Time) {
	path, err := database(k.c)
	if err != nil {
		return at
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_query_only=1&_busy_timeout=2000&mode=rw")
	if err != nil {
		return at
	}
	defer db.Close()
	var ms sql.NullInt64
	err = db.QueryRow(`SELECT max(coalesce((SELECT received FROM history WHERE county = $1 ORDER BY seq DESC LIMIT 1), 0),
		coalesce((SELECT at FROM audit WHERE county = $1 ORDER BY i DESC LIMIT 1), 0))`, k.c.County).Scan(&ms)
	if err != nil {
		k.warn("the database cannot be asked when it was last written: %v", err)
	}
	return time.UnixMilli(ms.Int64)
}
