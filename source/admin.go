package source

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

// AdminPath is below which the admin API has lists of origins.
const AdminPath = "/cors/origins/"

// adminAPI is what the admin API has for the lists in the storage that the running config
// takes origins from:
//
//	GET    /cors/origins/<key>           shows the list
//	PUT    /cors/origins/<key>/<origin>  adds an origin, or a pattern
//	DELETE /cors/origins/<key>/<origin>  takes one out
//
// The origin is percent-encoded, as a path has no "//". A PUT answers 201, or 200 if the
// origin is there already, a DELETE 204, or 404 if it is not there; it takes out any line, also
// one that is no origin. When the answer is there, the change is in force on
// this server.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.cors",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// Routes returns the routes of the admin API.
func (a adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: AdminPath, Handler: caddy.AdminHandlerFunc(a.serve)}}
}

// serve answers a request about a list.
func (adminAPI) serve(w http.ResponseWriter, r *http.Request) error {
	// What is encoded stays so: access to the admin API is given by path, too, which is
	// decoded and cleaned for that, and must be within the same list then.
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), AdminPath), "/")
	e, err := newEditor(parts[0])
	if err != nil {
		return err
	}
	if given := path.Clean(r.URL.Path) + "/"; !strings.HasPrefix(given, AdminPath+parts[0]+"/") {
		return refuse(http.StatusBadRequest, "this is another path than it seems; write /cors/origins/<key>/<origin>, with the origin percent-encoded")
	}
	if len(parts) == 1 {
		if r.Method != http.MethodGet {
			return notAllowed(w, r, http.MethodGet)
		}
		return showList(w, r, e)
	}
	if r.Method != http.MethodPut && r.Method != http.MethodDelete {
		return notAllowed(w, r, http.MethodPut+", "+http.MethodDelete)
	}
	text, err := originIn(parts[1:])
	if err != nil {
		return err
	}
	logger := caddy.Log().Named(Namespace+".storage").With(zap.String("key", e.key), zap.String("origin", shown(text)))
	if r.Method == http.MethodPut {
		pattern, err := origin.ParsePattern(text)
		if err != nil {
			return refuse(http.StatusBadRequest, "%q: %w", shown(text), err)
		}
		added, err := e.add(pattern)
		if err != nil {
			return err
		}
		if added {
			logger.Info("an origin was added to the list")
			w.WriteHeader(http.StatusCreated)
		}
		return nil
	}
	removed, err := e.remove(text)
	if err != nil {
		return err
	}
	if !removed {
		return refuse(http.StatusNotFound, "%q is not in the list %q", shown(text), e.key)
	}
	logger.Info("an origin was taken out of the list")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// newEditor returns an editor of the list of a key, if the running config has that.
func newEditor(key string) (*editor, error) {
	storage := runningStorage()
	if storage == nil {
		return nil, refuse(http.StatusServiceUnavailable, "no config runs yet; try again")
	}
	e := &editor{storage: storage, key: key, timeout: lockTimeout}
	var keys []string
	name := storageName(storage)
	for _, l := range followedLists() {
		switch {
		case l.key.storage != name:
		case l.key.key == key:
			e.lists = append(e.lists, l)
		case !slices.Contains(keys, l.key.key):
			keys = append(keys, l.key.key)
		}
	}
	if e.lists == nil {
		slices.Sort(keys)
		there := "there is none"
		if keys != nil {
			there = "there is " + strings.Join(keys, ", ")
		}
		return nil, refuse(http.StatusNotFound, "the config has no list %q in allow_origins_from storage; %s", shown(key), there)
	}
	return e, nil
}

// originIn returns what stands in the last part of the path. An origin that was not encoded has
// become two: servers send clients from "//" to "/".
func originIn(parts []string) (string, error) {
	text, err := url.PathUnescape(strings.Join(parts, "/"))
	if err != nil {
		return "", refuse(http.StatusBadRequest, "%w", err)
	}
	if scheme, rest, ok := strings.Cut(text, ":/"); ok && len(parts) == 2 {
		text = scheme + "://" + strings.TrimLeft(rest, "/")
	}
	return text, nil
}

// ShownList is a list as the admin API shows it, in JSON.
type ShownList struct {
	Origins []string `json:"origins"`
}

// showList answers with the list as it is in the storage: its text, if that is asked for,
// or else JSON.
func showList(w http.ResponseWriter, r *http.Request, e *editor) error {
	ctx, cancel := context.WithTimeout(r.Context(), storageTimeout)
	defer cancel()
	_, text, err := e.load(ctx)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	if strings.HasPrefix(r.Header.Get("Accept"), "text/plain") {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, err := io.WriteString(w, text)
		return err
	}
	list := ShownList{Origins: []string{}}
	for line := range strings.Lines(text) {
		if entry := entryOf(line); entry != "" {
			list.Origins = append(list.Origins, entry)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(list)
}

func notAllowed(w http.ResponseWriter, r *http.Request, allowed string) error {
	w.Header().Set("Allow", allowed)
	return refuse(http.StatusMethodNotAllowed, "method not allowed: %s; there is %s", r.Method, allowed)
}

// Interface guard
var _ caddy.AdminRouter = adminAPI{}
