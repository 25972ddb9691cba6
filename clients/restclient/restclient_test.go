package restclient

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestImports(t *testing.T) {
	imports.Check(t, "clients/...", "server")
	imports.Check(t, "clients/restclient", "schema", "syncengine", "github.com")
}

// A request carries token and language in headers, and parameters escaped; a problem becomes an Error.
func TestCall(t *testing.T) {
	var got *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		w.Write([]byte(`{"type":"urn:doorstep:problem:bad_request","detail":"请求有误","errors":[{"location":"body.login","message":"应为文字"}]}`))
	}))
	defer s.Close()
	c, err := NewClientWithResponses(s.URL, WithToken("secret"), WithLanguage("en"))
	require.NoError(t, err)
	after, limit := "a&b=c 王", int64(5)
	r, err := c.AccountListWithResponse(context.Background(), &AccountListParams{After: &after, Limit: &limit})
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer secret", "en", after, "5"}, []string{got.Header.Get("Authorization"), got.Header.Get("Accept-Language"), got.URL.Query().Get("after"), got.URL.Query().Get("limit")})
	require.Nil(t, r.JSON200)
	e := Refusal(r.Body, r.HTTPResponse)
	require.Equal(t, &Error{Status: 422, Key: "bad_request", Message: "请求有误", Fields: []string{"body.login 应为文字"}}, e)
	require.Equal(t, "请求有误\nbody.login 应为文字", e.Error())

	_, err = c.ConflictShowWithResponse(context.Background(), "../accounts?x")
	require.NoError(t, err)
	require.Equal(t, "/v1/conflicts/..%2Faccounts%3Fx", got.URL.EscapedPath(), "an id stays one segment")
	_, err = c.ConflictShowWithResponse(context.Background(), "..")
	require.ErrorContains(t, err, `id must not be ".."`)
	require.Contains(t, Refusal([]byte("<html>"), &http.Response{StatusCode: 502}).Error(), "status 502")
}
