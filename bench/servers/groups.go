package servers

import (
	"net/http"

	"github.com/seed-9442523e/caddy-cors/bench/internal/process"
)

// The kinds of requests.
const (
	NoOrigin  = "no Origin"
	Allowed   = "allowed"
	Denied    = "denied"
	Preflight = "preflight"
)

const (
	origin      = "https://app.example.com"
	otherOrigin = "https://bad.example.com" // which no server allows; it is as long
	path        = "/page.html"
)

// request is what is asked of a server.
type request struct {
	name   string
	method string
	header [][2]string
}

var (
	noOrigin  = request{name: NoOrigin, method: http.MethodGet}
	allowed   = request{Allowed, http.MethodGet, [][2]string{{"origin", origin}}}
	denied    = request{Denied, http.MethodGet, [][2]string{{"origin", otherOrigin}}}
	preflight = request{Preflight, http.MethodOptions, [][2]string{
		{"origin", origin}, {"access-control-request-method", "PUT"}, {"access-control-request-headers", "content-type"},
	}}
)

// The servers. Those whose name is said to answer preflights do so without CORS: they
// answer every OPTIONS with an empty 204.
const (
	Without      = "Caddy"
	Again        = "Caddy, once more"
	Answering    = "Caddy, OPTIONS answered"
	WithCORS     = "cors"
	WithSnippet  = "header snippet"
	WithLines    = "same lines by header"
	Nginx        = "nginx"
	NginxMap     = "nginx with map"
	NginxOptions = "nginx, OPTIONS answered"
	HAProxy      = "HAProxy"
	HAProxyRules = "HAProxy with rules"
	HAProxyEmpty = "HAProxy, OPTIONS answered"
)

// server is a site of a program, which may have CORS in it.
type server struct {
	name  string
	cors  bool // whether pages of origin may read what it answers
	start func(l *lab, cell Cell, sites []site) (*process.Process, error)
	rules string
}

// site is what is in the config of a program for one of its servers. All those of a group
// are in one process: two processes are never quite as fast as one another, whatever they
// do, as their memory lies otherwise.
type site struct{ address, rules string }

// turn is a server that is asked one kind of request.
type turn struct {
	server  server
	request request
}

// group are the turns of a round, which are compared with one another. All of its servers
// are of one program.
type group struct {
	name    string
	turns   []turn
	compare [][2]int // by their places
	thinned int      // into how many parts the planned rounds are divided, of which one is done
}

// groups returns what is measured with a handler.
func groups(handler string) []group {
	caddy, again := caddyServer(Without, withoutSite), caddyServer(Again, withoutSite)
	answering, answeringAgain := caddyServer(Answering, answeringSite), caddyServer(Again, answeringSite)
	cors, snippet := caddyServer(WithCORS, corsSite), caddyServer(WithSnippet, snippetSite)
	onAllowed, onOthers := caddyServer(WithLines, allowedLines), caddyServer(WithLines, otherLines)
	all := []group{
		{
			"Caddy, requests",
			[]turn{
				{caddy, noOrigin}, {cors, noOrigin}, {snippet, noOrigin}, {again, noOrigin},
				{caddy, allowed}, {cors, allowed}, {snippet, allowed}, {again, allowed},
				{cors, denied}, {snippet, denied}, {caddy, denied}, {again, denied},
				{onOthers, noOrigin}, {onAllowed, allowed}, {onOthers, denied},
			},
			[][2]int{
				{1, 0}, {2, 0}, {1, 2}, {3, 0},
				{5, 4}, {6, 4}, {5, 6}, {7, 4},
				{8, 10}, {9, 10}, {8, 9}, {11, 10},
				{12, 0}, {13, 4}, {14, 10},
			},
			1,
		},
		{
			"Caddy, preflights",
			[]turn{{answering, preflight}, {cors, preflight}, {snippet, preflight}, {answeringAgain, preflight}},
			[][2]int{{1, 0}, {2, 0}, {1, 2}, {3, 0}},
			1,
		},
	}
	if handler == FileServer {
		return all
	}
	return append(all,
		others("nginx", nginxServer(Nginx, ""), nginxServer(NginxOptions, nginxAnswering), nginxServer(NginxMap, nginxCORS)),
		others("HAProxy", haproxyServer(HAProxy, ""), haproxyServer(HAProxyEmpty, haproxyAnswering), haproxyServer(HAProxyRules, haproxyCORS)),
	)
}

// others compares a server with CORS rules to the same one without, in half of the rounds,
// as it is for the record.
func others(name string, without, answering, with server) group {
	return group{
		name,
		[]turn{{without, allowed}, {with, allowed}, {answering, preflight}, {with, preflight}},
		[][2]int{{1, 0}, {3, 2}},
		2,
	}
}
