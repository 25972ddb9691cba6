package crowd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/doorstep-sync/doorstep/server/auth"
)

// Sign gets a member a token from a running centre, as devices do.
func (m *Member) Sign(ctx context.Context, url string) error {
	var asked struct{ Challenge string }
	if err := post(ctx, url+"/v1/token/challenge", map[string]string{"device": m.Device}, &asked); err != nil {
		return err
	}
	signed := ed25519.Sign(m.Key, auth.SignedText(m.Device, asked.Challenge))
	var got struct{ Token string }
	err := post(ctx, url+"/v1/token", map[string]string{"device": m.Device, "challenge": asked.Challenge, "signature": base64.RawURLEncoding.EncodeToString(signed)}, &got)
	m.token = got.Token
	return err
}

func post(ctx context.Context, url string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true // no connection of ours stays at the centre
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
