package caddycors

import (
	"bytes"
	"testing"

	"github.com/spf13/cobra"
)

// runCommandLine runs `caddy cors` with these arguments in the current directory, and
// returns what it wrote, its exit status, and its error.
func runCommandLine(t *testing.T, args ...string) (output string, status int, err error) {
	t.Helper()
	cors := &cobra.Command{Use: "cors", SilenceUsage: true, SilenceErrors: true}
	addCommands(cors)
	var out bytes.Buffer
	cors.SetOut(&out)
	cors.SetErr(&out)
	cors.SetArgs(args)
	err = cors.ExecuteContext(t.Context())
	switch {
	case err == nil:
		return out.String(), statusReadable, nil
	case err.Error() == "exiting with status 2": // of a type that Caddy does not export
		return out.String(), statusBlocked, nil
	}
	return out.String(), statusFailed, err
}
