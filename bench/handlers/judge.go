package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// judge serves the request of a scenario once, and returns an error if a browser makes of
// the answer what it should not: what answers wrongly is not to be measured. What differs
// beside that, and costs or saves time, is returned too.
func judge(s scenario, serve serving, b *backend) (differences []string, err error) {
	r, _ := prepared(newRequest(s.request))
	recorder, calls := httptest.NewRecorder(), b.calls
	if err := serve(recorder, r); err != nil {
		return nil, err
	}
	a := answer{recorder.Code, recorder.Result().Header, b.calls > calls}
	if err := a.check(s, r); err != nil {
		return nil, fmt.Errorf("%w: status %d, %v", err, a.status, a.header)
	}
	return a.differences(s, r), nil
}

// answer is what a contender made of a request.
type answer struct {
	status    int
	header    http.Header
	forwarded bool // whether the backend was asked
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// check holds an answer against what a browser would make of it.
func (a answer) check(s scenario, r *http.Request) error {
	asked := fetch.Asked{
		Origin:      r.Header.Get("Origin"),
		Method:      r.Method,
		Credentials: s.policy.AllowCredentials,
	}
	var block *fetch.Block
	if isPreflight(r) {
		asked.Method = r.Header.Get("Access-Control-Request-Method")
		if names := r.Header.Get("Access-Control-Request-Headers"); names != "" && s.verdict != either {
			asked.UnsafeNames = strings.Split(names, ",")
		}
		block = asked.CheckPreflight(a.status, a.header)
	} else {
		block = asked.Check(a.header)
	}
	switch {
	case isPreflight(r) == a.forwarded:
		return fmt.Errorf("that the backend was asked is %t", a.forwarded)
	case s.verdict == either, s.verdict == marked:
		return nil
	case s.verdict == unmarked, s.verdict == denied:
		if block == nil {
			return errors.New("it is allowed")
		}
		return nil
	case block != nil:
		return errors.New(block.Reason())
	case isPreflight(r):
		if seconds, _ := fetch.MaxAge(a.header); seconds != maxAge {
			return fmt.Errorf("it may be remembered for %d s", seconds)
		}
		return nil
	}
	return a.checkFields(s)
}

// checkFields looks for what else an actual response has to have.
func (a answer) checkFields(s scenario) error {
	if got, want := a.header.Get("Access-Control-Expose-Headers"), strings.Join(s.policy.ExposeHeaders, ", "); !strings.EqualFold(got, want) {
		return fmt.Errorf("it exposes %q", got)
	}
	for name, values := range s.fields {
		if !slices.Equal(a.header[name], values) {
			return fmt.Errorf("the backend's %s is %q", name, a.header[name])
		}
	}
	return nil
}

// differences are what it does otherwise than this module that a browser does not mind.
func (a answer) differences(s scenario, r *http.Request) (differences []string) {
	add := func(differs bool, format string, args ...any) {
		if differs {
			differences = append(differences, fmt.Sprintf(format, args...))
		}
	}
	allow := a.header.Get("Access-Control-Allow-Origin")
	varies := slices.ContainsFunc(a.header["Vary"], func(line string) bool { return strings.Contains(line, "Origin") })
	everyone := isAny(s.policy) && !s.policy.AllowCredentials
	add(s.verdict == marked && allow != "*", "nothing granted to requests without `Origin`, though `*` is for all")
	add(everyone && varies, "`Vary: Origin`, though the answer is the same for all")
	if isPreflight(r) {
		refused := allow == "" || a.status >= 300
		add(refused && a.status != http.StatusForbidden, "status %d to a denied preflight", a.status)
		add(!refused && a.status != http.StatusNoContent, "status %d to an allowed preflight", a.status)
		add(refused && s.verdict == either, "a preflight denied that no browser sends")
		return differences
	}
	add(!everyone && !varies, "no `Vary: Origin`, so that a cache may give one origin's answer to another")
	return differences
}
