package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Logs hold ids and counts. Names, phones, values, passwords, codes and tokens never.
func TestLogsHoldNoSecrets(t *testing.T) {
	w := peopled(t)
	a, _, id := disputed(w)
	w.tokens["device"] = a.token().want(200).str("token")
	shown := w.call("GET", "/v1/conflicts/"+id, "sun", nil).want(200)
	w.call("POST", "/v1/conflicts/"+id+"/decision", "sun", with(with(decision(shown, "set"), "values", map[string]any{"demands": person + phoneNo}), "reason", person)).want(200)
	code := w.call("POST", "/v1/codes", "admin", map[string]string{"account": w.ids["li"]}).want(201).str("code")
	for _, url := range []string{"/v1/me?token=", "/v1/org?q=", "/v1/nothing?x="} {
		w.call("GET", url+w.tokens["sun"], "", nil).problem(400, "token_in_url")
	}
	w.call("POST", "/v1/login", "", map[string]string{"login": person, "password": password + "!"}).want(401)
	w.call("POST", "/v1/login", "", map[string]string{"login": "sun", "password": strings.Repeat(password, 40)}).want(422)
	w.call("GET", "/v1/me", w.tokens["sun"]+"x", nil).want(401)
	w.csv("/v1/accounts/import", "admin", "login,name,role,scope\n"+person+","+person+",king,"+grid2+"\n").want(422)

	log := w.log.String()
	require.Contains(t, log, "conflict decided", "there is a log to look into")
	secrets := []string{password, person, "canary", phoneNo, "装隔音板", "赔礼", code, strings.ReplaceAll(code, "-", ""), "Bearer", "eyJ"}
	for _, token := range w.tokens {
		if token != "" {
			secrets = append(secrets, token, strings.Split(token, ".")[2])
		}
	}
	for _, s := range secrets {
		require.NotContains(t, log, s)
	}
}
