package servers

import (
	"fmt"

	"github.com/seed-9442523e/caddy-cors/bench/internal/process"
)

// The parts of a config of nginx that answer CORS. In a location, "if" with "return" is
// what everybody writes, and safe.
const (
	nginxAnswering = "if ($request_method = OPTIONS) { return 204; }"

	nginxCORS = `if ($request_method = OPTIONS) {
		add_header Access-Control-Allow-Origin $allowed always;
		add_header Access-Control-Allow-Methods "GET, POST, PUT, DELETE" always;
		add_header Access-Control-Allow-Headers "Content-Type, Authorization" always;
		add_header Access-Control-Max-Age 600 always;
		add_header Vary Origin always;
		return 204;
	}
	add_header Access-Control-Allow-Origin $allowed always;
	add_header Vary Origin always;`
)

// nginxServer returns a site of nginx with these lines in its location.
func nginxServer(name, lines string) server {
	return server{name, lines == nginxCORS, startNginxSites, lines}
}

func startNginxSites(l *lab, cell Cell, sites []site) (*process.Process, error) {
	handler := "default_type text/plain; return 200 " + hello + ";"
	if cell.Handler == ReverseProxy {
		handler = "proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection \"\";"
	}
	config := `map $http_origin $allowed { default ""; "` + origin + `" $http_origin; }
	upstream backend { server ` + l.backend + "; keepalive 32; keepalive_requests 100000000; }\n"
	for _, s := range sites {
		listen := s.address + ";"
		if cell.Protocol == HTTP2 {
			listen = s.address + " ssl http2; ssl_certificate " + l.certificate + "; ssl_certificate_key " + l.key + ";"
		}
		config += "server { listen " + listen + " location / {\n" + s.rules + "\n" + handler + "\n} }\n"
	}
	return l.startNginx(l.serverCore, config)
}

// startNginx starts an nginx that is one process, with these lines in its http block.
// By default it closes connections after a thousand requests, which Caddy and HAProxy
// do not.
func (l *lab) startNginx(core int, lines string) (*process.Process, error) {
	file, err := l.write(`daemon off;
master_process off;
pid ` + l.dir + `/nginx.pid;
error_log stderr;
events { worker_connections 256; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path ` + l.dir + `/body;
	proxy_temp_path ` + l.dir + `/proxy;
	fastcgi_temp_path ` + l.dir + `/fastcgi;
	uwsgi_temp_path ` + l.dir + `/uwsgi;
	scgi_temp_path ` + l.dir + `/scgi;
	` + lines + `
}
`)
	if err != nil {
		return nil, err
	}
	return l.start(core, l.nginx, "-e", "stderr", "-c", file)
}

// The rules of HAProxy that answer CORS.
const (
	haproxyAnswering = "http-request return status 204 if METH_OPTIONS"

	haproxyCORS = `http-request set-var(txn.origin) req.hdr(Origin)
	acl allowed var(txn.origin) -m str ` + origin + `
	http-request return status 204 hdr Access-Control-Allow-Methods "GET, POST, PUT, DELETE" hdr Access-Control-Allow-Headers "Content-Type, Authorization" hdr Access-Control-Max-Age 600 if METH_OPTIONS allowed
	http-after-response set-header Access-Control-Allow-Origin %[var(txn.origin)] if allowed
	http-after-response add-header Vary Origin`
)

// haproxyServer returns a frontend of HAProxy with these rules.
func haproxyServer(name, rules string) server {
	return server{name, rules == haproxyCORS, startHAProxy, rules}
}

func startHAProxy(l *lab, cell Cell, sites []site) (*process.Process, error) {
	handler := "http-request return status 200 content-type text/plain string " + hello
	if cell.Handler == ReverseProxy {
		handler = "default_backend api"
	}
	config := `global
	nbthread 1
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
backend api
	server one ` + l.backend + "\n"
	for i, s := range sites {
		bind := s.address
		if cell.Protocol == HTTP2 {
			bind += " ssl crt " + l.both + " alpn h2"
		}
		config += fmt.Sprintf("frontend site%d\n\tbind %s\n\t%s\n\t%s\n", i, bind, s.rules, handler)
	}
	file, err := l.write(config)
	if err != nil {
		return nil, err
	}
	return l.start(l.serverCore, l.haproxy, "-db", "-f", file)
}
