package source

import (
	"net/http"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() {
	caddy.RegisterModule(File{})
}

// File allows the origins of a file: a pattern a line, as in `allow_origins`; `#` begins a
// comment. The file is read again when it changes, without a reload of the config.
//
// A file with a line that is refused does not load at all; while the server runs, the
// last good one stays in force, and each refused line is logged. So it is with a file
// that is gone, with one whose last line has no end where it had one before, and with an
// empty one: to allow nothing, leave a comment in it.
type File struct {
	// The path of the file. It may have the placeholders `{env.*}`, `{file.*}` and
	// `{system.*}`.
	Path string `json:"path,omitempty"`

	// How long a change of the file may go unseen, at least `100ms`. A config that loads sees
	// it at once. Default: `5s`.
	Interval caddy.Duration `json:"interval,omitempty"`

	watched share[*watchedFile]
}

const (
	defaultFileInterval = 5 * time.Second
	leastInterval       = 100 * time.Millisecond
)

// fileKey tells files that are watched apart.
type fileKey struct {
	path     string
	interval time.Duration
	rules    Rules
}

// CaddyModule returns the Caddy module information.
func (File) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  Namespace + ".file",
		New: func() caddy.Module { return new(File) },
	}
}

// UnmarshalCaddyfile reads the source:
//
//	file <path> {
//		interval <duration>
//	}
func (f *File) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // its name
	if !d.Args(&f.Path) {
		return d.Err("file: it takes the path of a list of origins")
	}
	if d.NextArg() {
		return d.Errf("file: it takes one path, and not %q as well", d.Val())
	}
	for d.NextBlock(0) {
		switch option := d.Val(); option {
		case "interval":
			if err := unmarshalDuration(d, &f.Interval); err != nil {
				return err
			}
		default:
			return d.Errf("file: there is no option %q; there is interval", option)
		}
	}
	return nil
}

// Provision reads the file. The error tells each line that is refused.
func (f *File) Provision(ctx caddy.Context) error {
	if f.Interval == 0 {
		f.Interval = caddy.Duration(defaultFileInterval)
	}
	path, err := expand("path", f.Path)
	if err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if err := checkDuration("interval", f.Interval, leastInterval); err != nil {
		return err
	}
	key := fileKey{path, time.Duration(f.Interval), PolicyOf(ctx).Rules}
	err = f.watched.takeFresh(watchedFiles, key, (*watchedFile).isFresh, func(old *watchedFile) (*watchedFile, error) { return watchFile(key, old) })
	if err != nil {
		return err
	}
	return f.watched.value.describe(f.watched.value.failed())
}

// Cleanup lets go of the file, which is watched no more if no other config has it.
func (f *File) Cleanup() error { return f.watched.release() }

// AllowsOrigin reports whether the file allows an origin. See [Source].
func (f *File) AllowsOrigin(_ *http.Request, origin string) bool {
	return f.watched.value.allows(origin)
}

// Status tells how the list is. See [Lister].
func (f *File) Status() Status { return f.watched.value.status() }

// Interface guards
var (
	_ Lister                = (*File)(nil)
	_ caddy.Provisioner     = (*File)(nil)
	_ caddy.CleanerUpper    = (*File)(nil)
	_ caddyfile.Unmarshaler = (*File)(nil)
)
