package caddycors

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "cors",
		Short:     "Tells what becomes of a page's requests to another origin",
		CobraFunc: addCommands,
	})
}

// addCommands puts the subcommands below `caddy cors`.
func addCommands(cors *cobra.Command) {
	cors.AddCommand(checkCommand())
}
