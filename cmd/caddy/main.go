// Command caddy is Caddy with its standard modules, the cors module and cors_proxy.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/seed-9442523e/caddy-cors"
	_ "github.com/seed-9442523e/caddy-cors/proxy"
)

func main() {
	caddycmd.Main()
}
