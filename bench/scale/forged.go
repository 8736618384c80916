package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// forgery sends requests of distinct forged origins at a rate. It writes several at once to a
// connection, so that it takes less of the machine than what it sends them to.
type forgery struct {
	address string
	path    string
	rate    int // a second
}

const (
	forgers     = 128 // connections; more than may be asked for at a time
	forgedBatch = 8   // requests that are written at once
)

// run sends requests for a time, and returns how many were answered. An error is that of an
// answer that allows one.
func (f forgery) run(ctx context.Context, duration time.Duration) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	var answered, next atomic.Int64
	var group sync.WaitGroup
	for range forgers {
		group.Go(func() {
			conn, err := net.Dial("tcp", f.address)
			if err != nil {
				cancel(err)
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for ctx.Err() == nil {
				first := next.Add(forgedBatch) - forgedBatch
				due := start.Add(time.Duration(first) * time.Second / time.Duration(f.rate))
				if due.Sub(start) >= duration || time.Since(start) >= duration {
					return
				}
				time.Sleep(time.Until(due))
				if err := f.forge(conn, answers, first); err != nil {
					cancel(err)
					return
				}
				answered.Add(forgedBatch)
			}
		})
	}
	group.Wait()
	return int(answered.Load()), context.Cause(ctx)
}

// forge sends a batch of requests, and reads the answers.
func (f forgery) forge(conn io.Writer, answers *bufio.Reader, first int64) error {
	var batch []byte
	for i := range int64(forgedBatch) {
		batch = fmt.Appendf(batch, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://forged-%d.example\r\n\r\n", f.path, first+i)
	}
	if _, err := conn.Write(batch); err != nil {
		return err
	}
	for range forgedBatch {
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if allowed := resp.Header.Get("Access-Control-Allow-Origin"); allowed != "" || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("a forged origin: status %d, and %q is allowed", resp.StatusCode, allowed)
		}
	}
	return nil
}
