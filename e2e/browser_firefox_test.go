//go:build linux

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// firefoxPreferences let it ask no host but this one.
const firefoxPreferences = `
user_pref("network.dns.forceResolve", "127.0.0.1");
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("marionette.port", %s);
`

func openFirefox(t *testing.T, url string) *browser {
	t.Helper()
	dir, env := homeless(t)
	address := corstest.FreeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	writeFile(t, filepath.Join(dir, "user.js"), fmt.Sprintf(firefoxPreferences, port))
	p := start(t, dir, env, find(t, "firefox-esr", "firefox-esr", "firefox"),
		"--headless", "--no-remote", "--profile", dir, "--marionette", "--remote-allow-system-access")
	p.awaitSocket(t, "tcp", address)

	m := connectMarionette(t, address)
	m.do(t, "WebDriver:NewSession", map[string]any{"acceptInsecureCerts": true})
	// The browser's own scripts say things, too.
	m.privileged(t, `globalThis.said = []
		Services.console.registerListener({observe: m => {
			if (m instanceof Ci.nsIScriptError && !m.isFromChromeContext) globalThis.said.push(m.errorMessage)
		}})`)
	m.do(t, "WebDriver:Navigate", map[string]any{"url": url})
	return &browser{fetch.Firefox, p, func(t *testing.T) []string {
		t.Helper()
		var result struct{ Value []string }
		if err := json.Unmarshal(m.privileged(t, "return globalThis.said"), &result); err != nil {
			t.Fatal(err)
		}
		return result.Value
	}}
}

// marionette speaks Firefox's remote protocol.
type marionette struct {
	conn   net.Conn
	reader *bufio.Reader
	last   int // number of the last command
}

func connectMarionette(t *testing.T, address string) *marionette {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	m := &marionette{conn: conn, reader: bufio.NewReader(conn)}
	m.read(t) // its greeting
	return m
}

// privileged runs a script with the rights of the browser itself, and returns its
// result.
func (m *marionette) privileged(t *testing.T, script string) json.RawMessage {
	t.Helper()
	m.do(t, "Marionette:SetContext", map[string]any{"value": "chrome"})
	defer m.do(t, "Marionette:SetContext", map[string]any{"value": "content"})
	return m.do(t, "WebDriver:ExecuteScript", map[string]any{"script": script, "args": []any{}, "sandbox": "system", "newSandbox": false})
}

// do sends a command and returns its result.
func (m *marionette) do(t *testing.T, command string, parameters map[string]any) json.RawMessage {
	t.Helper()
	m.last++
	message, err := json.Marshal([]any{0, m.last, command, parameters})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(message), message); err != nil {
		t.Fatal(err)
	}
	var answer []json.RawMessage // type, number, error, result
	if err := json.Unmarshal(m.read(t), &answer); err != nil || len(answer) != 4 || string(answer[2]) != "null" {
		t.Fatalf("%s: %v, %s", command, err, answer)
	}
	return answer[3]
}

// read returns the next message: its length, a colon, and its text.
func (m *marionette) read(t *testing.T) []byte {
	t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(time.Minute))
	length, err := m.reader.ReadString(':')
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil {
		t.Fatal(err)
	}
	message := make([]byte, n)
	if _, err := io.ReadFull(m.reader, message); err != nil {
		t.Fatal(err)
	}
	return message
}
