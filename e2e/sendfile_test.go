//go:build linux

package e2e

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// TestSendfile shows that a file of 1 GiB goes from the disk to the socket without
// being copied through the process: all of it by the system call sendfile. Caddy does
// so where its write_idle timeout is off.
func TestSendfile(t *testing.T) {
	strace := find(t, "strace", "strace")
	dir := t.TempDir()
	const cors, timeoutOff = "cors https://app.example.com", "servers {\ntimeouts {\nwrite_idle -1s\n}\n}"
	for name, test := range map[string]struct {
		directive, options string
		size               int
		sent               bool
	}{
		"without":      {"", timeoutOff, 1 << 30, true},
		"with":         {cors, timeoutOff, 1 << 30, true},
		"with several": {"cors none {\nreport_only\n}\nhandle {\n" + cors + "\n}", timeoutOff, 1 << 30, true},
		"copied":       {cors, "", 1 << 24, false}, // which shows that this test can tell
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "file")
			writeFile(t, file, "")
			if err := os.Truncate(file, int64(test.size)); err != nil {
				t.Fatal(err)
			}
			a := corstest.NewClient(t, corstest.FreeAddress(t))
			caddy := startCaddy(t, test.options, "http://"+a.Address+" {\nroot "+dir+"\n"+test.directive+"\nfile_server\n}")
			calls := filepath.Join(t.TempDir(), "calls")
			tracer := start(t, "", nil, strace, "-f", "-e", "trace=sendfile", "-o", calls, "-p", strconv.Itoa(caddy.Process.Pid))
			for deadline := time.Now().Add(30 * time.Second); !strings.Contains(tracer.output.String(), "attached"); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					leaveOut(t, "strace does not attach: "+tracer.output.String())
				}
			}
			r, err := a.Send("GET /file\n" + app)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
			if n != int64(test.size) || err != nil {
				t.Errorf("%d bytes came, %v", n, err)
			}
			caddy.stop() // after which all of its calls are written
			<-tracer.exited
			// The first 512 bytes were read to tell the type of the file.
			if sent := sentBytes(t, calls); (sent >= test.size-512) != test.sent {
				t.Errorf("%d of %d bytes were sent by sendfile", sent, test.size)
			}
		})
	}
}

// sentBytes sums up what the calls of sendfile returned, by the record of strace.
func sentBytes(t *testing.T, record string) (sum int) {
	t.Helper()
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range regexp.MustCompile(`(?m)sendfile.* = (\d+)$`).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(call[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
