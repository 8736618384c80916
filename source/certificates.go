package source

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

func init() {
	caddy.RegisterModule(Certificates{})
}

// Certificates allows the origin `https://<host>` of each host that this config manages a
// certificate for, or loads one for: a customer whose domain is served is allowed, with
// nothing to keep in step.
//
// These are the hosts of sites with automatic HTTPS, by whichever issuer, the names that
// are automated beside them, and all names in certificates that are loaded from files. They
// count from when the config loads, be the certificate there yet or not, until a config
// without them does, whoever has the domain by then. A site without a certificate (`auto_https off`) does not count, nor
// does a certificate that another program keeps (`get_certificate`).
//
// The port may be the default one, or any on which a server of this config speaks TLS.
//
// A wildcard certificate stands for every host of one label in the place of its `*`, as it
// does in TLS: `*.example.com` for `https://a.example.com`, but neither for
// `https://example.com` nor for `https://a.b.example.com`; whoever has such a host is
// allowed, also where it is not this server that answers for it. With `allow_credentials`,
// one below a public suffix (`*.github.io`) needs `dangerously_allow public_suffixes`: without,
// the config does not load if it is a name of the config, and if it is in a certificate that
// is loaded, it does not count, and the log says so.
type Certificates struct {
	// Also allow the names whose certificate was got on demand, in a TLS handshake. TLS
	// needs a permission module for it (`on_demand_tls` with `ask` or `permission`), as
	// anybody could get a name allowed otherwise. Default: false.
	//
	// A name is allowed while its certificate is in the memory of this process and has not
	// expired: from the first handshake for it, by any client, until long after its last
	// one. TLS asks for permission again only in a handshake for a certificate that is due
	// for renewal. So a domain whose permission is taken back, or that changes hands, stays
	// allowed until its certificate expires (for up to 90 days, if it is of Let's Encrypt)
	// or Caddy is restarted, and whoever has the domain by then is trusted. Where that is
	// too long, as it may be with `allow_credentials`, use a source that asks.
	//
	// Names of sites that are in the config count as got on demand, too, if that is how
	// their certificate is got. Other processes that serve the same names do not know of
	// handshakes here, after a restart a name is denied until there is one for it, and so
	// it is when the certificate had to make room for others (`capacity` of the cache of TLS).
	OnDemand bool `json:"on_demand,omitempty"`

	served share[*served]
}

// servedNames are those of each HTTP app, by their servedKey.
var servedNames = caddy.NewUsagePool()

// CaddyModule returns the Caddy module information.
func (Certificates) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  Namespace + ".certificates",
		New: func() caddy.Module { return new(Certificates) },
	}
}

// UnmarshalCaddyfile reads the source:
//
//	certificates {
//		on_demand
//	}
func (c *Certificates) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // its name
	if d.NextArg() {
		return d.Errf("certificates: it takes no value, and not %q", d.Val())
	}
	for d.NextBlock(0) {
		option := d.Val()
		if option != "on_demand" {
			return d.Errf("certificates: there is no option %q; there is on_demand", option)
		}
		if d.NextArg() {
			return d.Errf("on_demand: it takes no value, and not %q", d.Val())
		}
		if c.OnDemand {
			return d.Err("on_demand is given twice; take one out")
		}
		c.OnDemand = true
	}
	return nil
}

// Provision gets the names that the config has certificates for. Outside of an HTTP app
// there are none.
func (c *Certificates) Provision(ctx caddy.Context) error {
	c.served.value = &served{policies: indexOf(nil)}
	i := slices.IndexFunc(ctx.Modules(), func(m caddy.Module) bool { _, ok := m.(*caddyhttp.App); return ok })
	if i < 0 {
		return nil
	}
	httpApp := ctx.Modules()[i].(*caddyhttp.App)
	module, err := ctx.AppIfConfigured("tls") // as the HTTP app did already
	if err != nil {
		return err
	}
	tlsApp, ok := module.(*caddytls.TLS)
	if !ok {
		return fmt.Errorf("the TLS app of this Caddy is a %T", module)
	}
	key := servedKey{httpApp, PolicyOf(ctx).Rules}
	err = c.served.take(servedNames, key, func() (*served, error) { return newServed(key, tlsApp) })
	if err != nil {
		return err
	}
	for _, refused := range c.served.value.refused {
		ctx.Logger().Warn("a name in a loaded certificate allows no origin", zap.String("policy", PolicyOf(ctx).Name), zap.String("name", refused.name), zap.String("reason", refused.reason))
	}
	if c.OnDemand {
		return checkPermission(tlsApp)
	}
	if c.served.value.size() == 0 {
		ctx.Logger().Warn("this config has no certificate for any host, so that no origin is allowed by one", zap.String("policy", PolicyOf(ctx).Name))
	}
	return nil
}

// checkPermission refuses on_demand where strangers can get a certificate for any name.
func checkPermission(tlsApp *caddytls.TLS) error {
	if err := provisionOnDemand(tlsApp); err != nil {
		return fmt.Errorf("on_demand: TLS has nothing that gives permission, so that anybody can get any name allowed; write on_demand_tls { ask <url> } into the global options: %w", err)
	}
	return nil
}

// Cleanup lets go of the names.
func (c *Certificates) Cleanup() error { return c.served.release() }

// AllowsOrigin reports whether an origin is one of a host with a certificate. See [Source].
func (c *Certificates) AllowsOrigin(_ *http.Request, s string) bool {
	o, wellFormed := origin.Parse(s)
	names := c.served.value
	if !wellFormed || !names.onPort(o) {
		return false
	}
	return names.has(o.Host()) || c.OnDemand && names.policies.got(o.Host())
}

// Status tells how many names and wildcards there are certificates for, those aside that
// are got on demand. See [Lister].
func (c *Certificates) Status() Status {
	return Status{Shared: c.served.value, Origins: c.served.value.size(), Counts: Counts{Last: time.Now()}}
}

// Interface guards
var (
	_ Lister                = (*Certificates)(nil)
	_ caddy.Provisioner     = (*Certificates)(nil)
	_ caddy.CleanerUpper    = (*Certificates)(nil)
	_ caddyfile.Unmarshaler = (*Certificates)(nil)
)
