package source

import (
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() {
	caddy.RegisterModule(Storage{})
}

// Storage allows the origins of a list in Caddy's storage: a pattern a line, as in
// `allow_origins`; `#` begins a comment. All servers that share the storage share the list,
// which is at `cors/origins/<key>` in it. A list that is not there yet is empty.
//
// `caddy cors origins`, and the admin API at `/cors/origins/<key>`, show the list and
// change it. What is changed elsewhere is seen within the interval, without a reload of the
// config. A list with a line that is refused does not load at all; while the server runs,
// the last good one stays in force. So it does where the list is gone, or has no text.
type Storage struct {
	// The name of the list: 1 to 64 of `a-z`, `0-9`, `-` and `_`.
	Key string `json:"key,omitempty"`

	// How long a change of the list may go unseen, at least `1s`. Default: `10s`.
	Interval caddy.Duration `json:"interval,omitempty"`

	stored share[*storedList]
}

const (
	defaultStorageInterval = 10 * time.Second
	leastStorageInterval   = time.Second
)

// storedKey tells lists in storages apart.
type storedKey struct {
	storage  string // its name
	key      string
	interval time.Duration
	rules    Rules
}

// listKey is what the key of a list may be. It is a part of paths: of files, and of the
// admin API, where some may get at some keys only. And it has to be a part of names of
// locks, from which storages may take out other characters.
var listKey = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// CaddyModule returns the Caddy module information.
func (Storage) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  Namespace + ".storage",
		New: func() caddy.Module { return new(Storage) },
	}
}

// UnmarshalCaddyfile reads the source:
//
//	storage <key> {
//		interval <duration>
//	}
func (s *Storage) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // its name
	if !d.Args(&s.Key) {
		return d.Err("storage: it takes the key of a list of origins, such as tenants")
	}
	if d.NextArg() {
		return d.Errf("storage: it takes one key, and not %q as well", d.Val())
	}
	for d.NextBlock(0) {
		switch option := d.Val(); option {
		case "interval":
			if err := unmarshalDuration(d, &s.Interval); err != nil {
				return err
			}
		default:
			return d.Errf("storage: there is no option %q; there is interval", option)
		}
	}
	return nil
}

// Provision loads the list. The error tells each line that is refused.
func (s *Storage) Provision(ctx caddy.Context) error {
	if s.Interval == 0 {
		s.Interval = caddy.Duration(defaultStorageInterval)
	}
	key, err := expand("key", s.Key)
	if err != nil {
		return err
	}
	if !listKey.MatchString(key) {
		return fmt.Errorf("key %q: a key has 1 to 64 of a-z, 0-9, - and _; write it like tenants", shown(key))
	}
	if err := checkDuration("interval", s.Interval, leastStorageInterval); err != nil {
		return err
	}
	storage := ctx.Storage()
	stored := storedKey{storageName(storage), key, time.Duration(s.Interval), PolicyOf(ctx).Rules}
	err = s.stored.takeFresh(storedLists, stored,
		func(l *storedList) bool { return l.isFresh(storage) },
		func(old *storedList) (*storedList, error) { return followList(storage, stored, old) })
	if err != nil {
		return err
	}
	return s.stored.value.describe(s.stored.value.refusal())
}

// Cleanup lets go of the list, which is followed no more if no other config has it.
func (s *Storage) Cleanup() error { return s.stored.release() }

// AllowsOrigin reports whether the list allows an origin. See [Source].
func (s *Storage) AllowsOrigin(_ *http.Request, origin string) bool {
	return s.stored.value.allows(origin)
}

// Status tells how the list is. See [Lister].
func (s *Storage) Status() Status { return s.stored.value.status() }

// Interface guards
var (
	_ Lister                = (*Storage)(nil)
	_ caddy.Provisioner     = (*Storage)(nil)
	_ caddy.CleanerUpper    = (*Storage)(nil)
	_ caddyfile.Unmarshaler = (*Storage)(nil)
)
