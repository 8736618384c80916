package corsproxy

import (
	"compress/gzip"
	"errors"
	"io"
	"sync/atomic"
)

// limited reads up to a length. What is beyond it fails, so that nobody takes what came
// before for all of it.
type limited struct {
	io.Reader
	left     int64
	failure  *refusal
	exceeded atomic.Bool // bodies of requests are read by goroutines of the transport
}

func limit(r io.Reader, most int64, failure *refusal) *limited {
	return &limited{Reader: r, left: most, failure: failure}
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, l.failure
	}
	if int64(len(p)) > l.left+1 { // one more than is left, to see whether there is more
		p = p[:l.left+1]
	}
	n, err := l.Reader.Read(p)
	if l.left -= int64(n); l.left < 0 {
		l.exceeded.Store(true)
		return n - 1, l.failure
	}
	return n, err
}

// unpacker unpacks gzip as it is read.
type unpacker struct {
	packed io.Reader
	gzip   *gzip.Reader
}

func (u *unpacker) Read(p []byte) (int, error) {
	if u.gzip == nil {
		var err error
		if u.gzip, err = gzip.NewReader(u.packed); err != nil {
			return 0, err
		}
	}
	return u.gzip.Read(p)
}

// requestBody is the body of a request, up to a length. Closing it leaves it to the server,
// which has to know what of it is still to come: else it would take the rest for the next
// request of the connection.
type requestBody struct{ *limited }

func (requestBody) Close() error { return nil }

// responseBody is the body of a response. What ends it, but its end, is told.
type responseBody struct {
	io.Reader
	io.Closer
	fail func(err error) error
}

func (b responseBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.fail(err)
	}
	return n, err
}
