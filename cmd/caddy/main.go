// Command caddy is Caddy with its standard modules and the cors module.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/seed-9442523e/caddy-cors"
)

func main() {
	caddycmd.Main()
}
