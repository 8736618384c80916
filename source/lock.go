package source

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// The lock of a list in a storage that servers share.

// lockTimeout is how long an edit waits for others, and longer than one may take: what holds the
// lock then is nobody any more.
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

// lock locks a list for this server alone. It returns what unlocks it. ctx ends in timeout.
func lock(ctx context.Context, storage certmagic.Storage, key string, timeout time.Duration) (unlock func(), err error) {
	end, err := awaitTurn(ctx, key)
	if err != nil {
		return nil, err
	}
	// Storages may take slashes out, and this name is nobody else's without them.
	name := "cors_origins_" + key
	held, began := lockedSince(storage, name), time.Now()
	err = storage.Lock(ctx, name)
	// Others of this server may have taken most of the time.
	waited := time.Since(began) > timeout/2
	if errors.Is(err, context.DeadlineExceeded) && waited && isLeftBehind(held, lockedSince(storage, name)) {
		unlockStorage(storage, name)
		waiting, cancel := context.WithTimeout(context.Background(), storageTimeout)
		defer cancel()
		err = storage.Lock(waiting, name)
	}
	if err != nil {
		end()
		return nil, err
	}
	return func() {
		defer end()
		unlockStorage(storage, name)
	}, nil
}

func unlockStorage(storage certmagic.Storage, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	_ = storage.Unlock(ctx, name) // a lock that stays gets stale
}

// lockedSince returns when somebody took a lock of a file system, or no time. The lock of a
// server that died goes stale there after 10 seconds; but not where one that had it within the 5
// seconds before is still refreshing whatever lock it finds in its place.
func lockedSince(storage certmagic.Storage, name string) (created time.Time) {
	files, ok := storage.(*certmagic.FileStorage)
	if !ok {
		return created
	}
	text, err := os.ReadFile(filepath.Join(files.Path, "locks", name+".lock"))
	if err != nil {
		return created
	}
	var lock struct{ Created time.Time }
	_ = json.Unmarshal(text, &lock)
	return lock.Created
}

// isLeftBehind reports whether a lock is one that nobody has, from when it was taken at the
// start of a wait, and at its end: no edit takes nearly as long.
func isLeftBehind(before, after time.Time) bool {
	return !before.IsZero() && before.Equal(after) && time.Since(before) > lockTimeout
}
