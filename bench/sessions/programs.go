package sessions

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/internal/repository"
)

//go:embed express/.npmrc express/package.json express/package-lock.json express/server.js
var express embed.FS

// programs are the contenders that are not libraries for Go.
type programs struct {
	dir     string
	caddy   string // path
	express string // directory, with its packages
	started int    // so that each has a name of its own
}

// prepare builds and installs them in a directory.
func prepare(ctx context.Context, dir string) (*programs, error) {
	p := &programs{dir: dir, caddy: filepath.Join(dir, "caddy"), express: filepath.Join(dir, "express")}
	if err := repository.BuildCaddy(ctx, p.caddy); err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, express); err != nil {
		return nil, err
	}
	_, err := run(ctx, p.express, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	return p, err
}

// caddyWith returns a contender that is a Caddy with this module, and with these options
// of it.
func caddyWith(name string, options ...string) contender {
	config := nothing
	if len(options) > 0 {
		config = "`" + strings.Join(options, "`, `") + "`"
	}
	return contender{name, true, config, func(ctx context.Context, p *programs, origin string, credentials bool) (*api, error) {
		lines := options
		if credentials {
			lines = append([]string{"allow_credentials"}, options...)
		}
		dir, socket, err := p.room()
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "Caddyfile")
		text := fmt.Sprintf(`{
	admin off
	persist_config off
}

http:// {
	bind unix/%s
	cors %s {
		%s
	}
	header Content-Type application/json
	respond "{}"
}
`, socket, origin, strings.Join(lines, "\n\t\t"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
		return serveProcess(ctx, socket, dir, p.caddy, "run", "--config", file, "--adapter", "caddyfile")
	}}
}

// startExpress starts a server of Express.
func startExpress(ctx context.Context, p *programs, origin string, credentials bool) (*api, error) {
	options := map[string]any{"origin": origin}
	if credentials {
		options["credentials"] = true
	}
	text, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	path, err := node.path()
	if err != nil {
		return nil, err
	}
	dir, socket, err := p.room()
	if err != nil {
		return nil, err
	}
	return serveProcess(ctx, socket, dir, path, filepath.Join(p.express, "server.js"), socket, string(text))
}

// room makes a directory for one more process, with the path of a socket in it.
func (p *programs) room() (dir, socket string, err error) {
	p.started++
	dir = filepath.Join(p.dir, fmt.Sprint(p.started))
	return dir, filepath.Join(dir, "socket"), os.Mkdir(dir, 0o700)
}

// serveProcess starts a server that listens on a Unix socket, and a proxy ahead of it.
func serveProcess(ctx context.Context, socket, dir, path string, args ...string) (*api, error) {
	p, err := start(dir, path, args...)
	if err != nil {
		return nil, err
	}
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
			continue
		case <-p.exited:
			return nil, fmt.Errorf("%s ended by itself:\n%s", path, p.output())
		case <-ctx.Done():
			p.stop()
			return nil, fmt.Errorf("%s does not listen: %w\n%s", path, ctx.Err(), p.output())
		}
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: r.In.Host})
		},
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}},
	}
	return serve(proxy, p.stop)
}
