//go:build linux

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

func openChromium(t *testing.T, url string) *browser {
	t.Helper()
	p, d := startChromium(t)
	d.do(t, "Log.enable", nil)
	d.do(t, "Runtime.enable", nil)
	d.do(t, "Page.navigate", map[string]any{"url": url})
	return &browser{fetch.Chromium, p, d.console}
}

// startChromium starts a Chromium with one empty tab.
func startChromium(t *testing.T) (*process, *devtools) {
	t.Helper()
	dir, env := homeless(t)
	p := start(t, dir, env, find(t, "chromium", "chromium"),
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--user-data-dir="+dir, "--host-resolver-rules=MAP * 127.0.0.1", "--ignore-certificate-errors",
		"--remote-debugging-port=0", "--remote-allow-origins=*")
	return p, connectDevTools(t, p, filepath.Join(dir, "DevToolsActivePort"))
}

// devtools speaks Chromium's remote protocol with its only tab.
type devtools struct {
	conn    *websocket.Conn
	last    int // number of the last command
	answers chan devtoolsMessage

	mu    sync.Mutex
	lines []string // of the console
}

// devtoolsMessage is an answer, or an event.
type devtoolsMessage struct {
	ID     int
	Error  json.RawMessage
	Result struct {
		Data   []byte                          // of a picture
		Result struct{ Value json.RawMessage } // of a script
	}
	Method string
	Params struct {
		Entry            struct{ Text string }
		ExceptionDetails struct {
			Text      string
			Exception struct{ Value string }
		}
	}
}

// connectDevTools connects to a Chromium that was just started. It writes the port that
// it listens on to a file.
func connectDevTools(t *testing.T, p *process, file string) *devtools {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(file)
		port, _, written := strings.Cut(string(text), "\n")
		if !written {
			continue
		}
		p.awaitSocket(t, "tcp", "127.0.0.1:"+port)
		resp, err := http.Get("http://127.0.0.1:" + port + "/json/list")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var tabs []struct{ Type, WebSocketDebuggerURL string }
		if err := json.NewDecoder(resp.Body).Decode(&tabs); err != nil {
			t.Fatal(err)
		}
		for _, tab := range tabs {
			if tab.Type == "page" {
				return dialDevTools(t, tab.WebSocketDebuggerURL)
			}
		}
	}
	t.Fatal("Chromium opens no tab")
	return nil
}

func dialDevTools(t *testing.T, url string) *devtools {
	t.Helper()
	conn, err := websocket.Dial(url, "", "http://127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	d := &devtools{conn: conn, answers: make(chan devtoolsMessage, 1)}
	go d.read()
	return d
}

// read sorts what Chromium says into answers and lines of the console.
func (d *devtools) read() {
	defer close(d.answers)
	for {
		var m devtoolsMessage
		if websocket.JSON.Receive(d.conn, &m) != nil {
			return
		}
		var line string
		switch m.Method {
		case "":
			d.answers <- m
			continue
		case "Log.entryAdded":
			line = m.Params.Entry.Text
		case "Runtime.exceptionThrown":
			line = m.Params.ExceptionDetails.Text + " " + m.Params.ExceptionDetails.Exception.Value
		default:
			continue
		}
		d.mu.Lock()
		d.lines = append(d.lines, line)
		d.mu.Unlock()
	}
}

// do sends a command, waits until it is done, and returns the answer.
func (d *devtools) do(t *testing.T, command string, parameters map[string]any) devtoolsMessage {
	t.Helper()
	d.last++
	if err := websocket.JSON.Send(d.conn, map[string]any{"id": d.last, "method": command, "params": parameters}); err != nil {
		t.Fatal(err)
	}
	answer, ok := <-d.answers
	if !ok || answer.ID != d.last || answer.Error != nil {
		t.Fatalf("%s: %+v", command, answer)
	}
	return answer
}

// evaluate runs a script in the page, waits for what it promises, and returns that as
// JSON.
func (d *devtools) evaluate(t *testing.T, script string) json.RawMessage {
	t.Helper()
	answer := d.do(t, "Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true})
	return answer.Result.Result.Value
}

func (d *devtools) console(*testing.T) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}
