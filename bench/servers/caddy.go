package servers

import (
	"strings"

	"github.com/seed-9442523e/caddy-cors/bench/internal/process"
)

// Sites of Caddy. $HANDLER is the handler that answers.
const (
	withoutSite = "$HANDLER"
	corsSite    = "cors " + origin + "\n$HANDLER"

	// The lines that the module writes to a response, whatever the request: the least that
	// they can cost in Caddy.
	allowedLines = "header {\nAccess-Control-Allow-Origin " + origin + "\nVary Origin\n}\n$HANDLER"
	otherLines   = "header Vary Origin\n$HANDLER"

	// The least that answers preflights at all.
	answeringSite = "@options method OPTIONS\nrespond @options 204\n$HANDLER"

	// The snippet that compares the origin, with the answer to preflights that guides add to
	// it. It has neither Vary nor Max-Age, so that it does less than the module.
	snippetSite = `@cors header Origin ` + origin + `
	header @cors Access-Control-Allow-Origin ` + origin + `
	@preflight method OPTIONS
	header @preflight {
		Access-Control-Allow-Methods "GET, POST, PUT, DELETE"
		Access-Control-Allow-Headers "Content-Type, Authorization"
	}
	respond @preflight 204
	$HANDLER`
)

// caddyServer returns a site of Caddy. All else is as Caddy has it by default.
func caddyServer(name, rules string) server {
	cors := rules == corsSite || rules == snippetSite || rules == allowedLines
	return server{name, cors, startCaddy, rules}
}

func startCaddy(l *lab, cell Cell, sites []site) (*process.Process, error) {
	handler := map[string]string{
		Respond:      "respond " + hello,
		ReverseProxy: "reverse_proxy " + l.backend,
		FileServer:   "root " + l.files + "\nfile_server",
	}[cell.Handler]
	config := "{\nadmin off\npersist_config off\nauto_https off\ndefault_bind 127.0.0.1\nstorage file_system " + l.dir + "\n}\n"
	for _, s := range sites {
		start := "http://" + s.address + " {\n"
		if cell.Protocol == HTTP2 {
			start = "https://" + s.address + " {\ntls " + l.certificate + " " + l.key + "\n"
		}
		config += start + strings.ReplaceAll(s.rules, "$HANDLER", handler) + "\n}\n"
	}
	file, err := l.write(config)
	if err != nil {
		return nil, err
	}
	return l.start(l.serverCore, l.caddy, "run", "--adapter", "caddyfile", "--config", file)
}
