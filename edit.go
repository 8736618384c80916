package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/source"
)

// edit is `caddy cors origins`: it shows and changes lists of origins in the storage, by way
// of the admin API of a running Caddy.
type edit struct {
	address, config, adapter string
}

func originsCommand() *cobra.Command {
	origins := &cobra.Command{
		Use:   "origins",
		Short: "Shows and changes the lists of origins in Caddy's storage",
		Long:  originsHelp,
		Args:  cobra.NoArgs,
		RunE:  func(origins *cobra.Command, _ []string) error { return origins.Help() },
	}
	origins.AddCommand(
		editCommand("list <key>", "Writes the origins of a list, one a line", cobra.ExactArgs(1), (*edit).list),
		editCommand("add <key> <origin>...", "Adds origins, or patterns, to a list", cobra.MinimumNArgs(2), (*edit).add),
		editCommand("remove <key> <origin>...", "Takes origins, or patterns, out of a list", cobra.MinimumNArgs(2), (*edit).remove),
	)
	return origins
}

const originsHelp = `Shows and changes the lists of origins in Caddy's storage which the config of a running
Caddy has in "allow_origins_from storage <key>". What is added or removed is in force on
the Caddy that is asked when the command ends, and within the interval of the source
on all others that share the storage.

It asks the admin API of a Caddy on this machine, or at --address. An origin that the
config would refuse is refused here, too.`

// editCommand returns a command that asks the admin API.
func editCommand(use, short string, args cobra.PositionalArgs, run func(e *edit, out io.Writer, args []string) error) *cobra.Command {
	var e edit
	command := &cobra.Command{Use: use, Short: short, Args: args}
	flags := command.Flags()
	flags.StringVar(&e.address, "address", "", "Address of the administration API listener (if --config is not used)")
	flags.StringVarP(&e.config, "config", "c", "", "Configuration file (if --address is not used)")
	flags.StringVarP(&e.adapter, "adapter", "a", "", "Name of config adapter to apply (if --config is used)")
	command.RunE = runCommand(func(args []string) (int, error) {
		if err := run(&e, command.OutOrStdout(), args); err != nil {
			return statusFailed, err
		}
		return statusReadable, nil
	})
	return command
}

func (e *edit) list(out io.Writer, args []string) error {
	response, err := e.request(http.MethodGet, args[0])
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var list source.ShownList
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return err
	}
	for _, origin := range list.Origins {
		if _, err := fmt.Fprintln(out, fetch.Printable(origin, maxPrinted)); err != nil {
			return err
		}
	}
	return nil
}

func (e *edit) add(out io.Writer, args []string) error {
	return e.each(out, http.MethodPut, args, map[int]string{http.StatusCreated: "added", http.StatusOK: "there already"})
}

func (e *edit) remove(out io.Writer, args []string) error {
	return e.each(out, http.MethodDelete, args, map[int]string{http.StatusNoContent: "removed"})
}

// each sends a request for each origin, and writes what was done. One that is refused does
// not keep the others from being done.
func (e *edit) each(out io.Writer, method string, args []string, done map[int]string) error {
	var errs []error
	for _, origin := range args[1:] {
		response, err := e.request(method, args[0], origin)
		if refused := new(refusedError); err != nil && !errors.As(err, &refused) {
			return errors.Join(append(errs, err)...) // there is nobody to ask for the others
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		_ = response.Body.Close()
		if _, err := fmt.Fprintf(out, "%s: %s\n", fetch.Printable(origin, maxPrinted), done[response.StatusCode]); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// refusedError is what the admin API says of a request that it refused.
type refusedError struct{ message string }

func (e *refusedError) Error() string { return e.message }

// request asks the admin API about a key, or an origin below a key.
func (e *edit) request(method string, path ...string) (*http.Response, error) {
	for i := range path {
		path[i] = url.PathEscape(path[i])
	}
	address, err := caddycmd.DetermineAdminAPIAddress(e.address, nil, e.config, e.adapter)
	if err != nil {
		return nil, err
	}
	response, err := caddycmd.AdminAPIRequest(address, method, source.AdminPath+strings.Join(path, "/"), nil, nil)
	if err == nil {
		return response, nil
	}
	// Of the answer, Caddy leaves no more than its text.
	var answer struct{ Error string }
	if _, body, ok := strings.Cut(err.Error(), "caddy responded with error: HTTP "); ok {
		if _, body, ok = strings.Cut(body, ": "); ok && json.Unmarshal([]byte(body), &answer) == nil && answer.Error != "" {
			return nil, &refusedError{answer.Error}
		}
	}
	return nil, err
}
