package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// watchedFiles are the files that sources of this process watch, by their fileKey.
var watchedFiles = caddy.NewUsagePool()

const (
	// looks is how often a file is looked at in an interval.
	looks = 5

	// A file that changed is read if it stayed as it is for one look more, as somebody may
	// be writing it. One that is empty, or that ends inside a line, is not taken before it
	// stayed so for three: somebody is writing it, most likely. All are within the interval.
	steadyLooks     = 1
	unfinishedLooks = 3

	// smallFile is how large a file may be, in bytes, whose text is compared at each look.
	// Of larger ones, size and time tell.
	smallFile = 64 << 10
)

// watchedFile is a file that is looked at from time to time, for all sources that have it.
type watchedFile struct {
	current
	key  fileKey
	stop func()

	looking sync.Mutex
	loaded  look // how the file looked when it was taken, or refused
	before  look // how it looked the last time
	steady  int  // how often in a row it has looked so
	ended   bool // whether the last line of the list in force has an end
}

// watchFile reads a file, and goes on to look at it. If it was watched before, and another
// list is in force of it, old is that.
func watchFile(key fileKey, old *watchedFile) (*watchedFile, error) {
	w := &watchedFile{key: key}
	if old != nil {
		old.looking.Lock()
		w.ended = old.ended
		old.looking.Unlock()
		w.follow(&old.current)
	}
	now := lookAt(key.path)
	text, err := readList(key.path)
	if err := w.read(now, text, err); err != nil {
		return nil, w.describe(err)
	}
	w.stop = every(key.interval/looks, w.look)
	return w, nil
}

// Destruct ends the watch. The list stays, for requests of a config that goes.
func (w *watchedFile) Destruct() error {
	w.stop()
	return nil
}

// isFresh reports whether the file is as it was when it was taken, or refused.
func (w *watchedFile) isFresh() bool {
	w.looking.Lock()
	defer w.looking.Unlock()
	return lookAt(w.key.path).same(w.loaded)
}

// describe says what file an error is about.
func (w *watchedFile) describe(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", w.key.path, err)
}

// look looks at the file, and takes it if it changed and nobody seems to be writing it.
func (w *watchedFile) look() {
	w.looking.Lock()
	defer w.looking.Unlock()
	now := lookAt(w.key.path)
	switch {
	case now.same(w.loaded):
		if w.failed() == nil {
			w.confirm()
		}
		fallthrough
	case !now.same(w.before):
		w.before, w.steady = now, 0
		return
	}
	w.steady++
	if w.steady < steadyLooks {
		return
	}
	text, err := readList(w.key.path)
	if finished := err == nil && endsLines(text); !finished && w.steady < unfinishedLooks {
		return
	}
	err = w.read(now, text, err)
	logRefresh(caddy.Log().Named(Namespace+".file").With(zap.String("path", w.key.path)), w.list.Load(), err)
}

// read puts what was read in force, or notes why it cannot be. It returns what was wrong.
func (w *watchedFile) read(now look, text string, err error) error {
	w.loaded = now
	if err == nil {
		err = checkWhole(text, w.ended)
	}
	if err = w.parse(text, w.key.rules, err); err == nil {
		w.ended = endsLines(text)
	}
	return err
}

// look is what a file looks like from outside.
type look struct {
	info fs.FileInfo // nil if there is an error
	text [sha256.Size]byte
	err  string
}

// lookAt looks at a file.
func lookAt(path string) look {
	info, err := os.Stat(path)
	if err == nil {
		err = checkFile(info)
	}
	if err != nil {
		return look{err: err.Error()}
	}
	l := look{info: info}
	if info.Size() <= smallFile {
		if text, err := readList(path); err == nil {
			l.text = sha256.Sum256([]byte(text))
		}
	}
	return l
}

// same reports whether the file was the same, with the same text, at both looks.
func (l look) same(other look) bool {
	if l.info == nil || other.info == nil {
		return l.info == nil && other.info == nil && l.err == other.err
	}
	return os.SameFile(l.info, other.info) && l.info.Size() == other.info.Size() &&
		l.info.ModTime().Equal(other.info.ModTime()) && l.text == other.text
}

// checkFile refuses what is not a file, such as a pipe, which would be waited for.
func checkFile(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("this is not a file")
	}
	return nil
}

// readList reads a file of bounded size.
func readList(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if err := checkFile(info); err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return readText(file, info.Size(), maxListBytes)
}
