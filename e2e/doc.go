// Package e2e holds the built Caddy against real browsers, backends, caches and load. Its
// tests are for Linux and need more than Go. What is missing is left out, and said; with
// CI=true it is a failure. The README says what to install.
//
//	go test -v ./e2e
package e2e
