package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	chi "github.com/go-chi/cors"
	gorilla "github.com/gorilla/handlers"
	jub0bs "github.com/jub0bs/cors"
	rs "github.com/rs/cors"

	caddycors "github.com/seed-9442523e/caddy-cors"
)

// maxAge is what [permitting] says, in seconds.
const maxAge = 600

// middleware is what a library makes of a handler.
type middleware func(http.Handler) http.Handler

// peer is a library that this module is measured against.
type peer struct {
	name string

	// configure returns the library's middleware for a policy, or an error that says why
	// the library cannot have such a policy.
	configure func(p caddycors.Policy) (middleware, error)
}

func peers() []peer {
	return []peer{
		{"jub0bs/cors", configureJub0bs},
		{"rs/cors", configureRS},
		{"go-chi/cors", configureChi},
		{"gorilla/handlers", configureGorilla},
	}
}

func configureJub0bs(p caddycors.Policy) (middleware, error) {
	if isAny(p) && p.AllowCredentials {
		return nil, errors.New("it allows no credentials to every origin")
	}
	m, err := jub0bs.NewMiddleware(jub0bs.Config{
		Origins:         p.AllowOrigins,
		Methods:         p.AllowMethods,
		RequestHeaders:  p.AllowHeaders,
		ResponseHeaders: p.ExposeHeaders,
		Credentialed:    p.AllowCredentials,
		MaxAgeInSeconds: maxAge,
	})
	if err != nil {
		return nil, err
	}
	return m.Wrap, nil
}

func configureRS(p caddycors.Policy) (middleware, error) {
	options := rs.Options{
		AllowedOrigins:   p.AllowOrigins,
		AllowedMethods:   p.AllowMethods,
		AllowedHeaders:   p.AllowHeaders,
		ExposedHeaders:   p.ExposeHeaders,
		AllowCredentials: p.AllowCredentials,
		MaxAge:           maxAge,
	}
	if isAny(p) && p.AllowCredentials {
		// Its "*" would be answered as "*", which browsers refuse with credentials.
		options.AllowOriginFunc = func(string) bool { return true }
	}
	return rs.New(options).Handler, nil
}

func configureChi(p caddycors.Policy) (middleware, error) {
	options := chi.Options{
		AllowedOrigins:   p.AllowOrigins,
		AllowedMethods:   p.AllowMethods,
		AllowedHeaders:   slices.Clip(p.AllowHeaders), // it appends to them
		ExposedHeaders:   p.ExposeHeaders,
		AllowCredentials: p.AllowCredentials,
		MaxAge:           maxAge,
	}
	if isAny(p) && p.AllowCredentials {
		options.AllowedOrigins = nil // as above
		options.AllowOriginFunc = func(*http.Request, string) bool { return true }
	}
	return chi.Handler(options), nil
}

func configureGorilla(p caddycors.Policy) (middleware, error) {
	options := []gorilla.CORSOption{
		gorilla.AllowedMethods(p.AllowMethods),
		gorilla.AllowedHeaders(p.AllowHeaders),
		gorilla.ExposedHeaders(p.ExposeHeaders),
		gorilla.MaxAge(maxAge),
	}
	switch {
	case slices.Contains(p.AllowHeaders, "*"):
		return nil, errors.New("it has no wildcard for request headers")
	case isAny(p) && p.AllowCredentials:
		options = append(options, gorilla.AllowedOriginValidator(func(string) bool { return true })) // as above
	case !isAny(p) && slices.ContainsFunc(p.AllowOrigins, func(o string) bool { return strings.Contains(o, "*") }):
		return nil, errors.New("it has no patterns for origins")
	default:
		options = append(options, gorilla.AllowedOrigins(p.AllowOrigins))
	}
	if p.AllowCredentials {
		options = append(options, gorilla.AllowCredentials())
	}
	return gorilla.CORS(options...), nil
}
