package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// parseOrigins reads the list of allowed origins into the form that origin gives.
func parseOrigins(list []string) (map[string]bool, error) {
	allowed := map[string]bool{}
	for _, s := range list {
		scheme, host, ok := origin(s)
		if !ok {
			return nil, fmt.Errorf("gateway: allowed origin %q must be http or https, a host and perhaps a port, such as https://console.example.org", s)
		}
		allowed[scheme+"://"+host] = true
	}
	return allowed, nil
}

// origin takes an Origin header apart: scheme, and host with port, in lower case. Anything that a browser would not
// send is not ok: "null", a path, a user.
func origin(s string) (scheme, host string, ok bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		!strings.EqualFold(s, u.Scheme+"://"+u.Host) {
		return "", "", false
	}
	return u.Scheme, hostPort(u.Host, u.Scheme), true
}

// hostPort is a host in lower case with its port, which the scheme gives if it is not said.
func hostPort(host, scheme string) string {
	host = strings.ToLower(host)
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := "80"
	if scheme == "https" {
		port = "443"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// mayConnect tells whether the page that opens the connection may. A browser always names the page, so a request
// without Origin comes from another program, and that shows it by an Authorization header, which no page can send.
func (g *Gateway) mayConnect(r *http.Request) (ok bool, why string) {
	list := r.Header.Values("Origin")
	if len(list) == 0 {
		if r.Header.Get("Authorization") == "" {
			return false, "send the device's access token in the Authorization header, as Bearer"
		}
		return true, ""
	}
	scheme, host, ok := origin(list[0])
	switch {
	case len(list) > 1 || !ok:
		return false, "the Origin header is not one that a page has; pages of other hosts may not connect"
	case g.origins[scheme+"://"+host]:
		return true, ""
	case r.TLS != nil && scheme != "https", host != hostPort(r.Host, scheme):
		return false, "pages of this origin may not connect; an administrator can allow the origin in the centre's configuration"
	}
	return true, ""
}
