package caddycors

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// TestBehind shows what handlers behind a cors handler are told of its decision, and that
// they can have it grant no credentials.
func TestBehind(t *testing.T) {
	h := provision(t, &Handler{Policies: []*Policy{{Name: "partners", AllowOrigins: []string{"https://app.example.com"}, AllowCredentials: true}}, ForwardPreflights: true})
	trial := provision(t, &Handler{Policies: h.Policies, ReportOnly: true})
	const preflight = "\nAccess-Control-Request-Method: PUT"
	for _, test := range []struct {
		handler *Handler
		request string
		policy  string
	}{
		{h, "GET\nOrigin: https://app.example.com", "partners"},
		{h, "OPTIONS\nOrigin: https://app.example.com", "partners"},
		{h, "OPTIONS\nOrigin: https://app.example.com" + preflight, ""},
		{h, "GET\nOrigin: https://evil.example", ""},
		{h, "GET\nOrigin: https://evil.example\nSec-Fetch-Site: same-origin", ""},
		{h, "GET\nOrigin: null", ""},
		{h, "GET", ""},
		{trial, "GET\nOrigin: https://app.example.com", ""},
		{nil, "GET\nOrigin: https://app.example.com", ""},
	} {
		for _, withheld := range []bool{false, true} {
			r := newRequest(test.request)
			r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, make(map[string]any)))
			w := httptest.NewRecorder()
			next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				if policy, ok := AllowedBy(r); policy != test.policy || ok != (policy != "") {
					t.Errorf("%s: %q, %t", test.request, policy, ok)
				}
				if withheld {
					WithholdCredentials(r)
				}
				w.WriteHeader(http.StatusOK)
				return nil
			})
			var err error
			if test.handler == nil {
				err = next.ServeHTTP(w, r)
			} else {
				err = test.handler.ServeHTTP(w, r, next)
			}
			granted := w.Header().Get(headerAllowCredentials) != ""
			if err != nil || granted && withheld || !granted && !withheld && test.policy != "" {
				t.Errorf("%s: %v, %v", test.request, w.Header(), err)
			}
		}
	}
}
