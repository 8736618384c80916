package corsproxy

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// refusal is an answer that the proxy gives in place of the target's. All of it is fixed
// text: pages, logs and metrics get nothing that a request or a target said.
type refusal struct {
	status  int
	code    string // for programs; it does not change
	message string // for people
}

// Error returns the code and the sentence.
func (r *refusal) Error() string { return r.code + ": " + r.message }

// What is refused of a request.
var (
	refusedPolicy      = &refusal{http.StatusForbidden, "policy_required", "No cors policy allows this request. This proxy serves pages of the origins that a cors handler ahead of it allows."}
	refusedOrigin      = &refusal{http.StatusForbidden, "origin_required", "The request has no Origin header. This proxy serves pages of other origins, by fetch and XMLHttpRequest."}
	refusedNullOrigin  = &refusal{http.StatusForbidden, "origin_null", "Any page can have this origin. This proxy serves pages of sites."}
	refusedNavigation  = &refusal{http.StatusForbidden, "navigation_refused", "This is no request of fetch or XMLHttpRequest. This proxy serves no documents, frames, workers and WebSockets."}
	refusedUpgrade     = &refusal{http.StatusNotImplemented, "upgrade_refused", "This proxy does not switch protocols."}
	refusedMethod      = &refusal{http.StatusMethodNotAllowed, "method_not_allowed", "The methods of this proxy do not include this one."}
	refusedForm        = &refusal{http.StatusBadRequest, "request_malformed", "Ask for a URL as /?url=<percent-encoded URL>, /?https://... or /https://..., and nothing else."}
	refusedEncoding    = &refusal{http.StatusBadRequest, "request_malformed", "The parameter url is not percent-encoded as a whole; write encodeURIComponent(url)."}
	refusedURL         = &refusal{http.StatusBadRequest, "url_malformed", "The URL is none that a browser would send: http:// or https://, a host, perhaps a port, a path and a query."}
	refusedUserInfo    = &refusal{http.StatusBadRequest, "url_malformed", "The URL has a user name or password in it, or an @ that reads like one."}
	refusedDotSegments = &refusal{http.StatusBadRequest, "url_malformed", `The path of the URL has "." or ".." segments; write what they lead to.`}
	refusedLongURL     = &refusal{http.StatusRequestURITooLong, "url_too_long", "The URL is too long."}
	refusedTarget      = &refusal{http.StatusForbidden, "target_not_allowed", "The targets of this proxy do not include this URL."}
	refusedAmbiguous   = &refusal{http.StatusForbidden, "path_ambiguous", "Only a part of this target is allowed, and servers differ in how they read this path: it has encoded slashes, empty segments or the like."}
	refusedBody        = &refusal{http.StatusRequestEntityTooLarge, "body_too_large", "The body of the request is larger than this proxy takes."}
	refusedClientLoad  = &refusal{http.StatusTooManyRequests, "too_many_requests", "This client has too many requests under way; ask again when one of them has ended."}
	refusedTargetLoad  = &refusal{http.StatusServiceUnavailable, "target_busy", "Too many requests to this target are under way; ask again later."}
)

// What is refused of a target, and what it fails at.
var (
	failedAddress       = &refusal{http.StatusForbidden, "address_not_allowed", "The host of the target has no address that this proxy connects to."}
	failedName          = &refusal{http.StatusBadGateway, "target_unknown", "The host name of the target was not found."}
	failedConnection    = &refusal{http.StatusBadGateway, "target_unreachable", "The target could not be reached, or did not answer in HTTP."}
	failedCertificate   = &refusal{http.StatusBadGateway, "target_untrusted", "The certificate of the target is not trusted."}
	failedTime          = &refusal{http.StatusGatewayTimeout, "target_timeout", "The target did not answer in time."}
	failedLength        = &refusal{http.StatusBadGateway, "response_too_large", "The response of the target is larger than this proxy passes on."}
	failedEncoding      = &refusal{http.StatusBadGateway, "response_encoding", "The target compresses its response in a way that it was not asked for."}
	failedProtocol      = &refusal{http.StatusBadGateway, "response_malformed", "The target switches protocols, or answers with a status that is none."}
	failedRedirect      = &refusal{http.StatusBadGateway, "redirect_not_allowed", "The target redirects to a URL that the targets of this proxy do not include."}
	failedRedirectURL   = &refusal{http.StatusBadGateway, "redirect_malformed", "The target redirects to what is no URL."}
	failedRedirectPlain = &refusal{http.StatusBadGateway, "redirect_insecure", "The target redirects from https:// to http://."}
	failedRedirectCount = &refusal{http.StatusBadGateway, "too_many_redirects", "The target redirects more often than this proxy follows."}
	failedRedirectPOST  = &refusal{http.StatusBadGateway, "redirect_not_followed", "The target redirects, which this proxy follows for GET and HEAD alone."}
)

// write answers a request.
func (r *refusal) write(w http.ResponseWriter, request *http.Request) error {
	body, contentType := r.Error()+"\n", "text/plain; charset=utf-8"
	if prefersJSON(request.Header.Values("Accept")) {
		text, err := json.Marshal(struct {
			Status  int    `json:"status"`
			Error   string `json:"error"`
			Message string `json:"message"`
		}{r.status, r.code, r.message})
		if err != nil {
			return err
		}
		body, contentType = string(text)+"\n", "application/json"
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	if r == refusedClientLoad || r == refusedTargetLoad {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(r.status)
	if request.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write([]byte(body))
	return err
}

// prefersJSON reports whether an Accept header names JSON, and not text with more weight.
func prefersJSON(lines []string) bool {
	json, text := 0.0, 0.0
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			parts := strings.Split(item, ";")
			weight := weightOf(parts[1:])
			switch mediaType := strings.ToLower(strings.TrimSpace(parts[0])); {
			case mediaType == "application/json", strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json"):
				json = max(json, weight)
			case mediaType == "text/plain":
				text = max(text, weight)
			}
		}
	}
	return json > 0 && json >= text
}

// weightOf returns the weight among the parameters of an item of Accept.
func weightOf(parameters []string) float64 {
	for _, parameter := range parameters {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		weight, err := strconv.ParseFloat(value, 64)
		if err != nil || weight < 0 || weight > 1 {
			return 0
		}
		return weight
	}
	return 1
}
