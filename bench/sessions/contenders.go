package sessions

import (
	"context"
	"net/http"

	chicors "github.com/go-chi/cors"
	"github.com/gorilla/handlers"
	jub0bscors "github.com/jub0bs/cors"
	rscors "github.com/rs/cors"
)

// contender is a server with a config that lets the session pass. Beyond that it keeps
// its defaults.
type contender struct {
	name   string
	own    bool   // whether it is this module
	config string // for readers: what it is told, beside the origin and credentials
	start  func(ctx context.Context, p *programs, origin string, credentials bool) (*api, error)
}

// nothing is what a contender is told whose defaults let the session pass.
const nothing = "nothing"

var contenders = []contender{
	caddyWith("this module"),
	caddyWith("this module, names written out", "allow_headers Authorization Content-Type X-Request-ID X-CSRF-Token"),
	{"jub0bs/cors", false, "the methods and headers", inGo(func(origin string, credentials bool) (middleware, error) {
		m, err := jub0bscors.NewMiddleware(jub0bscors.Config{
			Origins: []string{origin}, Methods: methods, RequestHeaders: names, Credentialed: credentials,
		})
		if err != nil {
			return nil, err
		}
		return m.Wrap, nil
	})},
	{"jub0bs/cors, with stars", false, "`*` for methods and headers, and without credentials `Authorization`", inGo(func(origin string, credentials bool) (middleware, error) {
		headers := []string{"*"}
		if !credentials {
			headers = append(headers, "Authorization")
		}
		m, err := jub0bscors.NewMiddleware(jub0bscors.Config{
			Origins: []string{origin}, Methods: []string{"*"}, RequestHeaders: headers, Credentialed: credentials,
		})
		if err != nil {
			return nil, err
		}
		return m.Wrap, nil
	})},
	{"rs/cors", false, "the methods and headers", inGo(func(origin string, credentials bool) (middleware, error) {
		return rscors.New(rscors.Options{
			AllowedOrigins: []string{origin}, AllowedMethods: methods, AllowedHeaders: names, AllowCredentials: credentials,
		}).Handler, nil
	})},
	{"go-chi/cors", false, "the methods and headers", inGo(func(origin string, credentials bool) (middleware, error) {
		return chicors.Handler(chicors.Options{
			AllowedOrigins: []string{origin}, AllowedMethods: methods, AllowedHeaders: names, AllowCredentials: credentials,
		}), nil
	})},
	{"gorilla/handlers", false, "the methods and headers", inGo(func(origin string, credentials bool) (middleware, error) {
		options := []handlers.CORSOption{
			handlers.AllowedOrigins([]string{origin}), handlers.AllowedMethods(methods), handlers.AllowedHeaders(names),
		}
		if credentials {
			options = append(options, handlers.AllowCredentials())
		}
		return handlers.CORS(options...), nil
	})},
	{"Express cors", false, nothing, startExpress},
}

// middleware is what libraries for Go are.
type middleware = func(http.Handler) http.Handler

// inGo returns what starts a server with a middleware.
func inGo(configure func(origin string, credentials bool) (middleware, error)) func(context.Context, *programs, string, bool) (*api, error) {
	return func(_ context.Context, _ *programs, origin string, credentials bool) (*api, error) {
		wrap, err := configure(origin, credentials)
		if err != nil {
			return nil, err
		}
		return serve(wrap(shop), func() {})
	}
}
