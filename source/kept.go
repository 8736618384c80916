package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"
)

// The last good list of a URL as it is kept in Caddy's storage: a line of JSON about it,
// and its text.

// storageTimeout is how long one use of the storage may take, where the storage heeds that.
const storageTimeout = 10 * time.Second

// keptList is a list that is kept.
type keptList struct {
	URL string `json:"url"` // without secrets, for who looks at it
	validators
	Fetched time.Time `json:"fetched"`
	// Sum tells whether the text is whole: the beginning of an origin may be somebody else's.
	Sum  string `json:"sha256"`
	text string
}

// keptKey returns where the list is kept: one place for all that the server may tell lists
// apart by, and for the rules, as a list that is good under some may be bad under others.
func keptKey(key httpKey) string {
	return "cors/lists/" + sumOf(fmt.Sprintf("%q %q %+v", key.url, key.headers, key.rules))
}

// sumOf tells texts apart.
func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// keep stores a list.
func keep(storage certmagic.Storage, key string, list *keptList) error {
	about, err := json.Marshal(list)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	return storage.Store(ctx, key, append(append(about, '\n'), list.text...))
}

// loadKept returns the list that is kept, or nil if there is none.
func loadKept(storage certmagic.Storage, key string) (*keptList, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	stored, err := storage.Load(ctx, key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	about, text, _ := bytes.Cut(stored, []byte{'\n'})
	list := new(keptList)
	if err := json.Unmarshal(about, list); err != nil {
		return nil, err
	}
	list.text = string(text)
	if list.Sum != sumOf(list.text) {
		return nil, errors.New("it is not whole")
	}
	list.validators = list.usable()
	return list, nil
}

// isKept reports whether a list is in the storage.
func isKept(storage certmagic.Storage, key string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	return storage.Exists(ctx, key)
}

// runningStorage returns the storage of the config that runs, or nil before there is one, as
// in `caddy validate`. A source may outlive the config that made it, and so its storage.
func runningStorage() certmagic.Storage {
	running := caddy.ActiveContext()
	if running.Context == nil {
		return nil
	}
	return running.Storage()
}
