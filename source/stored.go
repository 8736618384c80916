package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// storedLists are the lists in storages that sources of this process have, by their
// storedKey.
var storedLists = caddy.NewUsagePool()

const (
	// storedLooks is how often a list is looked at in an interval, so that there is time left to
	// load what changed.
	storedLooks = 2

	// coarsestClock is how coarse the time may be that a storage notes of a change.
	coarsestClock = time.Second
)

// storedList is a list in a storage that is looked at from time to time, for all sources
// that have it. It holds no storage: that of the config which made it may be closed.
type storedList struct {
	current
	key  storedKey
	stop func()

	// By turns of reading:
	edition edition // that was taken, or refused, the last time
	refused error   // why it was
	good    string  // the text of the list in force
}

// edition is what tells lists in a storage apart.
type edition struct {
	there bool   // or else there is no list
	sum   string // of the text

	// What the storage says of it, if it says when the list was changed: that goes without
	// loading it. The clock of a storage may be coarse, so this counts only once the list was
	// loaded with the same some time later.
	modified time.Time
	size     int64
	loaded   time.Time // when it was with this, first
	steady   bool
}

// storageName returns a name of a storage that stays through a reload, if it has any.
func storageName(storage certmagic.Storage) string {
	if named, ok := storage.(fmt.Stringer); ok {
		return named.String()
	}
	return fmt.Sprintf("%T %[1]p", storage)
}

// pathOf returns where the list of a key is in a storage.
func pathOf(key string) string { return "cors/origins/" + key }

// followed are the lists that are followed, and those that are being loaded for it: an edit
// that comes meanwhile is for them, too.
var followed = struct {
	sync.Mutex
	lists map[*storedList]struct{}
}{lists: make(map[*storedList]struct{})}

// followList loads a list, and goes on to look at it. If it was followed before, and another
// list is in force of it, old is that.
func followList(storage certmagic.Storage, key storedKey, old *storedList) (*storedList, error) {
	l := &storedList{key: key}
	if old != nil {
		l.follow(&old.current)
		l.edition, l.good = old.inForce()
		l.edition.steady = false
	}
	followed.Lock()
	followed.lists[l] = struct{}{}
	followed.Unlock()
	l.refresh(storage)
	if err := l.failed(); err != nil {
		l.unfollow()
		return nil, l.describe(err)
	}
	if now, _ := l.inForce(); !now.there {
		l.logger().Warn("there is no such list of origins in the storage yet, so it allows none", zap.String("path", pathOf(key.key)), zap.String("storage", key.storage))
	}
	l.stop = every(key.interval/storedLooks, l.look)
	return l, nil
}

func (l *storedList) unfollow() {
	followed.Lock()
	defer followed.Unlock()
	delete(followed.lists, l)
}

// followedLists returns the lists that are followed.
func followedLists() []*storedList {
	followed.Lock()
	defer followed.Unlock()
	return slices.Collect(maps.Keys(followed.lists))
}

// Destruct ends the looks. The list stays, for requests of a config that goes.
func (l *storedList) Destruct() error {
	l.stop()
	l.reading.hurry()
	l.unfollow()
	return nil
}

// logger returns where to log, as the config has it that runs.
func (l *storedList) logger() *zap.Logger {
	return caddy.Log().Named(Namespace + ".storage").With(zap.String("key", l.key.key))
}

// inForce returns the edition that was loaded last, and the text of the list in force.
func (l *storedList) inForce() (edition, string) {
	l.reading.Lock()
	defer l.reading.Unlock()
	return l.edition, l.good
}

// isFresh reports whether the list in the storage is the one that was taken, or refused. A
// storage that fails does not keep a config from loading that has the list already.
func (l *storedList) isFresh(storage certmagic.Storage) bool {
	l.reading.Lock()
	defer l.reading.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	if l.isSteady(ctx, storage) {
		return true
	}
	now, _, err := loadStored(ctx, storage, l.key.key)
	return err != nil || now.there == l.edition.there && now.sum == l.edition.sum
}

// refusal returns why what is stored is not in force, as far as it was loaded.
func (l *storedList) refusal() error {
	l.reading.Lock()
	defer l.reading.Unlock()
	return l.refused
}

// describe says what list an error is about.
func (l *storedList) describe(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the list %s in the storage: %w", pathOf(l.key.key), err)
}

// look takes the list as the storage of the running config has it now, and logs that if it
// is news.
func (l *storedList) look() {
	storage := runningStorage()
	if storage == nil || storageName(storage) != l.key.storage {
		return // this list is of a config that loads, or that goes
	}
	before, failed := l.list.Load(), l.failed()
	l.refresh(storage)
	list, err := l.list.Load(), l.failed()
	if list != before || fmt.Sprint(err) != fmt.Sprint(failed) {
		logRefresh(l.logger(), list, err)
	}
}

// refresh loads the list if it is not as it was.
func (l *storedList) refresh(storage certmagic.Storage) {
	l.reading.Lock()
	defer l.reading.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	if !l.isSteady(ctx, storage) {
		l.accept(loadStored(ctx, storage, l.key.key))
	} else if l.failed() == nil {
		l.confirm()
	}
}

// isSteady reports whether the storage says that the list did not change since it was
// loaded, and can be trusted in that.
func (l *storedList) isSteady(ctx context.Context, storage certmagic.Storage) bool {
	if !l.edition.steady {
		return false
	}
	info, err := storage.Stat(ctx, pathOf(l.key.key))
	return err == nil && info.Modified.Equal(l.edition.modified) && info.Size == l.edition.size
}

// errGone is why a list that was there is not taken as an empty one.
var errGone = errors.New("it is gone; to allow no origin, leave a comment in it")

// accept takes what was loaded, if it is not what was taken, or refused, before.
func (l *storedList) accept(now edition, text string, err error) {
	if err == nil && l.edition.there && !now.there {
		err = errGone
	}
	if err != nil {
		l.edition.steady = false
		l.take("", nil, err)
		return
	}
	before := l.edition
	l.edition = now
	switch {
	case l.list.Load() == nil || now.there != before.there || now.sum != before.sum:
		l.refused = l.read(text)
		return
	case l.refused == nil:
		l.confirm()
	case l.failed() != l.refused: //nolint:errorlint // whether it is this very one
		l.take("", nil, l.refused)
	}
	if now.modified.Equal(before.modified) && now.size == before.size {
		l.edition.loaded = before.loaded
		l.edition.steady = !now.modified.IsZero() && now.loaded.Sub(before.loaded) >= coarsestClock
	}
}

// read puts what was loaded in force, or notes why it cannot be. It returns what was wrong.
func (l *storedList) read(text string) error {
	if !l.edition.there {
		l.take("", &List{set: new(origin.Set)}, nil)
	} else if err := l.parse(text, l.key.rules, l.key.interval/(2*storedLooks), nil); err != nil {
		return err
	}
	l.good = text
	return nil
}

// put takes what an edit stored, as it was parsed. Where it is refused, the edit is done to
// the list in force, so that what is taken out is allowed no more.
func (l *storedList) put(text string, list *List, refused error, edit func(text string) string) {
	l.reading.Lock()
	defer l.reading.Unlock()
	l.edition, l.refused = edition{there: text != "", sum: sumOf(text)}, refused
	l.take(text, list, refused)
	if refused == nil {
		l.good = text
		return
	}
	good := edit(l.good)
	if list, err := ParseList(good, l.key.rules); err == nil { // as it is without some lines of a good one
		l.list.Store(list)
		l.good = good
	}
}

// loadStored loads the list of a key.
func loadStored(ctx context.Context, storage certmagic.Storage, key string) (now edition, text string, err error) {
	// What is stored between these two makes the next look load it again.
	if info, err := storage.Stat(ctx, pathOf(key)); err == nil {
		now.modified, now.size = info.Modified, info.Size
	}
	now.loaded = time.Now()
	stored, err := storage.Load(ctx, pathOf(key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return edition{}, "", nil
	case err != nil:
		return now, "", err
	case len(stored) > maxListBytes:
		return now, "", errTooLong
	}
	now.there, text = true, strings.TrimPrefix(string(stored), byteOrderMark)
	now.sum = sumOf(text)
	return now, text, nil
}
