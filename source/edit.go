package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// Edits of a list in a storage that servers share: one at a time, under the storage's own
// lock, so that none is lost.

// lockTimeout is how long an edit waits for others. A server that died in the middle of
// one keeps the lock of a file system for 10 seconds.
const lockTimeout = 20 * time.Second

// editing has, for each key, a channel of one that an edit of this process fills. Most
// storages look only now and then whether a lock is free.
var editing = struct {
	sync.Mutex
	turns map[string]chan struct{}
}{turns: make(map[string]chan struct{})}

// awaitTurn waits until no other edit of this process is at a list. It returns what ends
// the turn.
func awaitTurn(ctx context.Context, key string) (end func(), err error) {
	editing.Lock()
	turn := editing.turns[key]
	if turn == nil {
		turn = make(chan struct{}, 1)
		editing.turns[key] = turn
	}
	editing.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// lock locks a list for this server alone. It returns what unlocks it.
func lock(ctx context.Context, storage certmagic.Storage, key string) (unlock func(), err error) {
	end, err := awaitTurn(ctx, key)
	if err != nil {
		return nil, err
	}
	// Storages may take slashes out, and this name is nobody else's without them.
	name := "cors_origins_" + key
	if err := storage.Lock(ctx, name); err != nil {
		end()
		return nil, err
	}
	return func() {
		defer end()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storageTimeout)
		defer cancel()
		_ = storage.Unlock(ctx, name) // a lock that stays gets stale
	}, nil
}

// editor edits the list of a key.
type editor struct {
	storage certmagic.Storage
	key     string
	lists   []*storedList // of this server, with this key
	timeout time.Duration // for the lock
}

// add adds a pattern to the list. It reports false if it is there already.
func (e *editor) add(pattern origin.Pattern) (added bool, err error) {
	for _, l := range e.lists {
		if _, err := parseEntry(pattern.String(), l.key.rules); err != nil {
			return false, refuse(http.StatusBadRequest, "%q: %s", err.shown(), err.Reason)
		}
	}
	return e.edit(func(text string) string {
		for line := range strings.Lines(text) {
			if isEntry(line, pattern) {
				return text
			}
		}
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text + pattern.String() + "\n"
	}, true)
}

// remove takes a pattern out of the list, with what comments stand behind it. It reports
// false if it was not there. A list that is refused for other lines is stored all the same,
// and the pattern is in force here no more; the error tells so.
func (e *editor) remove(pattern origin.Pattern) (removed bool, err error) {
	return e.edit(func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if !isEntry(line, pattern) {
				b.WriteString(line)
			}
		}
		if b.Len() == 0 && text != "" {
			return emptyList
		}
		return b.String()
	}, false)
}

// emptyList is a list of no origins. One without any text would be taken for lost.
const emptyList = "# origins, one a line\n"

// isEntry reports whether a line of a list is a pattern, in whatever spelling.
func isEntry(line string, pattern origin.Pattern) bool {
	entry := entryOf(line)
	if entry == "" {
		return false
	}
	parsed, err := origin.ParsePattern(entry)
	return err == nil && parsed.String() == pattern.String()
}

// edit changes the text of the list, in the storage and in force on this server. If only
// good lists may be stored, it refuses others. It reports whether anything changed.
func (e *editor) edit(change func(text string) string, onlyGood bool) (changed bool, err error) {
	waiting, cancel := context.WithTimeout(context.Background(), e.timeout)
	defer cancel()
	unlock, err := lock(waiting, e.storage, e.key)
	if errors.Is(err, context.DeadlineExceeded) {
		return false, refuse(http.StatusServiceUnavailable, "the list %q is being edited elsewhere, or its lock was left behind, for %s; try again", e.key, e.timeout)
	}
	if err != nil {
		return false, refuse(http.StatusServiceUnavailable, "the list %q cannot be locked in the storage: %w", e.key, err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	stored, before, err := e.load(ctx)
	if err != nil {
		return false, err
	}
	after := change(before)
	var refused error
	lists, errs := make([]*List, len(e.lists)), make([]error, len(e.lists))
	for i, l := range e.lists {
		if lists[i], errs[i] = l.check(before, after); errs[i] != nil {
			refused = errs[i]
		}
	}
	if onlyGood && refused != nil {
		return false, e.explain(before, refused)
	}
	if len(after) > maxListBytes {
		return false, refuse(http.StatusConflict, "%w", errTooLong)
	}
	if after != stored {
		if err := e.storage.Store(ctx, pathOf(e.key), []byte(after)); err != nil {
			return false, refuse(http.StatusServiceUnavailable, "the list %q cannot be stored: %w", e.key, err)
		}
	}
	// Under the lock still: of two edits, the later one stays in force.
	for i, l := range e.lists {
		l.put(after, lists[i], errs[i], change)
	}
	if refused != nil {
		return false, refuse(http.StatusConflict, "this is done, but the list %q in the storage is refused for other lines, so what else is in force stays, and other servers keep all of their last good one; correct it: %w", e.key, refused)
	}
	return after != before, nil
}

// explain says why nothing is added to a list.
func (e *editor) explain(before string, refused error) error {
	for _, l := range e.lists {
		if _, err := l.check(before, before); err != nil {
			return refuse(http.StatusConflict, "the list %q in the storage is refused, so nothing is added to it; correct it first: %w", e.key, err)
		}
	}
	return refuse(http.StatusConflict, "the list %q would be refused with this: %w", e.key, refused)
}

// load returns what is stored, and what an edit starts from: that, or where the list is gone
// or has no text, the one that is in force here.
func (e *editor) load(ctx context.Context) (stored, text string, err error) {
	_, stored, err = loadStored(ctx, e.storage, e.key)
	if err != nil {
		return "", "", refuse(http.StatusServiceUnavailable, "the list %q cannot be loaded from the storage: %w", e.key, err)
	}
	if stored != "" {
		return stored, stored, nil
	}
	for _, l := range e.lists {
		if _, text = l.inForce(); text != "" {
			break
		}
	}
	return "", text, nil
}

// refuse returns an error of the admin API.
func refuse(status int, format string, args ...any) error {
	return caddy.APIError{HTTPStatus: status, Err: fmt.Errorf(format, args...)}
}
