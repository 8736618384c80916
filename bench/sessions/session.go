package sessions

import "fmt"

// request is what a page asks of the API.
type request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body,omitempty"`
}

// The names that the session needs to be allowed.
var (
	methods = []string{"GET", "POST", "PATCH", "PUT", "DELETE"}
	names   = []string{"Authorization", "Content-Type", "X-Request-ID", "X-CSRF-Token"}
)

// endpoints are those of an API of a shop: lists, and things in them.
var endpoints = []string{
	"/account", "/account/addresses", "/account/settings", "/products", "/products/17",
	"/products/17/reviews", "/basket", "/basket/items", "/orders", "/orders/42",
}

// session is what the page does: it goes through all endpoints as a visitor, again when
// somebody has signed in, and again in the part of it that sends more headers. At each
// endpoint it looks, adds, changes, replaces and removes.
func session() []request {
	const token = "Bearer 0123456789"
	sets := []map[string]string{
		nil,
		{"Authorization": token},
		{"Authorization": token, "X-Request-ID": "1", "X-CSRF-Token": "2"},
	}
	var requests []request
	for i, set := range sets {
		for _, path := range endpoints {
			for _, method := range methods {
				r := request{Method: method, Path: path, Headers: make(map[string]string)}
				for name, value := range set {
					r.Headers[name] = value
				}
				hasBody := method == "POST" || method == "PATCH" || method == "PUT"
				if hasBody {
					r.Body = fmt.Sprintf(`{"session":%d}`, i)
				}
				// Clients with a token often set the type of every request.
				if hasBody || set != nil {
					r.Headers["Content-Type"] = "application/json"
				}
				requests = append(requests, r)
			}
		}
	}
	return requests
}
