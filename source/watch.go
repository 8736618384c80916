package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
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
}

// watchFile reads a file, and goes on to look at it.
func watchFile(key fileKey) (*watchedFile, error) {
	w := &watchedFile{key: key}
	if err := w.reload(); err != nil {
		return nil, err
	}
	w.stop = every(key.interval/looks, w.look)
	return w, nil
}

// Destruct ends the watch. The list stays, for requests of a config that goes.
func (w *watchedFile) Destruct() error {
	w.stop()
	return nil
}

// reload reads the file for a config that is about to load, if it is not as it was when
// it was read last.
func (w *watchedFile) reload() error {
	w.looking.Lock()
	defer w.looking.Unlock()
	now := lookAt(w.key.path)
	if w.list.Load() == nil || !now.same(w.loaded) {
		text, err := readList(w.key.path)
		_ = w.read(now, text, err) // which is w.failed, also where there is nothing new
	}
	if err := w.failed(); err != nil {
		return fmt.Errorf("%s: %w", w.key.path, err)
	}
	return nil
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
	finished := err == nil && strings.HasSuffix(text, "\n")
	if !finished && w.steady < unfinishedLooks {
		return
	}
	err = w.read(now, text, err)
	logRefresh(caddy.Log().Named(Namespace+".file").With(zap.String("path", w.key.path)), w.list.Load(), err)
}

// read puts what was read in force, or notes why it cannot be. It returns what was wrong.
func (w *watchedFile) read(now look, text string, err error) error {
	w.loaded = now
	if err == nil {
		err = checkWhole(text)
	}
	return w.parse(text, w.key.rules, err)
}

// blockBytes is what file systems, and programs that write files, do a whole number of.
const blockBytes = 512

// checkWhole refuses what looks like the beginning of a list: where a disk is full, or who
// writes it died, a file ends with a block, inside a line. That a line is cut cannot be
// seen otherwise: what is left of it is an origin, too, and somebody else's.
func checkWhole(text string) error {
	switch {
	case text == "":
		return errEmpty
	case len(text)%blockBytes == 0 && !strings.HasSuffix(text, "\n"):
		return errors.New("the last line seems to be cut, as on a full disk; end it, if it is not")
	}
	return nil
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
