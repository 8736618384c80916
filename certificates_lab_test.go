package caddycors

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// certificateLab is a Caddy with certificates, and an API that its sites may use.
type certificateLab struct {
	api   *client // in the clear
	https string  // the port of sites over TLS
	dir   string  // where Caddy stores things
}

func newCertificateLab(t *testing.T) *certificateLab {
	t.Helper()
	return &certificateLab{api: newClient(t), https: portOf(t, newClient(t)), dir: storage(t)}
}

// portOf returns the port of a client's address.
func portOf(t *testing.T, c *client) string {
	t.Helper()
	_, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// config returns a Caddyfile: global options, the option of a cors in a site over HTTP, and
// other sites. In these, $P is a port for HTTPS.
func (c *certificateLab) config(global, cors, sites string) string {
	return strings.ReplaceAll(`{
	admin off
	auto_https disable_redirects
	persist_config off
	default_bind 127.0.0.1
	skip_install_trust
	storage file_system `+c.dir+`
	log {
		output discard
	}
	`+global+`
}
http://`+c.api.Address+` {
	cors {
		`+cors+`
	}
	respond hi
}
`+sites, "$P", c.https)
}

func (c *certificateLab) load(t *testing.T, global, cors, sites string) error {
	t.Helper()
	return caddy.Load(adapt(t, c.config(global, cors, sites)), true)
}

// run loads a config that has to load, until the test is over.
func (c *certificateLab) run(t *testing.T, global, cors, sites string) {
	t.Helper()
	loadCaddy(t, adapt(t, c.config(global, cors, sites)))
}

// allows reports whether the API allows an origin. In it, $P is the port for HTTPS.
func (c *certificateLab) allows(t *testing.T, origin string) bool {
	t.Helper()
	origin = strings.ReplaceAll(origin, "$P", c.https)
	return askReloaded(t, c.api, "GET /\nOrigin: "+origin).Header.Get(headerAllowOrigin) == origin
}

// wants fails unless the API allows just the first ones of these origins.
func (c *certificateLab) wants(t *testing.T, allowed, denied []string) {
	t.Helper()
	for _, origin := range allowed {
		if !c.allows(t, origin) {
			t.Errorf("%s is denied", origin)
		}
	}
	for _, origin := range denied {
		if c.allows(t, origin) {
			t.Errorf("%s is allowed", origin)
		}
	}
}

// handshake speaks TLS with the site of a name.
func (c *certificateLab) handshake(name string) error {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 20 * time.Second}, Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}} //nolint:gosec // Certificates of tests are their own.
	conn, err := dialer.Dial("tcp", "127.0.0.1:"+c.https)
	if err != nil {
		return err
	}
	return conn.Close()
}

// bundle returns a folder with a file that has a certificate and its key.
func bundle(t *testing.T, files ...string) (folder string) {
	t.Helper()
	var all []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "all.pem"), all, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}
