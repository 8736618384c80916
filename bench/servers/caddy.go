package servers

import "strings"

// server is a program with a config, which may have CORS in it.
type server struct {
	name  string
	cors  bool // whether pages of origin may read what it answers
	start func(l *lab, cell Cell, address string) (*process, error)
}

// Sites of Caddy. $HANDLER is the handler that answers.
const (
	withoutSite = "$HANDLER"
	corsSite    = "cors " + origin + "\n$HANDLER"

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

// caddyServer returns a Caddy with a site. All else is as Caddy has it by default.
func caddyServer(name, site string) server {
	cors := site == corsSite || site == snippetSite
	return server{name, cors, func(l *lab, cell Cell, address string) (*process, error) {
		handler := map[string]string{
			Respond:      "respond " + hello,
			ReverseProxy: "reverse_proxy " + l.backend,
			FileServer:   "root " + l.files + "\nfile_server",
		}[cell.Handler]
		start := "http://" + address + " {\n"
		if cell.Protocol == HTTP2 {
			start = "https://" + address + " {\ntls " + l.certificate + " " + l.key + "\n"
		}
		file, err := l.write("{\nadmin off\npersist_config off\nauto_https off\ndefault_bind 127.0.0.1\nstorage file_system " + l.dir + "\n}\n" +
			start + strings.ReplaceAll(site, "$HANDLER", handler) + "\n}\n")
		if err != nil {
			return nil, err
		}
		return l.start(l.serverCore, l.caddy, "run", "--adapter", "caddyfile", "--config", file)
	}}
}
