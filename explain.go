package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// exitUnreadable is the status of commands that find that a page could not read the
// response.
const exitUnreadable = 2

// explainCommand returns `caddy cors explain`.
func explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain --origin <origin> [--config <file> [--adapter <name>]] [--method <method>] [--header <name>[: <value>]]... [--json] <url>",
		Short: "Explains what a config makes of a page's request to another origin",
		Long: `Explains what a config makes of a request that a page makes to another origin, and of
the preflight that the browser sends ahead of it, if it needs one: which cors handler
decides, by which policy and which of its origins, and what to change if it is denied.
It warns of what is in the way of cors.

The config is not run: nothing listens, and nothing is sent.

The exit status is 0 if the page could read the response as far as CORS goes, 2 if it
could not, and 1 if the config does not load or the command is not understood.`,
		Example: `  $ caddy cors explain --origin https://app.example.com --method PUT \
      --header 'Content-Type: application/json' https://api.example.com/items`,
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.StringP("config", "c", "", "the config file; by default the Caddyfile in the current directory")
	flags.StringP("adapter", "a", "", "the name of the config adapter")
	flags.String("origin", "", "the origin of the page, such as https://app.example.com")
	flags.StringP("method", "X", "GET", "the method that the page uses")
	flags.StringArrayP("header", "H", nil, "a header that the page sets, with or without its value; may repeat")
	flags.Bool("json", false, "write JSON")
	_ = cmd.MarkFlagRequired("origin") // there is such a flag
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cmd.SilenceErrors = true // they are logged, and the exit status is no error to print
		return caddycmd.WrapCommandFuncForCobra(runExplain(cmd.OutOrStdout()))(cmd, args)
	}
	return cmd
}

// runExplain returns the command's function, which writes to out.
func runExplain(out io.Writer) caddycmd.CommandFunc {
	return func(flags caddycmd.Flags) (int, error) {
		headers, _ := flags.GetStringArray("header") // there is such a flag
		page, err := newPageRequest(flags.Arg(0), flags.String("origin"), flags.String("method"), headers)
		if err != nil {
			return 1, err
		}
		result, err := explainConfig(flags.String("config"), flags.String("adapter"), page)
		if err != nil {
			return 1, err
		}
		write := result.writeText
		if flags.Bool("json") {
			write = result.writeJSON
		}
		if err := write(out); err != nil {
			return 1, err
		}
		if !result.Readable {
			return exitUnreadable, nil
		}
		return 0, nil
	}
}

// explainConfig explains what a config file makes of a request.
func explainConfig(file, adapter string, page pageRequest) (*explanation, error) {
	ctx, cancel, err := explainContext()
	if err != nil {
		return nil, err
	}
	defer cancel()
	config, file, adapter, err := caddycmd.LoadConfig(file, adapter)
	if err != nil {
		return nil, err
	}
	if len(config) == 0 {
		return nil, errors.New("there is no Caddyfile here; name the config with --config")
	}
	e := explainer{ctx: ctx, page: page}
	if e.config, err = decodeHTTPConfig(config); err != nil {
		return nil, err
	}
	if adapter == "caddyfile" && file != "-" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the Caddyfile once more, for its lines: %w", err)
		}
		if e.lines, err = readCaddyfile(file, text, page); err != nil {
			return nil, err
		}
	}
	return e.explain()
}

// explainContext returns a context in which modules can be loaded: that of a config
// which has no apps, no storage of its own, and logs nothing but errors, to standard
// error. Nothing is opened or written for it.
func explainContext() (caddy.Context, func(), error) {
	errorsOnly := &caddy.CustomLog{BaseLog: caddy.BaseLog{Level: "ERROR"}}
	empty, err := caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: errorsOnly}}})
	if err != nil {
		return empty, nil, err
	}
	ctx, cancel := caddy.NewContext(empty)
	return ctx, cancel, nil
}

// writeJSON writes the explanation for programs.
func (x *explanation) writeJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(x)
}
