package caddycors

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// handlerRole is what a handler does with a request.
type handlerRole uint8

const (
	// rolePasses is that of handlers which hand it on.
	rolePasses handlerRole = iota
	// roleUnknown is that of other people's modules, which are taken to hand it on.
	roleUnknown
	// roleAsks is that of handlers which answer requests without credentials.
	roleAsks
	// roleAnswers is that of handlers which never hand it on.
	roleAnswers
)

// passing are the handlers of Caddy that hand a request on as it is.
var passing = []string{
	"copy_response_headers", "encode", "intercept", "log_append", "push", "request_body", "templates", "timeouts", "tracing",
	"cors", "headers", "map", "rewrite", "vars",
}

// handlerConfig is what of a handler's config tells whether it answers.
type handlerConfig struct {
	StatusCode caddyhttp.WeakString `json:"status_code"` // static_response, error
	Headers    json.RawMessage      `json:"headers"`     // static_response
	Abort      bool                 `json:"abort"`       // static_response
	PassThru   bool                 `json:"pass_thru"`   // file_server
	PathPrefix string               `json:"path_prefix"` // acme_server
	Rewrite    struct {
		Method string `json:"method"`
	} `json:"rewrite"` // reverse_proxy
	HandleResponse []struct {
		Match  caddyhttp.ResponseMatcher `json:"match"`
		Routes []json.RawMessage         `json:"routes"`
	} `json:"handle_response"` // reverse_proxy
}

// roleOf tells what a handler does with a request, by its config, and how it answers, if
// it does.
func roleOf(v *visit, r *http.Request) (handlerRole, *ending) {
	var config handlerConfig
	_ = json.Unmarshal(v.raw, &config) // what is of another type is of another module
	switch v.name {
	case "authentication":
		return roleAsks, nil
	case "reverse_proxy":
		if config.isForwardAuth() {
			return roleAsks, nil
		}
		return roleAnswers, &ending{visit: v}
	case "file_server":
		if config.PassThru {
			return rolePasses, nil
		}
		status := 0 // of the file
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			status = http.StatusMethodNotAllowed
		}
		return roleAnswers, &ending{visit: v, status: status}
	case "static_response":
		status := config.status(r, http.StatusOK)
		if status == http.StatusEarlyHints {
			return rolePasses, nil
		}
		var headers http.Header
		_ = json.Unmarshal(config.Headers, &headers)
		return roleAnswers, &ending{visit: v, status: status, redirect: status >= 300 && status <= 399 && len(headers["Location"]) > 0}
	case "error":
		return roleAnswers, &ending{visit: v, status: config.status(r, http.StatusInternalServerError)}
	case "cors_proxy", "metrics", "copy_response":
		return roleAnswers, &ending{visit: v}
	case "acme_server":
		prefix := config.PathPrefix
		if prefix == "" {
			prefix = "/acme/"
		}
		if strings.HasPrefix(r.URL.Path, prefix) {
			return roleAnswers, &ending{visit: v}
		}
		return rolePasses, nil
	}
	if slices.Contains(passing, v.name) {
		return rolePasses, nil
	}
	return roleUnknown, nil
}

// status returns the status that a handler answers with, or 0 if that is not known.
func (c handlerConfig) status(r *http.Request, usual int) int {
	if c.Abort {
		return 0
	}
	if c.StatusCode == "" {
		return usual
	}
	replacer, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	status, _ := strconv.Atoi(replacer.ReplaceAll(c.StatusCode.String(), ""))
	return status
}

// isForwardAuth reports whether a reverse_proxy only asks another server whether a
// request may pass: the Caddyfile's forward_auth makes it so.
func (c handlerConfig) isForwardAuth() bool {
	if c.Rewrite.Method != http.MethodGet {
		return false
	}
	for _, handler := range c.HandleResponse {
		if slices.Equal(handler.Match.StatusCode, []int{2}) && len(handler.Routes) > 0 {
			return true
		}
	}
	return false
}

// directive returns what the Caddyfile calls a handler.
func (v *visit) directive() string {
	var config handlerConfig
	_ = json.Unmarshal(v.raw, &config) // what is of another type is of another module
	switch v.name {
	case "authentication":
		if strings.Contains(string(v.raw), `"http_basic"`) {
			return "basic_auth"
		}
	case "reverse_proxy":
		if config.isForwardAuth() {
			return "forward_auth"
		}
		if strings.Contains(string(v.raw), `"fastcgi"`) {
			return "php_fastcgi"
		}
	case "static_response":
		switch {
		case config.Abort:
			return "abort"
		case strings.Contains(string(v.raw), `"Location"`):
			return "redir"
		}
		return "respond"
	case "headers":
		return "header"
	case "matcher":
		return "a matcher"
	}
	return v.name
}

// objects calls f with each object in a JSON value, but for those at these keys.
func objects(value any, without []string, f func(map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		f(value)
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if !slices.Contains(without, key) {
				objects(value[key], without, f)
			}
		}
	case []any:
		for _, item := range value {
			objects(item, without, f)
		}
	}
}

// firstCORS returns the first cors handler among handlers, at any depth, or nil.
func firstCORS(handlers []json.RawMessage) (found json.RawMessage) {
	for _, raw := range handlers {
		var value any
		_ = json.Unmarshal(raw, &value) // a config that is no JSON was refused before
		objects(value, nil, func(object map[string]any) {
			if object["handler"] == "cors" && found == nil {
				found, _ = json.Marshal(object)
			}
		})
	}
	return found
}

// corsFieldsOf returns the names of CORS response headers that a handler is to set, add,
// replace or delete, sorted.
func corsFieldsOf(raw json.RawMessage) []string {
	var value any
	_ = json.Unmarshal(raw, &value) // a config that is no JSON was refused before
	names := make(map[string]bool)
	add := func(name string) {
		if isCORSResponseHeader(name) || strings.EqualFold(name, prefixCORS+"*") {
			names[http.CanonicalHeaderKey(name)] = true
		}
	}
	objects(value, []string{"request", "match", "require"}, func(object map[string]any) {
		for key, value := range object {
			add(key)
			if list, ok := value.([]any); ok && key == "delete" {
				for _, name := range list {
					if name, ok := name.(string); ok {
						add(name)
					}
				}
			}
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// isDeferred reports whether a headers handler acts when the response is written, and
// not before.
func isDeferred(raw json.RawMessage) bool {
	var config struct {
		Response struct {
			Deferred bool            `json:"deferred"`
			Require  json.RawMessage `json:"require"`
		} `json:"response"`
	}
	_ = json.Unmarshal(raw, &config) // what is of another type is of another module
	return config.Response.Deferred || len(config.Response.Require) > 0
}
