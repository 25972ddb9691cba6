// Package restclient calls a centre's REST interface. restclient.gen.go is generated from the centre's OpenAPI
// document (3.0) by oapi-codegen, pinned in scripts/oapi.mod; style.go is the little it needs at run time.
//
//	c, err := restclient.NewClientWithResponses(centre, restclient.WithToken(token), restclient.WithLanguage("en"))
//	r, err := c.ConflictShowWithResponse(ctx, id)
//	if r.JSON200 == nil {
//		return restclient.Refusal(r.Body, r.HTTPResponse)
//	}
package restclient

//go:generate go run -tags sqlite_fts5 ./gen
