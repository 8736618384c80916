package source

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/risk"
)

const (
	// maxListBytes is how large a list may be: three million origins are. To read one takes
	// some five times as much memory.
	maxListBytes = 128 << 20

	// maxLineErrors is how many refused lines are told at once.
	maxLineErrors = 50

	// byteOrderMark is how some editors begin a file.
	byteOrderMark = "\ufeff"

	// maxShownBytes is how much an error shows of a line, or of what a server says.
	maxShownBytes = 100
)

// List is a set of origins, and of patterns of them. It does not change, so that many
// goroutines may use it.
type List struct {
	set  *origin.Set
	size int
}

// ParseList reads a list: a pattern a line, as in allow_origins, but for "*" and "none".
// What follows a "#" at the start of a line or after white space is a comment. The error
// joins a [*LineError] for each line that is refused, 50 at most.
func ParseList(text string, rules Rules) (*List, error) {
	return parseListGently(text, rules, runtime.Gosched)
}

// parseListGently is [ParseList] beside other work: it calls pause now and then.
func parseListGently(text string, rules Rules, pause func()) (*List, error) {
	text = strings.TrimPrefix(text, byteOrderMark)
	var patterns origin.Builder
	patterns.Grow(len(text) + min(strings.Count(text, "\n"), len(text)/len("a://b\n")) + 2)
	var errs []error
	size, refused, number := 0, 0, 0
	for line := range strings.Lines(text) {
		if number++; number%origin.PauseEvery == 0 {
			pause()
		}
		entry := entryOf(line)
		if entry == "" {
			continue
		}
		pattern, err := parseEntry(entry, rules)
		if err != nil {
			if refused++; refused <= maxLineErrors {
				err.Line = number
				errs = append(errs, err)
			}
			continue
		}
		patterns.Add(pattern)
		size++
	}
	if refused > maxLineErrors {
		errs = append(errs, fmt.Errorf("and %d more", refused-maxLineErrors))
	}
	l := &List{patterns.Set(pause), size}
	if l.set.Shapes() > origin.MaxShapes {
		errs = append(errs, fmt.Errorf(`what stands around the "*" inside a label has more than %d different lengths, below one host`, origin.MaxShapes))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return l, nil
}

// errEmpty is why an empty list is not taken from where it may as well be that something
// went wrong.
var errEmpty = errors.New("the list is empty, as one that is being written; to allow no origin, leave a comment in it")

// checkWhole refuses what looks like the beginning of a list. That a line is cut cannot be
// seen: what is left of it is an origin, too, and somebody else's. But where the last line of
// the list before had an end, one without is most likely cut.
func checkWhole(text string, ended bool) error {
	switch {
	case text == "":
		return errEmpty
	case ended && !endsLines(text):
		return errors.New("the last line has no end, as it had before, so it seems to be cut; end it, if it is not")
	}
	return nil
}

// endsLines reports whether the last line of a list has an end.
func endsLines(text string) bool { return strings.HasSuffix(text, "\n") }

// errTooLong is why a list is not read to its end.
var errTooLong = fmt.Errorf("a list has %d MiB at most", maxListBytes>>20)

// pieceBytes is how much of a list is read at once.
const pieceBytes = 1 << 20

// readText reads a list that is as long as said, in bytes, or of unknown length if that is
// negative, and not longer than most. It pauses after each piece, for requests.
func readText(r io.Reader, size, most int64) (string, error) {
	r = io.LimitReader(r, most+1)
	// Where the length is not known, pieces are put together at the end: a text that grows is
	// copied again and again, and nothing else runs meanwhile.
	var pieces []string
	var text strings.Builder
	if size >= 0 {
		text.Grow(int(min(size, most)))
	}
	for length := int64(0); ; time.Sleep(time.Millisecond) {
		n, err := io.CopyN(&text, r, pieceBytes)
		if length += n; length > most {
			return "", errTooLong
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if size < 0 {
			pieces = append(pieces, text.String())
			text.Reset()
		}
		switch {
		case err == nil:
		case size < 0:
			return strings.Join(pieces, ""), nil
		default:
			return text.String(), nil
		}
	}
}

// entryOf returns what a line has beside white space and a comment.
func entryOf(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}

// parseEntry parses one pattern, and holds it to the rules.
func parseEntry(entry string, rules Rules) (origin.Pattern, *LineError) {
	pattern, err := origin.ParsePattern(entry)
	if err != nil {
		return pattern, &LineError{Text: entry, Reason: err.Error()}
	}
	if pattern.Any() || pattern.None() {
		return pattern, &LineError{Text: entry, Reason: fmt.Sprintf("%q stands alone, in the config; name origins here", entry)}
	}
	for _, need := range risk.OfPattern(pattern, rules.Credentials) {
		if !rules.takes(need.Risk) {
			return pattern, &LineError{Text: entry, Reason: need.Reason + "; " + need.Risk.OrAccept(need.Fix)}
		}
	}
	return pattern, nil
}

// Allows reports whether a pattern of the list matches a well-formed origin.
func (l *List) Allows(o string) bool {
	sent := origin.NewSent(o)
	return l.set.Matches(&sent)
}

// Len returns how many patterns the list has.
func (l *List) Len() int { return l.size }

// LineError is a line of a list that is refused.
type LineError struct {
	Line   int    // the first one is 1
	Text   string // of the line, without comment
	Reason string // what is wrong, and what to do about it
}

// Error returns all of it in one line.
func (e *LineError) Error() string {
	return fmt.Sprintf("line %d: %q: %s", e.Line, e.shown(), e.Reason)
}

// shown returns as much of the text as can be shown.
func (e *LineError) shown() string { return shown(e.Text) }

// shown returns as much of what somebody else wrote as can be shown, in one line.
func shown(text string) string { return fetch.Printable(text, maxShownBytes) }
