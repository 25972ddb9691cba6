package api

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// status maps each kind of refusal to an HTTP status: the one place.
func status(k messages.Kind) int {
	switch k {
	case messages.Invalid:
		return http.StatusUnprocessableEntity
	case messages.Unauthenticated:
		return http.StatusUnauthorized
	case messages.Denied:
		return http.StatusForbidden
	case messages.NotFound:
		return http.StatusNotFound
	case messages.Conflict:
		return http.StatusConflict
	case messages.TooLarge:
		return http.StatusRequestEntityTooLarge
	case messages.TooMany:
		return http.StatusTooManyRequests
	case messages.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

type ctxKey int

const (
	keyLanguage ctxKey = iota
	keyAddress
	keyCaller
	keyReads
	keyReason
)

// language is the caller's, from the context that the outermost handler made.
func language(ctx context.Context) string {
	if l, ok := ctx.Value(keyLanguage).(string); ok {
		return l
	}
	return messages.ZH
}

// address is the caller's network address, for limits on tries; behind a proxy it is the proxy's.
func address(ctx context.Context) string {
	s, _ := ctx.Value(keyAddress).(string)
	return s
}

const problemType = "urn:doorstep:problem:"

func model(lang string, p *messages.Problem) *huma.ErrorModel {
	s := status(p.Kind())
	switch p.Key { // two that HTTP has its own word for
	case messages.TokenInURL:
		s = http.StatusBadRequest
	case messages.BadMethod:
		s = http.StatusMethodNotAllowed
	}
	return &huma.ErrorModel{Type: problemType + string(p.Key), Title: http.StatusText(s), Status: s, Detail: p.In(lang)}
}

// problem turns an error into a response. What is no refusal is logged here, once, and answered without its cause.
func (a *API) problem(ctx context.Context, err error) error {
	p := messages.Of(err)
	if p.Kind() == messages.Internal {
		a.Log.Error().Err(err).Msg("request failed")
	}
	m := model(language(ctx), p)
	h := http.Header{}
	switch m.Status {
	case http.StatusTooManyRequests:
		if s, ok := p.Args[0].(int); ok {
			h.Set("Retry-After", strconv.Itoa(s))
		}
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	default:
		return m
	}
	return huma.ErrorWithHeaders(m, h)
}

// write answers with a problem outside of huma's handlers.
func write(w http.ResponseWriter, lang string, p *messages.Problem) {
	m := model(lang, p)
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Content-Language", lang)
	if m.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(m.Status)
	json.NewEncoder(w).Encode(m) //nolint:errcheck // the caller is gone
}

// localise puts what huma itself refuses (form and types of requests) into the caller's language. The values that it
// would echo are dropped: they may be passwords.
func (a *API) localise(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok || m.Type != "" {
		return v, nil
	}
	lang := language(ctx.Context())
	key := messages.BadRequest
	if m.Status >= http.StatusInternalServerError {
		key = messages.Unexpected
	}
	out := &huma.ErrorModel{Type: problemType + string(key), Title: m.Title, Status: m.Status, Detail: messages.Say(key).In(lang)}
	if len(m.Errors) == 0 && key == messages.BadRequest {
		out.Errors = []*huma.ErrorDetail{{Message: translate(m.Detail, lang)}}
	}
	for _, e := range m.Errors {
		if e != nil && key == messages.BadRequest {
			out.Errors = append(out.Errors, &huma.ErrorDetail{Message: translate(e.Message, lang), Location: e.Location})
		}
	}
	return out, nil
}

// forms are huma's own sentences and ours for them.
var forms = []struct {
	form string
	zh   string
	en   string
	re   *regexp.Regexp
}{
	{form: validation.MsgUnexpectedProperty, zh: "没有这一项，请删除", en: "there is no such item; remove it"},
	{form: validation.MsgExpectedRequiredProperty, zh: "缺少“%s”，请补上", en: "%s is missing; add it"},
	{form: validation.MsgExpectedRFC3339DateTime, zh: "应为时间，如 2026-03-02T08:00:00Z", en: "must be a time such as 2026-03-02T08:00:00Z"},
	{form: validation.MsgExpectedBoolean, zh: "应为 true 或 false", en: "must be true or false"},
	{form: validation.MsgExpectedNumber, zh: "应为数字", en: "must be a number"},
	{form: validation.MsgExpectedInteger, zh: "应为整数", en: "must be a whole number"},
	{form: validation.MsgExpectedString, zh: "应为文字", en: "must be a text"},
	{form: validation.MsgExpectedArray, zh: "应为列表", en: "must be a list"},
	{form: validation.MsgExpectedObject, zh: "应为对象", en: "must be an object"},
	{form: validation.MsgExpectedOneOf, zh: "应为其中之一：%s", en: "must be one of: %s"},
	{form: validation.MsgExpectedMinimumNumber, zh: "不得小于 %s", en: "must not be less than %s"},
	{form: validation.MsgExpectedMaximumNumber, zh: "不得大于 %s", en: "must not be greater than %s"},
	{form: validation.MsgExpectedMinLength, zh: "至少 %s 个字符", en: "must have at least %s characters"},
	{form: validation.MsgExpectedMaxLength, zh: "至多 %s 个字符", en: "must have at most %s characters"},
	{form: validation.MsgExpectedMinItems, zh: "至少 %s 项", en: "must have at least %s entries"},
	{form: validation.MsgExpectedMaxItems, zh: "至多 %s 项", en: "must have at most %s entries"},
	{form: "request body is required", zh: "请求缺少内容", en: "the request needs a body"},
	{form: "request body is too large limit=%d bytes", zh: "请求内容太大，至多 %s 字节", en: "the request's body is too large: at most %s bytes"},
	{form: "request body read timeout", zh: "请求内容传得太慢", en: "the request's body came too slowly"},
	{form: "required query parameter is missing", zh: "缺少这个查询参数", en: "this query parameter is missing"},
	{form: "unknown query parameter", zh: "没有这个查询参数，请删除", en: "there is no such query parameter; remove it"},
	{form: "invalid integer", zh: "应为整数", en: "must be a whole number"},
	{form: "invalid boolean", zh: "应为 true 或 false", en: "must be true or false"},
	{form: "unknown content type: %s", zh: "不支持这种内容类型", en: "this content type is not supported"},
}

var hole = regexp.MustCompile(`%[a-z]`)

func init() {
	for i := range forms {
		text := regexp.QuoteMeta(forms[i].form)
		forms[i].re = regexp.MustCompile("^" + hole.ReplaceAllString(text, "(.+)") + "$")
	}
}

// translate gives our sentence for one of huma's; what is unknown says only that the form is wrong, because it may
// quote the request.
func translate(text, lang string) string {
	for _, f := range forms {
		m := f.re.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		out := f.zh
		if lang == messages.EN {
			out = f.en
		}
		if len(m) > 1 && strings.Contains(out, "%s") {
			out = strings.Replace(out, "%s", m[1], 1)
		}
		return out
	}
	if lang == messages.EN {
		return "is not in the form that /openapi.json describes"
	}
	return "格式不对，见 /openapi.json"
}
