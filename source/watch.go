package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// watchedFiles are the files that sources of this process watch, by their fileKey.
var watchedFiles = caddy.NewUsagePool()

const (
	// looks is how often a file is looked at in an interval.
	looks = 10

	// A file that changed is read if it stayed as it is for two looks more, as somebody may
	// be writing it. One that is empty, or that ends inside a line, is not taken before it
	// stayed so for six: somebody is writing it, most likely. All are within the interval.
	steadyLooks     = 2
	unfinishedLooks = 6

	// A config that loads waits for a file that somebody seems to be writing: for these looks,
	// but no longer than this, and so often.
	mostSteadyWait = time.Second
	mostTries      = 4

	// blockBytes is what file systems, and programs that write files, do a whole number of.
	blockBytes = 512

	// smallFile is how large a file may be, in bytes, whose text is compared at each look.
	// Of larger ones, size and time tell.
	smallFile = 64 << 10
)

// watchedFile is a file that is looked at from time to time, for all sources that have it.
type watchedFile struct {
	current
	key  fileKey
	stop func()

	// By turns of reading:
	loaded look      // how the file looked when it was taken, or refused
	before look      // how it looked the last time
	steady int       // how often in a row it has looked so
	looked time.Time // the last time
	since  time.Time // when it may have changed to what it looks like
}

// watchFile reads a file, and goes on to look at it. If it was watched before, and another
// list is in force of it, old is that.
func watchFile(key fileKey, old *watchedFile) (*watchedFile, error) {
	w := &watchedFile{key: key}
	if old != nil {
		w.follow(&old.current)
		if err := w.awaitSteady(); err != nil {
			return nil, w.describe(err)
		}
	}
	if err := w.load(); err != nil {
		return nil, w.describe(err)
	}
	w.looked = time.Now()
	w.stop = every(key.interval/looks, w.look)
	return w, nil
}

// errWritten is why a file is not read.
var errWritten = errors.New("somebody is writing it; try again, and let it be written to another file that is renamed then")

// awaitSteady waits for a file that was just changed to stay as it is, as it is perhaps not
// written in full.
func (w *watchedFile) awaitSteady() error {
	wait := min(steadyLooks*w.key.interval/looks, mostSteadyWait)
	before := lookAt(w.key.path)
	for range mostTries {
		if before.info == nil || time.Since(before.info.ModTime()) > wait {
			return nil
		}
		time.Sleep(wait)
		now := lookAt(w.key.path)
		if now.same(before) {
			return nil
		}
		before = now
	}
	return errWritten
}

// load reads the file for a config that loads.
func (w *watchedFile) load() error {
	for range mostTries {
		now := lookAt(w.key.path)
		text, err := readList(w.key.path)
		if lookAt(w.key.path).same(now) {
			return w.read(now, text, err)
		}
	}
	return errWritten
}

// Destruct ends the watch. The list stays, for requests of a config that goes.
func (w *watchedFile) Destruct() error {
	w.stop()
	w.reading.hurry()
	return nil
}

// isFresh reports whether the file is as it was when it was taken, or refused.
func (w *watchedFile) isFresh() bool {
	w.reading.Lock()
	defer w.reading.Unlock()
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
	w.reading.Lock()
	defer w.reading.Unlock()
	looked := w.looked
	w.looked = time.Now()
	now := lookAt(w.key.path)
	switch {
	case now.same(w.loaded):
		if w.failed() == nil {
			w.confirm()
		}
		fallthrough
	case !now.same(w.before):
		w.before, w.steady, w.since = now, 0, looked
		return
	}
	if w.steady++; w.steady != steadyLooks && w.steady < unfinishedLooks {
		return
	}
	text, err := readList(w.key.path)
	if finished := err == nil && endsLines(text); !finished && w.steady < unfinishedLooks {
		return
	}
	w.looked = time.Now()
	if !lookAt(w.key.path).same(now) {
		return // it was written meanwhile
	}
	err = w.read(now, text, err)
	logRefresh(caddy.Log().Named(Namespace+".file").With(zap.String("path", w.key.path)), w.list.Load(), err)
}

// read puts what was read in force, or notes why it cannot be. It returns what was wrong.
func (w *watchedFile) read(now look, text string, err error) error {
	w.loaded = now
	if err == nil && text != "" && len(text)%blockBytes == 0 && !endsLines(text) {
		err = errors.New("the last line seems to be cut, as on a full disk; end it, if it is not")
	}
	return w.parse(text, w.key.rules, w.left(), err)
}

// left returns how much of the interval is left to parse the file in, but for the time of a look,
// as to parse it may take somewhat longer. There is none if it changed while it was parsed.
func (w *watchedFile) left() time.Duration {
	return w.key.interval - time.Since(w.since) - w.key.interval/looks
}

// look is what a file looks like from outside, and whether it can be read.
type look struct {
	info fs.FileInfo // nil if there is an error
	text [sha256.Size]byte
	err  string
}

// lookAt looks at a file.
func lookAt(path string) look {
	file, info, err := openList(path)
	if err != nil {
		return look{err: err.Error()}
	}
	defer file.Close()
	l := look{info: info}
	if info.Size() <= smallFile {
		text, err := readText(file, info.Size(), maxListBytes)
		if err != nil {
			return look{err: err.Error()}
		}
		l.text = sha256.Sum256([]byte(text))
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

// openList opens a file, but nothing that would be waited for, such as a pipe.
func openList(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("this is not a file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if info, err = file.Stat(); err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// readList reads a file of bounded size.
func readList(path string) (string, error) {
	file, info, err := openList(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return readText(file, info.Size(), maxListBytes)
}
