package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// Edits of a list in a storage that servers share: one at a time, under the storage's own
// lock, so that none is lost.

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
	isThere := isEntry(pattern.String())
	return e.edit(func(text string) string {
		for line := range strings.Lines(text) {
			if isThere(line) {
				return text
			}
		}
		if text != "" && !endsLines(text) {
			text += "\n"
		}
		return text + pattern.String() + "\n"
	}, true)
}

// remove takes an entry out of the list, with what comments stand behind it. It reports
// false if it was not there. A list that is refused for other lines is stored all the same,
// and the entry is in force here no more; the error tells so.
func (e *editor) remove(entry string) (removed bool, err error) {
	isGone := isEntry(entry)
	return e.edit(func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if !isGone(line) {
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

// isEntry returns what reports whether a line of a list is an entry: a pattern, in whatever
// spelling, or what is none, as it stands.
func isEntry(entry string) func(line string) bool {
	pattern, err := origin.ParsePattern(entry)
	return func(line string) bool {
		other := entryOf(line)
		if other == "" || other == entry || err != nil {
			return other != "" && other == entry
		}
		parsed, err := origin.ParsePattern(other)
		return err == nil && parsed.String() == pattern.String()
	}
}

// edit changes the text of the list, in the storage and in force on this server. If only
// good lists may be stored, it refuses others. It reports whether anything changed.
func (e *editor) edit(change func(text string) string, onlyGood bool) (changed bool, err error) {
	waiting, cancel := context.WithTimeout(context.Background(), e.timeout)
	defer cancel()
	unlock, err := lock(waiting, e.storage, e.key, e.timeout)
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
	cut := e.checkWhole(before)
	if onlyGood && cut != nil { // what is added would end the line
		return false, e.refuseToAdd(cut)
	}
	after := change(before)
	if cut == nil && after != before && !endsLines(after) {
		after += "\n"
	}
	if endsLines(after) { // perhaps without the line that was cut
		cut = nil
	}
	var refused error
	lists, errs := make([]*List, len(e.lists)), make([]error, len(e.lists))
	for i, l := range e.lists {
		if lists[i], errs[i] = ParseList(after, l.key.rules); cut != nil {
			errs[i] = cut
		}
		refused = cmp.Or(refused, errs[i])
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
		return false, refuse(http.StatusConflict, "here it is allowed by this list no more, but the list %q in the storage is refused, so what else is in force stays, and other servers keep all of their last good one; correct it: %w", e.key, refused)
	}
	return after != before, nil
}

// checkWhole refuses what looks like the beginning of a list, see [checkWhole]. One that is
// not there yet is whole.
func (e *editor) checkWhole(text string) error {
	for _, l := range e.lists {
		if err := l.checkWhole(text); text != "" && err != nil {
			return err
		}
	}
	return nil
}

// explain says why nothing is added to a list.
func (e *editor) explain(before string, refused error) error {
	for _, l := range e.lists {
		if _, err := ParseList(before, l.key.rules); err != nil {
			return e.refuseToAdd(err)
		}
	}
	return refuse(http.StatusConflict, "the list %q would be refused with this: %w", e.key, refused)
}

func (e *editor) refuseToAdd(refused error) error {
	return refuse(http.StatusConflict, "the list %q in the storage is refused, so nothing is added to it; correct it first: %w", e.key, refused)
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
	var last time.Time
	for _, l := range e.lists { // some may have looked later than others
		if _, good := l.inForce(); good != "" && l.lastGood().After(last) {
			text, last = good, l.lastGood()
		}
	}
	return "", text, nil
}

// refuse returns an error of the admin API.
func refuse(status int, format string, args ...any) error {
	return caddy.APIError{HTTPStatus: status, Err: fmt.Errorf(format, args...)}
}
