package sessions

import (
	"os"
	"path/filepath"
	"time"
)

// removeAll removes a directory, in which what a browser has started may still write for
// a moment.
func removeAll(dir string) (err error) {
	for range 100 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// browser is a Chromium with one page.
type browser struct {
	*process
	dir string
}

// startChromium starts a Chromium that has never run before, and opens a page.
func startChromium(url string) (*browser, error) {
	path, err := chromium.path()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "chromium")
	if err != nil {
		return nil, err
	}
	p, err := start(dir, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--no-first-run", "--user-data-dir="+filepath.Join(dir, "profile"), url)
	if err != nil {
		_ = removeAll(dir)
		return nil, err
	}
	return &browser{p, dir}, nil
}

func (b *browser) close() error {
	b.stop()
	return removeAll(b.dir)
}
