package device

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// rest calls the centre's REST interface.
type rest struct {
	base   string
	client *http.Client
	lang   string
}

// errStranger is in what a host answered that does not speak as a centre does. Between a device and its centre that is a
// captive portal, which goes away; who enrols has most likely mistyped the address.
var errStranger = errors.New("not the answer of a centre")

const maxAnswer = 16 << 20 // a copy may hear some ten thousand verdicts

func (c *rest) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.lang != "" {
		req.Header.Set("Accept-Language", c.lang)
	}
	client := c.client
	if client == nil {
		client = &http.Client{Timeout: dialFor}
	}
	resp, err := client.Do(req)
	if err != nil {
		return unreached(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return say(CodeOffline, err)
	}
	if resp.StatusCode/100 != 2 {
		return refused(path, resp, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return say(CodeProtocol, fmt.Errorf("%s: %w: %w", path, errStranger, err))
	}
	return nil
}

// refused gives a refusal of the REST interface (RFC 9457) its sentence: the centre's own where it has one.
func refused(path string, resp *http.Response, text []byte) error {
	var problem struct {
		Type   string `json:"type"`
		Detail string `json:"detail"`
	}
	_ = json.Unmarshal(text, &problem)
	cause := errors.New(path + ": " + resp.Status + " " + problem.Type)
	code := CodeRefused
	if problem.Type == "urn:doorstep:problem:fork_key_taken" {
		cause = errors.Join(ErrKeyTaken, cause)
	}
	if problem.Type == "" && resp.StatusCode < 500 || resp.StatusCode == http.StatusNotFound {
		cause = errors.Join(errStranger, cause)
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		code = CodeUnauthorised
	case resp.StatusCode == http.StatusForbidden:
		code = CodeRevoked
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable:
		code = CodeStopping
	case resp.StatusCode >= 500:
		code = CodeCentre
	}
	e := say(code, cause)
	if code == CodeRefused && problem.Detail != "" {
		e.Label.ZH, e.Label.EN = problem.Detail, problem.Detail
	}
	return e
}

// recode gives an error another sentence.
func recode(code Code, err error) error {
	return say(code, err)
}
