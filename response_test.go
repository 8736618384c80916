package caddycors

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const (
	get         = "GET /\nOrigin: https://app.example.com"
	getOther    = "GET /\nOrigin: https://evil.example"
	getNoOrigin = "GET /"
	preflight   = "OPTIONS /\nOrigin: https://app.example.com\nAccess-Control-Request-Method: PUT"

	allowApp = "Allow-Origin: https://app.example.com"
	allowAll = "Allow-Origin: *"
	vary     = "Vary: Origin"

	webSocket = "\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

	// password "secret"
	basicAuth = "basic_auth {\n bob $2a$04$Wu9TICA0.BdNmDUOda7Ou.1qeRrcDHKP0Vetbu83ZBY2yK7fJ/I/m\n}"
)

// preflightLines are the CORS headers of an answer to a preflight under the default
// options, with the given others.
func preflightLines(lines ...string) []string {
	return append([]string{"Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Allow-Headers: *, Authorization", "Max-Age: 600"}, lines...)
}

// TestResponses drives a real Caddy over HTTP/1.1, HTTP/2 and HTTP/3. In a site, $B is
// a backend, which answers as backend says, and nothing listens on $C.
func TestResponses(t *testing.T) {
	corsBackend := "header Access-Control-Allow-Origin *\nheader Access-Control-Allow-Credentials true\nheader Access-Control-Expose-Headers *\nheader Access-Control-Max-Age 5\nheader Vary Origin\nrespond backend"
	type row struct {
		request string
		status  int
		lines   []string
	}
	for _, test := range []struct {
		name, site, backend string
		rows                []row
	}{
		{"one line", "cors https://app.example.com\nrespond hi", "", []row{
			{get, 200, []string{allowApp, vary}},
			{getOther, 200, []string{vary}},
			{getNoOrigin, 200, []string{vary}},
			{get + "\nOrigin: https://app.example.com", 200, []string{vary}},
			{preflight, 204, preflightLines(allowApp, vary)},
			{preflight + "\nAccess-Control-Request-Headers: authorization,x-any", 204, preflightLines(allowApp, vary)},
			{strings.Replace(preflight, "PUT", "BREW", 1), 204, preflightLines(allowApp, vary)},
			{strings.Replace(preflight, "app", "evil", 1), 403, []string{vary}},
			{strings.Replace(preflight, ".com", ".com/", 1), 403, []string{vary}},
		}},
		{"every origin", "cors *\nrespond hi", "", []row{
			{get, 200, []string{allowAll}},
			{getNoOrigin, 200, []string{allowAll}},
			{"GET /\nOrigin: no origin at all", 200, []string{allowAll}},
			{preflight, 204, preflightLines(allowAll)},
		}},
		{"every origin, exposed", "cors * {\nexpose_headers X-One x-two\n}\nrespond hi", "", []row{
			{get, 200, []string{allowAll, "Expose-Headers: X-One, x-two"}},
			{getNoOrigin, 200, []string{allowAll, "Expose-Headers: X-One, x-two"}},
			{preflight, 204, preflightLines(allowAll, "Expose-Headers: X-One, x-two")},
		}},
		{"no origin", "cors none\nrespond hi", "", []row{
			{get, 200, []string{vary}},
			{preflight, 403, []string{vary}},
		}},
		{"every origin beside another policy", "cors {\npolicy {\nallow_origins https://app.example.com\nallow_credentials\n}\npolicy {\nallow_origins *\n}\n}\nrespond hi", "", []row{
			{get, 200, []string{allowApp, "Allow-Credentials: true", vary}},
			{getOther, 200, []string{allowAll, vary}},
			{getNoOrigin, 200, []string{vary}},
			{strings.Replace(preflight, "app", "evil", 1), 204, preflightLines(allowAll, vary)},
		}},
		{"lists", "cors https://app.example.com {\nallow_methods put get\nallow_headers X-One Content-Type x-one\nmax_age 1h\n}\nrespond hi", "", []row{
			{preflight, 204, []string{allowApp, "Allow-Methods: PUT, GET", "Allow-Headers: X-One, Content-Type", "Max-Age: 3600", vary}},
			{preflight + "\nAccess-Control-Request-Headers: x-two", 204, []string{allowApp, "Allow-Methods: PUT, GET", "Allow-Headers: X-One, Content-Type", "Max-Age: 3600", vary}},
		}},
		{"wildcards without credentials", "cors https://app.example.com {\nallow_methods *\nallow_headers *\nexpose_headers *\nmax_age off\n}\nrespond hi", "", []row{
			{get, 200, []string{allowApp, "Expose-Headers: *", vary}},
			{preflight, 204, []string{allowApp, "Allow-Methods: *", "Allow-Headers: *", "Expose-Headers: *", "Max-Age: 0", vary}},
		}},
		{"no headers", "cors https://app.example.com {\nallow_headers none\n}\nrespond hi", "", []row{
			{preflight, 204, []string{allowApp, "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Max-Age: 600", vary}},
		}},
		{"credentials", "cors https://app.example.com {\nallow_credentials\nexpose_headers X-One\n}\nrespond hi", "", []row{
			{get, 200, []string{allowApp, "Allow-Credentials: true", "Expose-Headers: X-One", vary}},
			{preflight, 204, []string{allowApp, "Allow-Credentials: true", "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Expose-Headers: X-One", "Max-Age: 600", vary + ", Access-Control-Request-Headers"}},
			{preflight + "\nAccess-Control-Request-Headers: Authorization, ,X-Any\nAccess-Control-Request-Headers: x-more", 204, []string{allowApp, "Allow-Credentials: true", "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Allow-Headers: authorization,x-any,x-more", "Expose-Headers: X-One", "Max-Age: 600", vary + ", Access-Control-Request-Headers"}},
		}},
		{"wildcards with credentials", "cors https://app.example.com {\nallow_credentials\nallow_methods *\nallow_headers *\nexpose_headers *\n}\nrespond hi", "", []row{
			{strings.Replace(preflight, "PUT", "BREW", 1) + "\nAccess-Control-Request-Headers: x-any", 204, []string{allowApp, "Allow-Credentials: true", "Allow-Methods: BREW", "Allow-Headers: x-any", "Max-Age: 600", vary + ", Access-Control-Request-Method, Access-Control-Request-Headers"}},
			{strings.Replace(preflight, "PUT", "TRACE", 1) + "\nAccess-Control-Request-Headers: x any", 204, []string{allowApp, "Allow-Credentials: true", "Max-Age: 600", vary + ", Access-Control-Request-Method, Access-Control-Request-Headers"}},
			{strings.Replace(preflight, "PUT", "TRACE", 1) + "\nAccess-Control-Request-Headers: x-any", 204, []string{allowApp, "Allow-Credentials: true", "Allow-Headers: x-any", "Max-Age: 600", vary + ", Access-Control-Request-Method, Access-Control-Request-Headers"}},
			{preflight + "\nAccess-Control-Request-Headers: x-any,authorization", 204, []string{allowApp, "Allow-Credentials: true", "Allow-Methods: PUT", "Max-Age: 600", vary + ", Access-Control-Request-Method, Access-Control-Request-Headers"}},
		}},
		{"every origin with credentials", "cors * {\nallow_credentials\ndangerously_allow any_origin_with_credentials\n}\nrespond hi", "", []row{
			{get, 200, []string{allowApp, "Allow-Credentials: true", vary}},
			{"GET /\nOrigin: null", 200, []string{"Allow-Origin: null", "Allow-Credentials: true", vary}},
			{"GET /\nOrigin: no origin at all", 200, []string{vary}},
			{getNoOrigin, 200, []string{vary}},
		}},
		{"expose_headers * with credentials is left out of errors", "cors https://app.example.com {\nallow_credentials\nexpose_headers *\n}\nerror 418", "", []row{
			{get, 418, []string{allowApp, "Allow-Credentials: true", vary}},
		}},

		{"a backend's headers are replaced", "cors https://app.example.com\nreverse_proxy $B", corsBackend, []row{
			{get, 200, []string{allowApp, vary}},
			{getOther, 200, []string{vary}},
			{getNoOrigin, 200, []string{vary}},
		}},
		{"a backend's headers are replaced by *", "cors *\nreverse_proxy $B", strings.Replace(corsBackend, "header Vary Origin\n", "", 1), []row{
			{get, 200, []string{allowAll}},
			{getNoOrigin, 200, []string{allowAll}},
		}},
		{"a backend's headers are kept", "cors https://app.example.com {\nupstream_headers keep\n}\nreverse_proxy $B", corsBackend, []row{
			{get, 200, []string{allowAll, "Allow-Credentials: true", "Expose-Headers: *", "Max-Age: 5", vary}},
			{getOther, 200, []string{allowAll, "Allow-Credentials: true", "Expose-Headers: *", "Max-Age: 5", vary}},
		}},
		{"keep does not keep what has no Allow-Origin", "cors https://app.example.com {\nupstream_headers keep\n}\nreverse_proxy $B", "header Access-Control-Max-Age 5\nrespond hi", []row{
			{get, 200, []string{allowApp, vary}},
		}},
		{"kept headers of * may depend on the origin", "cors * {\nupstream_headers keep\n}\nreverse_proxy $B", "header Access-Control-Allow-Origin https://own.example\nrespond hi", []row{
			{get, 200, []string{"Allow-Origin: https://own.example", vary}},
		}},
		{"keep on an error route keeps a backend's headers only", "cors https://app.example.com {\nupstream_headers keep\n}\nerror 503\nhandle_errors {\ncors https://app.example.com {\nupstream_headers keep\n}\nreverse_proxy $B\n}", corsBackend, []row{
			{get, 200, []string{allowAll, "Allow-Credentials: true", "Expose-Headers: *", "Max-Age: 5", vary}},
		}},
		{"keep on an error route grants no more than the policy", "cors https://app.example.com {\nupstream_headers keep\n}\nerror 503\nhandle_errors {\ncors https://app.example.com {\nupstream_headers keep\n}\nreverse_proxy $B\n}", "header Access-Control-Allow-Credentials true\nrespond hi", []row{
			{get, 200, []string{allowApp, vary}},
		}},
		{"a later header directive does not overrule", "cors https://app.example.com\nheader Access-Control-Allow-Origin *\nheader >Access-Control-Allow-Headers *\nrespond hi", "", []row{
			{get, 200, []string{allowApp, vary}},
			{getOther, 200, []string{vary}},
		}},
		{"an earlier header directive does not add", "route {\nheader +Access-Control-Allow-Origin *\ncors https://app.example.com {\nenforce\n}\nrespond hi\n}", "", []row{
			{get, 200, []string{allowApp, vary}},
			{preflight, 204, preflightLines(allowApp, vary)},
			{strings.Replace(preflight, "app", "evil", 1), 403, []string{vary}},
			{getOther, 403, []string{vary}},
		}},
		{"a header in odd case is caught", "cors https://app.example.com\nreverse_proxy $B {\nheader_down access-control-allow-origin *\n}", "respond hi", []row{
			{get, 200, []string{allowApp, vary}},
		}},
		{"Vary is merged", "cors https://app.example.com\nreverse_proxy $B", "header Vary \"Accept-Encoding, Cookie\"\nheader +Vary Accept\nrespond hi", []row{
			{get, 200, []string{allowApp, "Vary: Accept-Encoding, Cookie, Accept, Origin"}},
		}},
		{"Vary is not doubled", "cors https://app.example.com\nreverse_proxy $B", "header Vary \"Accept, origin\"\nrespond hi", []row{
			{get, 200, []string{allowApp, "Vary: Accept, origin"}},
		}},
		{"a doubled Vary is mended", "cors https://app.example.com\nreverse_proxy $B", "header Vary \"Origin, Accept\"\nheader +Vary Origin\nrespond hi", []row{
			{get, 200, []string{allowApp, "Vary: Accept, Origin"}},
		}},
		{"Vary: * says it all", "cors https://app.example.com\nreverse_proxy $B", "header Vary *\nrespond hi", []row{
			{get, 200, []string{allowApp, "Vary: *"}},
		}},
		{"Vary of encode", "cors https://app.example.com\nencode gzip\nrespond \"" + strings.Repeat("long ", 200) + "\"", "", []row{
			{get + "\nAccept-Encoding: gzip", 200, []string{allowApp, "Vary: Accept-Encoding, Origin"}},
		}},

		{"a dead upstream", "cors https://app.example.com\nreverse_proxy $C", "", []row{
			{get, 502, []string{allowApp, vary}},
			{getOther, 502, []string{vary}},
			{getNoOrigin, 502, []string{vary}},
			{preflight, 204, preflightLines(allowApp, vary)},
		}},
		{"a dead upstream, with error routes", "cors https://app.example.com\nreverse_proxy $C\nhandle_errors {\nrespond sorry\n}", "", []row{
			{get, 502, []string{allowApp, vary}},
			{getOther, 502, []string{vary}},
		}},
		{"an error", "cors https://app.example.com\nerror 401", "", []row{
			{get, 401, []string{allowApp, vary}},
		}},
		{"an error, with error routes", "cors https://app.example.com\nerror 401\nhandle_errors {\nrespond sorry 401\n}", "", []row{
			{get, 401, []string{allowApp, vary}},
		}},
		{"basic_auth", "cors https://app.example.com\n" + basicAuth + "\nrespond hi", "", []row{
			{get, 401, []string{allowApp, vary}},
			{get + "\nAuthorization: Basic Ym9iOnNlY3JldA==", 200, []string{allowApp, vary}},
			{preflight, 204, preflightLines(allowApp, vary)},
			{"OPTIONS /\nOrigin: https://app.example.com", 401, []string{allowApp, vary}},
		}},
		{"basic_auth, with error routes", "cors https://app.example.com\n" + basicAuth + "\nrespond hi\nhandle_errors {\nrespond sorry 401\n}", "", []row{
			{get, 401, []string{allowApp, vary}},
			{getOther, 401, []string{vary}},
		}},
		{"file_server", "cors https://app.example.com\nroot testdata\nfile_server", "", []row{
			{strings.Replace(get, "/", "/missing", 1), 404, []string{allowApp, vary}},
			{strings.Replace(getOther, "/", "/missing", 1), 404, []string{vary}},
			{preflight, 204, preflightLines(allowApp, vary)},
			{"OPTIONS /caddyfile/none.caddyfiletest\nOrigin: https://app.example.com", 405, []string{allowApp, "Vary: Accept-Encoding, Origin"}},
		}},
		{"file_server, with error routes", "cors https://app.example.com\nroot testdata\nfile_server\nhandle_errors {\nrespond sorry\n}", "", []row{
			{strings.Replace(get, "/", "/missing", 1), 404, []string{allowApp, vary}},
		}},
		{"an error route that fails", "cors https://app.example.com\nerror 401\nhandle_errors {\nerror 500\n}", "", []row{
			{get, 401, []string{allowApp, vary}},
		}},
		{"an error route that proxies, with the decision applied", "cors https://app.example.com\nerror 503\nhandle_errors {\ncors https://evil.example\nreverse_proxy $B\n}", corsBackend, []row{
			{get, 200, []string{allowApp, vary}},
			{getOther, 200, []string{vary}},
		}},
		{"an error route that sets headers, with the decision applied", "cors https://app.example.com\nerror 503\nhandle_errors {\ncors https://app.example.com\nheader Vary Accept\nheader Access-Control-Allow-Origin *\nrespond sorry\n}", "", []row{
			{get, 503, []string{allowApp, "Vary: Accept, Origin"}},
			{getOther, 503, []string{"Vary: Accept, Origin"}},
		}},
		{"an error route decides where nothing was decided", "error 503\nhandle_errors {\ncors https://app.example.com\nrespond sorry\n}", "", []row{
			{get, 503, []string{allowApp, vary}},
			{preflight, 204, preflightLines(allowApp, vary)},
		}},
		{"a handler that writes nothing", "cors https://app.example.com", "", []row{
			{get, 200, []string{allowApp, vary}},
			{getOther, 200, []string{vary}},
		}},
		{"an error after a backend's headers", "cors https://app.example.com\nreverse_proxy $B {\nhandle_response {\ncopy_response_headers {\nexclude Content-Length\n}\nerror 403\n}\n}", corsBackend, []row{
			{get, 403, []string{allowApp, vary}},
			{getOther, 403, []string{vary}},
		}},

		{"an error after a backend's headers, with error routes", "cors https://app.example.com\nreverse_proxy $B {\nhandle_response {\ncopy_response_headers\nerror 403\n}\n}\nhandle_errors {\nheader -Content-Length\nrespond sorry\n}", corsBackend, []row{
			{get, 403, []string{allowApp, vary}},
			{getOther, 403, []string{vary}},
		}},
		{"an error after a backend's headers, kept", "cors https://app.example.com {\nupstream_headers keep\n}\nreverse_proxy $B {\nhandle_response {\ncopy_response_headers {\nexclude Content-Length\n}\nerror 403\n}\n}\nhandle_errors {\ncors https://app.example.com\nrespond sorry\n}", corsBackend, []row{
			{get, 403, []string{allowApp, vary}},
			{getOther, 403, []string{vary}},
		}},
		{"an error route that proxies after a backend's headers, kept", "cors https://app.example.com {\nupstream_headers keep\n}\nreverse_proxy $B {\nhandle_response {\ncopy_response_headers\nerror 500\n}\n}\nhandle_errors {\ncors https://app.example.com\nreverse_proxy $B\n}", corsBackend, []row{
			{get, 200, []string{allowAll, "Allow-Credentials: true", "Expose-Headers: *", "Max-Age: 5", vary}},
		}},
		{"what no browser reads is not kept", "cors https://app.example.com {\nupstream_headers keep\n}\nreverse_proxy $B", "header Access-Control-Allow-Origin *\nheader +Access-Control-Allow-Origin *\nrespond hi", []row{
			{get, 200, []string{allowApp, vary}},
			{getOther, 200, []string{vary}},
		}},
		{"what no browser reads is not kept, in a line", "cors https://app.example.com {\nupstream_headers keep\n}\nreverse_proxy $B", "header Access-Control-Allow-Origin \"*, *\"\nrespond hi", []row{
			{get, 200, []string{allowApp, vary}},
			{getOther, 200, []string{vary}},
		}},
		{"handle_response that copies", "cors https://app.example.com\nreverse_proxy $B {\nhandle_response {\ncopy_response_headers\ncopy_response 299\n}\n}", corsBackend, []row{
			{get, 299, []string{allowApp, vary}},
			{getOther, 299, []string{vary}},
		}},
		{"intercept", "cors https://app.example.com\nintercept {\n@gone status 410\nhandle_response @gone {\nheader -Content-Length\nheader Access-Control-Allow-Origin *\nrespond sorry 299\n}\n@other status 2xx\nreplace_status @other 298\n}\nreverse_proxy $B", corsBackend + "\nrespond /gone gone 410", []row{
			{get, 298, []string{allowApp, vary}},
			{strings.Replace(get, "/", "/gone", 1), 299, []string{allowApp, vary}},
			{strings.Replace(getOther, "/", "/gone", 1), 299, []string{vary}},
		}},
		{"intercept ahead of it", "intercept {\n@gone status 410\nhandle_response @gone {\ncors https://evil.example\nreverse_proxy $B\n}\n}\nhandle {\ncors https://app.example.com\nrespond gone 410\n}", strings.Replace(corsBackend, "respond backend", "respond gone 299", 1), []row{
			{get, 299, []string{allowApp, vary}},
			{getOther, 299, []string{vary}},
		}},
		{"intercept ahead of a refusal", "intercept {\n@gone status 403\nhandle_response @gone {\ncors https://evil.example\nreverse_proxy $B\n}\n}\nhandle {\ncors https://app.example.com {\nenforce\n}\nrespond gone 410\n}", corsBackend, []row{
			{get, 410, []string{allowApp, vary}},
			{getOther, 403, []string{vary}},
			{strings.Replace(preflight, "app", "evil", 1), 403, []string{vary}},
		}},
		{"intercept ahead of a preflight", "intercept {\n@ok status 2xx\nhandle_response @ok {\ncors https://evil.example\nreverse_proxy $B\n}\n}\nhandle {\ncors https://app.example.com\nrespond gone 410\n}", corsBackend, []row{
			{preflight, 204, preflightLines(allowApp, vary)},
		}},
		{"intercept with an error", "cors https://app.example.com\nintercept {\nhandle_response {\nerror 418\n}\n}\nreverse_proxy $B", strings.Replace(corsBackend, "respond backend", "respond 200", 1), []row{
			{get, 418, []string{allowApp, vary}},
			{getOther, 418, []string{vary}},
		}},
		{"templates", "cors https://app.example.com\ntemplates\nheader Content-Type text/html\nrespond \"{{1}}\"", "", []row{
			{get, 200, []string{allowApp, vary}},
		}},
		{"templates that fail", "cors https://app.example.com\ntemplates\nheader Content-Type text/html\nrespond \"{{httpError 418}}\"\nhandle_errors {\nrespond sorry\n}", "", []row{
			{get, 418, []string{allowApp, vary}},
		}},
		{"templates that set headers", "cors https://app.example.com\ntemplates\nheader Content-Type text/html\nrespond `{{.RespHeader.Add \"Access-Control-Allow-Origin\" \"*\"}}`", "", []row{
			{get, 200, []string{allowApp, vary}},
			{getOther, 200, []string{vary}},
		}},
		{"encode ahead of an error", "cors https://app.example.com\nencode\nreverse_proxy $C\nhandle_errors {\nencode\nrespond \"" + strings.Repeat("long ", 200) + "\"\n}", "", []row{
			{get + "\nAccept-Encoding: gzip", 502, []string{allowApp, vary, "Vary: Accept-Encoding"}},
		}},
		{"encode ahead of a proxied backend", "cors https://app.example.com\nencode gzip\nreverse_proxy $B", corsBackend + "\nrespond /long \"" + strings.Repeat("long ", 200) + "\"", []row{
			{strings.Replace(get, "/", "/long", 1) + "\nAccept-Encoding: gzip", 200, []string{allowApp, vary, "Vary: Accept-Encoding"}},
		}},
		{"an error route that serves files", "cors https://app.example.com\nerror 418\nhandle_errors {\nroot testdata/errors\nrewrite {err.status_code}.html\nfile_server\n}", "", []row{
			{get, 418, []string{allowApp, vary, "Vary: Accept-Encoding"}},
			{getOther, 418, []string{vary, "Vary: Accept-Encoding"}},
		}},
		{"an error route that serves files, with the decision applied", "cors https://app.example.com\nerror 418\nhandle_errors {\ncors https://app.example.com\nroot testdata/errors\nrewrite {err.status_code}.html\nfile_server\n}", "", []row{
			{get, 418, []string{allowApp, vary, "Vary: Accept-Encoding"}},
		}},
		{"an error route that has no such file", "cors https://app.example.com\nerror 419\nhandle_errors {\nroot testdata/errors\nrewrite {err.status_code}.html\nfile_server\n}", "", []row{
			{get, 419, []string{allowApp, vary}},
		}},
		{"an error route of error routes", "cors https://app.example.com\nerror 418\nhandle_errors 418 {\ncors https://app.example.com\nreverse_proxy $C\n}", "", []row{
			{get, 418, []string{allowApp, vary}},
			{getOther, 418, []string{vary}},
		}},

		{"a handler ahead takes the grant away", "route {\nheader {\n-Access-Control-Allow-Origin\ndefer\n}\ncors https://app.example.com\nrespond hi\n}", "", []row{
			{get, 200, []string{vary}},
		}},
		{"a handler ahead forces a grant", "route {\nheader >Access-Control-Allow-Origin https://forced.example\ncors https://app.example.com\nreverse_proxy $B\n}", corsBackend, []row{
			{get, 200, []string{"Allow-Origin: https://forced.example", vary}},
			{getOther, 200, []string{"Allow-Origin: https://forced.example", vary}},
		}},
		{"a handler ahead sets Vary", "route {\nheader {\nVary Accept\ndefer\n}\ncors https://app.example.com\nreverse_proxy $B\n}", corsBackend, []row{
			{get, 200, []string{allowApp, "Vary: Accept"}},
		}},
		{"preflights are ahead of forward_auth", "cors https://app.example.com\nforward_auth $B {\nuri /\n}\nrespond hi", "error 401", []row{
			{preflight, 204, preflightLines(allowApp, vary)},
			{get, 401, []string{allowApp, vary}},
		}},
		{"preflights are ahead of redir", "cors https://app.example.com\nredir https://elsewhere.example", "", []row{
			{preflight, 204, preflightLines(allowApp, vary)},
			{get, 302, []string{allowApp, vary}},
		}},
		{"preflights are ahead of rewrite", "cors /old https://app.example.com\nrewrite /old /new\nerror /new 418", "", []row{
			{strings.Replace(preflight, "/", "/old", 1), 204, preflightLines(allowApp, vary)},
			{strings.Replace(get, "/", "/old", 1), 418, []string{allowApp, vary}},
		}},
		{"an OPTIONS that is no preflight goes on", "cors https://app.example.com\nreverse_proxy $B", "respond OPTIONS 299", []row{
			{"OPTIONS /", 299, []string{vary}},
			{"OPTIONS /\nAccess-Control-Request-Method: PUT", 299, []string{vary}},
			{"OPTIONS /\nOrigin: https://app.example.com", 299, []string{allowApp, vary}},
			{"OPTIONS /\nOrigin: https://evil.example", 299, []string{vary}},
		}},
		{"a GET with Access-Control-Request-Method is no preflight", "cors https://app.example.com\nrespond hi", "", []row{
			{get + "\nAccess-Control-Request-Method: BREW\nAccess-Control-Request-Headers: no list", 200, []string{allowApp, vary}},
		}},

		{"the first handler decides", "cors /public/* *\ncors https://app.example.com\nrespond hi", "", []row{
			{strings.Replace(getOther, "/", "/public/x", 1), 200, []string{allowAll}},
			{strings.Replace(getNoOrigin, "/", "/public/x", 1), 200, []string{allowAll}},
			{get, 200, []string{allowApp, vary}},
			{getOther, 200, []string{vary}},
		}},
		{"the first handler decides, over a more open one", "cors https://app.example.com {\nforward_preflights\n}\nhandle {\ncors * {\nenforce\n}\nrespond hi\n}", "", []row{
			{getOther, 200, []string{vary}},
			{strings.Replace(preflight, "app", "evil", 1), 200, []string{vary}},
		}},
		{"a handler that only reports does not count", "cors /* none {\nreport_only\n}\ncors https://app.example.com\nrespond hi", "", []row{
			{get, 200, []string{allowApp, vary}},
			{preflight, 204, preflightLines(allowApp, vary)},
		}},
		{"report_only changes nothing on an error route", "cors https://app.example.com\nerror 503\nhandle_errors {\ncors none {\nreport_only\n}\nheader Access-Control-Expose-Headers X-One\nrespond sorry\n}", "", []row{
			{get, 503, []string{allowApp, "Expose-Headers: X-One", vary}},
		}},
		{"report_only changes nothing", "cors https://app.example.com {\nreport_only\n}\nreverse_proxy $B", "header Access-Control-Allow-Origin https://own.example\nrespond hi 299", []row{
			{get, 299, []string{"Allow-Origin: https://own.example"}},
			{getOther, 299, []string{"Allow-Origin: https://own.example"}},
			{preflight, 299, []string{"Allow-Origin: https://own.example"}},
		}},
		{"enforce", "cors https://app.example.com {\nenforce\n}\nrespond hi 299", "", []row{
			{get, 299, []string{allowApp, vary}},
			{getOther, 403, []string{vary}},
			{"GET /\nOrigin: \x80", 403, []string{vary}},
			{getNoOrigin, 299, []string{vary}},
			{"POST /\nOrigin: http://$A", 299, []string{vary}},
			{preflight, 204, preflightLines(allowApp, vary)},
			{strings.Replace(preflight, "app", "evil", 1), 403, []string{vary}},
		}},
		{"enforce refuses no WebSocket handshake of an allowed origin", "cors https://app.example.com {\nenforce\n}\nrespond hi 299", "", []row{
			{get + webSocket, 299, []string{allowApp, vary}},
			{getOther + webSocket, 403, []string{vary}},
		}},
		{"enforce leaves a forwarded preflight to the next handler", "cors https://app.example.com {\nenforce\nforward_preflights\n}\nrespond hi 299", "", []row{
			{strings.Replace(preflight, "app", "evil", 1), 299, []string{vary}},
		}},
		{"a forwarded preflight that fails", "cors https://app.example.com {\nforward_preflights\n}\nerror 503\nhandle_errors {\ncors https://app.example.com\nrespond sorry\n}", "", []row{
			{preflight, 503, preflightLines(allowApp, vary)},
		}},
		{"a forwarded preflight of every origin", "cors * {\nforward_preflights\n}\nrespond hi 299", "", []row{
			{preflight, 299, preflightLines(allowAll)},
		}},
		{"forward_preflights", "cors https://app.example.com {\nforward_preflights\n}\nreverse_proxy $B", strings.Replace(corsBackend, "respond backend", "respond backend 299", 1), []row{
			{preflight, 299, preflightLines(allowApp, vary)},
			{strings.Replace(preflight, "app", "evil", 1), 299, []string{vary}},
		}},
		{"forward_preflights with credentials and wildcards", "cors https://app.example.com {\nforward_preflights\nallow_credentials\nallow_methods *\nexpose_headers *\n}\nreverse_proxy $B", "respond backend 299", []row{
			{preflight + "\nAccess-Control-Request-Headers: x-any", 299, []string{allowApp, "Allow-Credentials: true", "Allow-Methods: PUT", "Allow-Headers: x-any", "Max-Age: 600", vary + ", Access-Control-Request-Method, Access-Control-Request-Headers"}},
		}},
		{"forward_preflights, kept", "cors https://app.example.com {\nforward_preflights\nupstream_headers keep\n}\nreverse_proxy $B", "header Access-Control-Allow-Origin https://own.example\nrespond hi 299", []row{
			{preflight, 299, []string{"Allow-Origin: https://own.example", vary}},
		}},
		{"forward_preflights of every origin, kept", "cors * {\nforward_preflights\nupstream_headers keep\n}\nreverse_proxy $B", "header Access-Control-Allow-Origin https://own.example\nrespond hi 299", []row{
			{preflight, 299, []string{"Allow-Origin: https://own.example", vary}},
		}},
		{"preflight_status", "cors https://app.example.com {\npreflight_status 200\n}\nrespond hi 299", "", []row{
			{preflight, 200, preflightLines(allowApp, vary)},
			{strings.Replace(preflight, "app", "evil", 1), 403, []string{vary}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := runCaddyTLS(t, test.site, "http://$B {\n"+test.backend+"\n}\n")
			for _, protocol := range overTLS {
				c := a.Over(protocol)
				for _, row := range test.rows {
					if protocol == corstest.H1S || !strings.Contains(row.request, "\nUpgrade:") {
						c.Do(row.request).Want(t, row.status, row.lines...)
					}
				}
			}
		})
	}
}

// TestExposeAllWithCredentials holds the names that are exposed against those that the
// response has. "*" would be no wildcard.
func TestExposeAllWithCredentials(t *testing.T) {
	a := runCaddyTLS(t, "cors https://app.example.com {\nallow_credentials\nexpose_headers *\n}\nreverse_proxy $B",
		"http://$B {\nheader X-Total-Count 3\nheader Set-Cookie a=b\nheader Vary Accept\nrespond hi\n}")
	for _, protocol := range overTLS {
		r := a.Over(protocol).Do(get)
		exposed := strings.Split(r.Header.Get(headerExposeHeaders), ", ")
		var names []string
		for name := range r.Header {
			if !isCORSResponseHeader(name) && name != "Set-Cookie" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if !slices.Equal(exposed, names) || !slices.Contains(names, "X-Total-Count") || !slices.Contains(names, "Date") {
			t.Errorf("%s\nexposed %q, want %q", r, exposed, names)
		}
	}
}

// TestRefusal shows that a page, and a person with curl, can read why, and that
// nothing of the request is in it.
func TestRefusal(t *testing.T) {
	a := runCaddy(t, "http://$A {\n cors https://app.example.com {\n enforce\n }\n respond secret\n}")
	for request, want := range map[string]string{
		getOther:                   "CORS: actual request denied: origin_not_allowed\n",
		"POST /\nOrigin: <script>": "CORS: actual request denied: origin_malformed\n",
		strings.Replace(preflight, "app", "x", 1): "CORS: preflight request denied: origin_not_allowed\n",
	} {
		r := a.Do(request)
		if r.StatusCode != http.StatusForbidden || r.Text != want || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s\n\ngot %s\n\nwant body %q", request, r, want)
		}
		if noStore := r.Header.Get("Cache-Control") == "no-store"; noStore != !strings.HasPrefix(request, "OPTIONS") {
			t.Errorf("%s\n\ngot %s\n\nCache-Control", request, r)
		}
	}
}

// TestAnswerHasNoBody shows that an answer to a preflight is headers alone.
func TestAnswerHasNoBody(t *testing.T) {
	a := runCaddy(t, "http://$A {\n cors https://app.example.com\n respond secret\n}")
	if r := a.Do(preflight); r.Text != "" || r.Header.Get("Content-Type") != "" {
		t.Errorf("%s", r)
	}
}

// TestHeaderValuesAreNotShared lets Caddy's header directive edit values in place,
// which corrupts all later requests if they share them.
func TestHeaderValuesAreNotShared(t *testing.T) {
	site := "http://$A {\n" +
		"header >Access-Control-Allow-Origin example edited\n" +
		"header >Access-Control-Expose-Headers One edited\n" +
		"header >Access-Control-Allow-Methods PUT edited\n" +
		"header >Vary Origin edited\n" +
		"cors https://app.example.com {\n expose_headers X-One\n}\nrespond hi\n}\n"
	// "route" keeps the order as written, so that "header" sees what "cors" wrote.
	site = strings.Replace(site, "{\n", "{\nroute {\n", 1) + "}\n"
	a := runCaddy(t, site)
	for i := range 3 {
		edited := []string{"Allow-Origin: https://app.edited.com", "Expose-Headers: X-edited", "Vary: edited"}
		a.Do(get).Want(t, 200, edited...)
		a.Do(preflight).Want(t, 204, append(edited, "Allow-Methods: GET, HEAD, POST, edited, PATCH, DELETE", "Allow-Headers: *, Authorization", "Max-Age: 600")...)
		if t.Failed() {
			t.Fatalf("in round %d", i)
		}
	}
}
