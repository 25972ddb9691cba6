package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/doorstep-sync/doorstep/server/transport"
)

// tlsConfig says how connections are kept from being read along.
type tlsConfig struct {
	Cert, Key string   // files of a given certificate
	Authority string   // file with the certificate of its authority, for devices to pin
	Own       bool     // an authority of the centre's own, on loopback too
	Names     []string // that the own authority's certificate is for, besides the machine's
	Plain     bool     // plain text beyond loopback
}

var tlsSettings = map[string]string{
	"tls.cert": "tls-cert", "tls.key": "tls-key", "tls.authority": "tls-authority", "tls.own": "tls-own", "tls.names": "tls-name",
	"insecure_plain_text": "insecure-plain-text",
}

func addTLSFlags(f *pflag.FlagSet) {
	f.String("tls-cert", "", "certificate with its chain (PEM); it is read anew when the file changes")
	f.String("tls-key", "", "key of the certificate (PEM, mode 0600)")
	f.String("tls-authority", "", "certificate of its authority, if devices are to know the centre by it")
	f.Bool("tls-own", false, "use an authority of the centre's own on loopback too; elsewhere it is used without saying")
	f.StringSlice("tls-name", nil, "host name or address that the own authority's certificate is for; may be repeated")
	f.Bool("insecure-plain-text", false, "serve plain text to the network: everybody on it can read along")
}

// checkTLS reads the settings.
func (s *source) checkTLS() (t tlsConfig, err error) {
	k := s.k
	t = tlsConfig{Cert: k.String("tls.cert"), Key: k.String("tls.key"), Authority: k.String("tls.authority"), Names: k.Strings("tls.names")}
	for key, field := range map[string]*bool{"tls.own": &t.Own, "insecure_plain_text": &t.Plain} {
		if *field, err = strconv.ParseBool(k.String(key)); err != nil {
			return t, s.wrong(key, "true or false")
		}
	}
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return t, usage("tls.cert and tls.key belong together; give both, or neither")
	case t.Authority != "" && t.Cert == "":
		return t, usage("tls.authority belongs to a given certificate; give tls.cert and tls.key too")
	case t.Plain && (t.Cert != "" || t.Own):
		return t, usage("insecure_plain_text and a certificate exclude one another; choose one")
	}
	return t, nil
}

// openIdentity gives what the centre proves itself with, nil for plain text: a given certificate, else nothing on
// loopback, else an authority of its own.
func (a *app) openIdentity(now func() time.Time) (transport.Identity, error) {
	c := a.config.TLS
	switch {
	case c.Cert != "":
		g, err := transport.OpenGiven(c.Cert, c.Key, c.Authority, now, func(err error) {
			a.log.Warn().Err(err).Msg("the new certificate cannot be used; the one before stays in use")
		})
		if err != nil {
			return nil, usage("%v", err)
		}
		return g, nil
	case c.Plain:
		if !loopback(a.config.Listen) {
			a.log.Warn().Str("listen", a.config.Listen).Msg("insecure_plain_text: everybody on the network can read along, tokens and records included")
		}
		return nil, nil
	case !c.Own && loopback(a.config.Listen):
		return nil, nil
	}
	own, err := transport.OpenAuthority(a.folder.path, machineNames(c.Names, a.config.Listen), now)
	if err != nil {
		return nil, err
	}
	return own, nil
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// machineNames adds to the configured names what this machine is called itself.
func machineNames(names []string, listen string) []string {
	out := slices.Clone(names)
	add := func(n string) {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	if host, _, err := net.SplitHostPort(listen); err == nil {
		if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
			add(host)
		}
	}
	if host, err := os.Hostname(); err == nil {
		add(host)
	}
	for _, n := range []string{"localhost", "127.0.0.1", "::1"} {
		add(n)
	}
	if list, err := net.InterfaceAddrs(); err == nil {
		for _, x := range list {
			if ip, ok := x.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() {
				add(ip.IP.String())
			}
		}
	}
	return out
}

// fingerprint is what enrolment codes carry: of the authority that signs.
func (a *app) fingerprint() string {
	if a.identity == nil || len(a.identity.Pins()) == 0 {
		return ""
	}
	return a.identity.Pins()[0].Fingerprint()
}

func (a *app) pins() []string {
	if a.identity == nil {
		return nil
	}
	return transport.Strings(a.identity.Pins())
}

// scheme is how the address begins.
func (a *app) scheme() string {
	if a.identity == nil {
		return "http://"
	}
	return "https://"
}

// accept serves until the server is shut down.
func (a *app) accept(l net.Listener) error {
	if a.identity == nil {
		return a.server.Serve(l)
	}
	a.server.TLSConfig = transport.Config(a.identity)
	a.server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){} // no HTTP/2: WebSockets come over HTTP/1.1
	return a.server.ServeTLS(l, "", "")
}

// reload looks again at certificates and keys, on SIGHUP.
func (a *app) reload(log zerolog.Logger) {
	if a.identity != nil {
		if err := a.identity.Reload(); err != nil {
			log.Warn().Err(err).Msg("the certificate cannot be read again; the one before stays in use")
			return
		}
	}
	log.Info().Msg("certificates and keys were read again")
}

func tlsCommand(out io.Writer, environ func() []string, now func() time.Time) *cobra.Command {
	group := &cobra.Command{Use: "tls", Short: "Change the centre's own authority", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	sub := func(use, short, long string, do func(folder string) (transport.Pin, error)) *cobra.Command {
		cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := configure(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			pin, err := do(c.Data)
			if err != nil {
				return err
			}
			tell(out, "fingerprint: %s\nSHA-256: %s\n", pin.Fingerprint(), pin)
			return nil
		}}
		addFlags(cmd.Flags())
		return cmd
	}
	group.AddCommand(
		sub("announce", "Make the next authority and tell devices of it", `Make the authority that is to sign next. A running centre reads it on SIGHUP and tells every device with its next
token; nothing else changes. Run 'doorstepd tls switch' once all devices have synchronised.`,
			func(folder string) (transport.Pin, error) { return transport.Announce(folder, now()) }),
		sub("switch", "Let the announced authority sign", `Let the announced authority sign from now on; the one before is gone. A running centre takes it over on SIGHUP.
Devices that have not synchronised since it was announced must be told the new fingerprint ('doorstep trust').`,
			transport.SwitchOver))
	return group
}
