package restclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// styleParam writes a path or query parameter. The centre's interface has only texts, numbers and booleans there.
func styleParam(name string, value any, inPath bool) (string, error) {
	text := fmt.Sprint(value)
	if !inPath {
		return url.QueryEscape(name) + "=" + url.QueryEscape(text), nil
	}
	if text == "" || text == "." || text == ".." {
		return "", fmt.Errorf("%s must not be %q", name, text)
	}
	return url.PathEscape(text), nil
}

// WithToken sends a token with every request, in the header.
func WithToken(token string) ClientOption {
	return WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})
}

// WithLanguage asks for sentences in a language, "zh-CN" or "en".
func WithLanguage(lang string) ClientOption {
	return WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Accept-Language", lang)
		return nil
	})
}

// WithReason says with every request why the person reads; the centre keeps it in its audit log beside what it showed.
func WithReason(reason string) ClientOption {
	return WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		if reason != "" {
			r.Header.Set("Doorstep-Reason", url.PathEscape(reason))
		}
		return nil
	})
}

// Error is a refusal of the centre.
type Error struct {
	Status  int
	Key     string   // for programs: what stands behind urn:doorstep:problem:
	Message string   // for people, in the language asked for
	Fields  []string // what is wrong with single fields, for people
}

func (e *Error) Error() string {
	return strings.Join(append([]string{e.Message}, e.Fields...), "\n")
}

// Refusal reads the problem (RFC 9457) in a response that is none of the expected ones.
func Refusal(body []byte, r *http.Response) *Error {
	e := &Error{}
	if r != nil {
		e.Status = r.StatusCode
	}
	var p ErrorModel
	if json.Unmarshal(body, &p) == nil && p.Detail != nil {
		e.Message = *p.Detail
		if p.Type != nil {
			e.Key = strings.TrimPrefix(*p.Type, "urn:doorstep:problem:")
		}
		if p.Errors != nil {
			for _, d := range *p.Errors {
				e.Fields = append(e.Fields, strings.TrimSpace(deref(d.Location)+" "+deref(d.Message)))
			}
		}
		return e
	}
	e.Message = fmt.Sprintf("the centre answered with status %d; is this the address of a Doorstep centre?", e.Status)
	return e
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
