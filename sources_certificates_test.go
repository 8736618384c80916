package caddycors

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const fromCertificates = "allow_origins_from certificates"

// TestOriginsFromCertificates shows whom which sites and certificates allow.
func TestOriginsFromCertificates(t *testing.T) {
	cert, key := corstest.Certificate(t, "Loaded.example", "*.loaded.example", "xn--mnchen-3ya.loaded.test", "192.0.2.7", "2001:db8::7", "bob@loaded.test")
	for name, test := range map[string]struct {
		global, sites   string
		allowed, denied []string
	}{
		"nothing": {denied: []string{"https://tenant.example"}},
		"internal issuer": {
			sites:   "https://tenant.example:$P {\ntls internal\n}",
			allowed: []string{"https://tenant.example", "https://tenant.example:$P"},
			denied:  []string{"https://tenant.example:1", "http://tenant.example", "https://a.tenant.example", "https://example", "https://tenant.example.", "https://xtenant.example", "null"},
		},
		"upper case and Unicode": {
			sites:   "https://Tenant.EXAMPLE:$P, https://bücher.example:$P, https://*.Wild.Example:$P {\ntls internal\n}",
			allowed: []string{"https://tenant.example", "https://xn--bcher-kva.example", "https://a.wild.example"},
		},
		"addresses": {
			sites:   "https://127.0.0.1:$P, https://[::1]:$P {\ntls internal\n}",
			allowed: []string{"https://127.0.0.1", "https://127.0.0.1:$P", "https://[::1]", "https://[::1]:$P"},
			denied:  []string{"https://127.0.0.2", "http://127.0.0.1", "https://localhost"},
		},
		"a wildcard": {
			sites:   "https://*.tenant.example:$P {\ntls internal\n}",
			allowed: []string{"https://a.tenant.example", "https://xn--bcher-kva.tenant.example:$P"},
			denied:  []string{"https://tenant.example", "https://a.b.tenant.example", "https://atenant.example", "https://a.tenant.example.evil.example"},
		},
		"below a wildcard": {
			sites:   "https://*.tenant.example:$P, https://a.tenant.example:$P {\ntls internal\n}",
			allowed: []string{"https://a.tenant.example", "https://b.tenant.example"},
		},
		"a loaded certificate": {
			sites:   "https://site.loaded.example:$P {\ntls " + cert + " " + key + "\n}",
			allowed: []string{"https://loaded.example", "https://site.loaded.example", "https://other.loaded.example:$P", "https://xn--mnchen-3ya.loaded.test", "https://192.0.2.7", "https://[2001:db8::7]:$P"},
			denied:  []string{"https://a.b.loaded.example", "https://loaded.test", "https://" + corstest.CommonName},
		},
		"a loaded certificate without automatic HTTPS": {
			global:  "auto_https off",
			sites:   "https://site.loaded.example:$P {\ntls " + cert + " " + key + "\n}\nhttps://tenant.example:$P {\ntls internal\n}",
			allowed: []string{"https://loaded.example", "https://a.loaded.example:$P"},
			denied:  []string{"https://tenant.example"},
		},
		"a folder of certificates": {
			sites:   "https://site.loaded.example:$P {\ntls {\nload " + bundle(t, cert, key) + "\n}\n}",
			allowed: []string{"https://loaded.example", "https://a.loaded.example"},
		},
		"no certificates": {
			global: "auto_https disable_certs",
			sites:  "https://tenant.example:$P {\ntls internal\n}",
			denied: []string{"https://tenant.example", "https://tenant.example:$P"},
		},
		"over HTTP": {
			sites:  "http://tenant.example:$P {\n}",
			denied: []string{"https://tenant.example", "http://tenant.example:$P", "https://tenant.example:$P"},
		},
		"an automated name": {
			sites:   "https://:$P, https://tenant.example:$P {\ntls internal\n}",
			allowed: []string{"https://tenant.example:$P"},
			denied:  []string{"https://other.example"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCertificateLab(t)
			c.run(t, test.global, fromCertificates, test.sites)
			c.wants(t, test.allowed, test.denied)
		})
	}
}

// TestCertificatesByJSON shows the same of a config in JSON, and which ports are those of
// TLS: all of a server's, but the one for HTTP.
func TestCertificatesByJSON(t *testing.T) {
	cert, key := corstest.Certificate(t, "loaded.example")
	c, another := newCertificateLab(t), newClient(t)
	plainPort, anotherPort, apiPort := portOf(t, newClient(t)), portOf(t, another), portOf(t, c.api)
	socket := filepath.Join(t.TempDir(), "tls.sock")
	config := strings.NewReplacer("$API", c.api.Address, "$P", c.https, "$HTTP", plainPort, "$CERT", cert, "$KEY", key, "$DIR", c.dir, "$SOCKET", socket).Replace(`{
		"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"writer": {"output": "discard"}}}},
		"storage": {"module": "file_system", "root": "$DIR"},
		"apps": {
			"pki": {"certificate_authorities": {"local": {"install_trust": false}}},
			"tls": {
				"certificates": {
					"automate": ["Automated.example", "*.automated.example", "demanded.example"],
					"load_files": [{"certificate": "$CERT", "key": "$KEY"}]
				},
				"automation": {"policies": [
					{"subjects": ["demanded.example"], "on_demand": true, "issuers": [{"module": "internal"}]},
					{"issuers": [{"module": "internal"}]}
				]}
			},
			"http": {
				"http_port": $HTTP,
				"servers": {
					"tls": {
						"listen": ["127.0.0.1:$P", "127.0.0.1:$HTTP", "unix/$SOCKET", "{env.CERTIFICATES_LISTEN}"],
						"automatic_https": {"disable_redirects": true, "skip": ["skipped.example"], "skip_certificates": ["bare.example"]},
						"tls_connection_policies": [{}],
						"routes": [
							{"match": [{"host": ["one.example", "skipped.example", "bare.example"]}, {"host": ["two.example"], "path": ["/x"]}]},
							{"handle": [{"handler": "subroute", "routes": [{"match": [{"host": ["nested.example"]}]}]}]}
						]
					},
					"api": {
						"listen": ["$API"],
						"automatic_https": {"disable": true},
						"routes": [{"match": [{"host": ["127.0.0.1"]}], "handle": [{"handler": "cors", "policies": [{"allow_origins_from": [{"source": "certificates"}]}]}]}]
					}
				}
			}
		}
	}`)
	t.Setenv("CERTIFICATES_LISTEN", another.Address)
	loadCaddy(t, []byte(config))
	c.wants(t, []string{
		"https://one.example", "https://two.example", "https://automated.example", "https://a.automated.example", "https://loaded.example",
		"https://one.example:$P", "https://loaded.example:$P", "https://automated.example:" + anotherPort,
	}, []string{
		"https://skipped.example", "https://bare.example", "https://nested.example", "https://demanded.example",
		"https://one.example:" + apiPort, "https://one.example:" + plainPort, "https://one.example:80", "https://one.example:0",
		"https://a.b.automated.example", "https://a.one.example",
	})
}

// TestManagedNamesAreHeldToTheRules shows that a wildcard of the config which strangers can
// have a host below needs a risk to be taken, as among its origins.
func TestManagedNamesAreHeldToTheRules(t *testing.T) {
	const site = "https://*.github.io:$P, https://*.s3.amazonaws.com:$P {\ntls internal\n}"
	c := newCertificateLab(t)
	err := c.load(t, "", fromCertificates+"\nallow_credentials", site)
	for _, part := range []string{`"*.github.io"`, `"*.s3.amazonaws.com"`, "public suffix", "dangerously_allow public_suffixes"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error is %v, want %s", err, part)
		}
	}
	for _, options := range []string{"", "\nallow_credentials\ndangerously_allow public_suffixes"} {
		c.run(t, "", fromCertificates+options, site)
		c.wants(t, []string{"https://a.github.io"}, []string{"https://github.io", "https://a.b.github.io"})
	}
	// Without a wildcard nobody else has such a host.
	c.run(t, "", fromCertificates+"\nallow_credentials", "https://a.github.io:$P, https://*.tenant.example:$P {\ntls internal\n}")
	c.wants(t, []string{"https://a.github.io", "https://b.tenant.example"}, []string{"https://b.github.io", "http://b.tenant.example"})
}

// TestLoadedNamesAreHeldToTheRules shows that such a wildcard in a certificate which is loaded
// does not count, and that the log says so: who writes the config may not be who made the
// certificate. The other names in it do.
func TestLoadedNamesAreHeldToTheRules(t *testing.T) {
	cert, key := corstest.Certificate(t, "*.github.io", "*.s3.amazonaws.com", "b.github.io", "*.loaded.example", "*.com")
	site := "https://a.github.io:$P {\ntls " + cert + " " + key + "\n}"
	c, strict := newCertificateLab(t), newClient(t)
	file := filepath.Join(t.TempDir(), "caddy.log")
	global := "log warnings {\noutput file " + file + "\nlevel WARN\ninclude http.cors.origins\n}"
	// A policy without credentials takes them all, though it has the same certificates.
	c.run(t, global, fromCertificates, site+"\nhttp://"+strict.Address+" {\ncors {\npolicy strict {\n"+fromCertificates+"\nallow_credentials\n}\n}\n}")
	c.wants(t, []string{"https://a.github.io", "https://b.github.io", "https://a.com", "https://a.loaded.example"}, nil)
	for origin, want := range map[string]string{"https://b.github.io": "https://b.github.io", "https://a.loaded.example": "https://a.loaded.example", "https://a.github.io": "", "https://a.s3.amazonaws.com": "", "https://a.com": ""} {
		if r := strict.Do("GET /\nOrigin: " + origin); r.Header.Get(headerAllowOrigin) != want {
			t.Errorf("%s", r)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 3 {
		t.Errorf("the log is %q", lines)
	}
	for _, name := range []string{"*.github.io", "*.s3.amazonaws.com", "*.com"} {
		if !slices.ContainsFunc(lines, func(line string) bool {
			return strings.Contains(line, `"name":"`+name+`"`) && strings.Contains(line, `"policy":"strict"`) && strings.Contains(line, "public suffix") && strings.Contains(line, "dangerously_allow public_suffixes")
		}) {
			t.Errorf("no line of the log says that %s is left out: %q", name, lines)
		}
	}
	c.run(t, global, fromCertificates+"\nallow_credentials\ndangerously_allow public_suffixes", site)
	c.wants(t, []string{"https://a.github.io", "https://b.github.io", "https://a.loaded.example"}, []string{"https://a.b.github.io"})
	if more := readLog(t, file); len(more) != len(lines) {
		t.Errorf("the log is %q where the risk is taken", more)
	}
}

// TestBadCertificates shows what does not load.
func TestBadCertificates(t *testing.T) {
	for cors, want := range map[string]string{
		fromCertificates + " all":                                          `certificates: it takes no value, and not "all"`,
		fromCertificates + " {\ninterval 5s\n}":                            `there is no option "interval"; there is on_demand`,
		fromCertificates + " {\non_demand yes\n}":                          `on_demand: it takes no value, and not "yes"`,
		fromCertificates + " {\n" + strings.Repeat("on_demand\n", 2) + "}": "on_demand is given twice",
		fromCertificates + " {\non_demand\n}":                              "TLS has nothing that gives permission",
		"allow_origins *\n" + fromCertificates:                             `"*" stands alone`,
	} {
		c := newCertificateLab(t)
		config, err := adaptCaddyfile(c.config("", cors, ""))
		if err == nil {
			err = caddy.Load(config, true)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %s", cors, err, want)
		}
	}
}

// TestExplainCertificates shows that a config with this source can be explained, though
// nothing is served there.
func TestExplainCertificates(t *testing.T) {
	for _, option := range []string{"", " {\non_demand\n}"} {
		out, status, err := explainIn(t, "http://api.example {\ncors https://app.example {\n"+fromCertificates+option+"\n}\nrespond hi\n}",
			"http://api.example/", "--origin", "https://app.example")
		if err != nil || status != 0 || !strings.Contains(out, "allowed") {
			t.Errorf("status %d, %v:\n%s", status, err, out)
		}
	}
}

// TestCertificateMetrics shows how many names there are.
func TestCertificateMetrics(t *testing.T) {
	c, metrics := newCertificateLab(t), newClient(t)
	c.run(t, "", "policy certified {\n"+fromCertificates+"\n}", "https://one.example:$P, https://*.two.example:$P {\ntls internal\n}\nhttp://"+metrics.Address+" {\nmetrics\n}")
	values := scrape(t, metrics)
	for name, want := range map[string]float64{"origins": 2, "age_seconds": 0} {
		if got, ok := values["source_"+name+`{policy="certified",source="certificates"}`]; !ok || got < want || got > want+1 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}
