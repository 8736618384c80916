package caddycors

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "cors",
		Short:     "Checks, explains and allows cross-origin requests (CORS)",
		CobraFunc: addCommands,
	})
}

// addCommands puts the subcommands below `caddy cors`.
func addCommands(cors *cobra.Command) {
	cors.Args = cobra.NoArgs // else a misspelt command would succeed
	cors.RunE = func(cors *cobra.Command, _ []string) error { return cors.Help() }
	cors.AddCommand(checkCommand(), explainCommand(), originsCommand())
}
