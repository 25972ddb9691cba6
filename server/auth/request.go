package auth

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// Bearer takes the token from a request's Authorization header. A token anywhere in the URL is refused, even if the
// header holds one too: URLs end up in logs.
func Bearer(r *http.Request) (string, error) {
	if TokenInURL(r.URL) {
		return "", messages.Refuse(messages.TokenInURL)
	}
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", messages.Refuse(messages.TokenMissing)
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if token = strings.TrimSpace(token); !ok || !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", messages.Refuse(messages.TokenMissing)
	}
	return token, nil
}

// secretNames are query parameters that people put secrets in.
var secretNames = []string{"token", "access_token", "id_token", "refresh_token", "jwt", "bearer", "authorization", "auth", "password", "passwd", "secret", "code", "api_key", "apikey"}

// TokenInURL tells whether a URL carries a token, or a parameter named like one.
func TokenInURL(u *url.URL) bool {
	if u.User != nil || looksLikeToken(u.Path) {
		return true
	}
	if u.RawQuery == "" {
		return false
	}
	if looksLikeToken(u.RawQuery) {
		return true
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil && strings.Contains(strings.ToLower(u.RawQuery), "token") {
		return true
	}
	for name, values := range query {
		for _, secret := range secretNames {
			if strings.EqualFold(name, secret) {
				return true
			}
		}
		for _, v := range values {
			if looksLikeToken(v) {
				return true
			}
		}
	}
	return false
}

// looksLikeToken finds what starts like the base64url of {"…  and has a dot behind it.
func looksLikeToken(s string) bool {
	for {
		i := strings.Index(s, "eyJ")
		if i < 0 {
			return false
		}
		s = s[i+3:]
		if strings.Contains(s, ".") {
			return true
		}
	}
}
