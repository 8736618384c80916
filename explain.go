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

// explain is `caddy cors explain`.
type explain struct {
	pageFlags
	config  string
	adapter string
	sources bool
	json    bool
}

func explainCommand() *cobra.Command {
	var x explain
	command := &cobra.Command{
		Use:     "explain <url> --origin <origin>",
		Short:   "Explains what a config makes of a page's request to another origin",
		Long:    explainHelp,
		Example: "  caddy cors explain https://api.example.com/items --origin https://app.example.com -X PUT -H Content-Type",
		Args:    cobra.ExactArgs(1),
	}
	x.add(command)
	flags := command.Flags()
	flags.StringVarP(&x.config, "config", "c", "", "Config file; by default the Caddyfile in the current directory")
	flags.StringVarP(&x.adapter, "adapter", "a", "", "Name of the config adapter")
	flags.BoolVar(&x.sources, "sources", false, "Ask the sources of allow_origins_from: fetch lists, ask endpoints")
	flags.BoolVar(&x.json, "json", false, "Write the result as JSON")
	command.RunE = runCommand(func(args []string) (int, error) { return x.run(command.OutOrStdout(), args[0]) })
	return command
}

const explainHelp = `Explains what a config makes of a request that a page makes to another origin, and of
the preflight that the browser sends ahead of it, if it needs one: which cors handler
decides, by which policy and which of its origins, and what to change if it is denied.
It warns of what is in the way of cors.

The config is not run: nothing listens, and nothing is sent, unless --sources asks for it.

Exit status: 0 if the page could read the response as far as CORS goes, 2 if it could
not, 1 if the config cannot be read, if what the request meets does not load (where that
is a source of origins, the rest is explained), or if the command is not understood.
"caddy validate" tells whether all of a config loads.`

// run explains a config, writes what it found, and returns the exit status.
func (x *explain) run(out io.Writer, rawURL string) (int, error) {
	page, err := newPageRequest(x.pageFlags, rawURL)
	if err != nil {
		return statusFailed, err
	}
	result, failure := explainConfig(x.config, x.adapter, page, x.sources)
	if result == nil {
		return statusFailed, failure
	}
	write := result.writeText
	if x.json {
		write = result.writeJSON
	}
	if err := write(out); err != nil {
		return statusFailed, err
	}
	if failure != nil {
		return statusFailed, failure
	}
	if !result.Readable {
		return statusBlocked, nil
	}
	return statusReadable, nil
}

// explainConfig explains what a config file makes of a request. Sources that are not on
// this machine are asked only if that is wanted. With an error there is no explanation, but for
// [errSourceFails].
func explainConfig(file, adapter string, page pageRequest, sources bool) (*explanation, error) {
	ctx, cancel, err := explainContext(nil)
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
	e := explainer{page: page}
	if e.config, err = decodeHTTPConfig(config); err != nil {
		return nil, err
	}
	unasked := func(kind string) bool { return kind != "file" }
	if sources {
		unasked = onlyKnownInCaddy
		if ctx, cancel, err = explainContext(e.config.storage); err != nil {
			return nil, err
		}
		defer cancel()
	}
	e.ctx = ctx.WithValue(unaskedKey{}, unasked)
	if adapter == "caddyfile" && file != "-" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the Caddyfile once more, for its lines: %w", err)
		}
		// It adapted, so this fails only for a file that can be read once; then lines are not
		// told.
		e.lines, _ = readCaddyfile(file, text, page)
	}
	return e.explain()
}

// explainContext returns a context in which modules can be loaded: that of a config
// which has no apps, and logs nothing but errors, to standard error. Without a storage of
// its own, nothing is opened or written for it.
func explainContext(storage json.RawMessage) (caddy.Context, func(), error) {
	errorsOnly := &caddy.CustomLog{BaseLog: caddy.BaseLog{Level: "ERROR"}}
	empty, err := caddy.ProvisionContext(&caddy.Config{
		Logging:    &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: errorsOnly}},
		StorageRaw: storage,
	})
	if err != nil {
		return empty, nil, err
	}
	ctx, cancel := caddy.NewContext(empty)
	return ctx, cancel, nil
}

// onlyKnownInCaddy reports whether what a source of this kind allows is known to a Caddy
// that runs, and to nobody else.
func onlyKnownInCaddy(kind string) bool { return kind == "certificates" }

// writeJSON writes the explanation for programs.
func (x *explanation) writeJSON(out io.Writer) error { return writeJSON(out, x) }
