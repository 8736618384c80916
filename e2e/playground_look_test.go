//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// open opens the playground in a Chromium of some width, in a scheme of colours,
// and waits until the grid has run and a cell is chosen.
func (s *playgroundSite) open(t *testing.T, d *devtools, width int, scheme string) {
	t.Helper()
	d.do(t, "Emulation.setScrollbarsHidden", map[string]any{"hidden": true})
	d.do(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 1010, "deviceScaleFactor": 1, "mobile": false})
	d.do(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
	d.do(t, "Page.navigate", map[string]any{"url": s.ports.Replace("http://localhost:3000/")})
	const ready = `document.body?.dataset.state === "done" && document.querySelector("#panel .step") !== null`
	for deadline := time.Now().Add(time.Minute); string(d.evaluate(t, ready)) != "true"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the grid does not run")
		}
	}
}

// TestPlaygroundPictures takes the pictures of the README, in light and dark:
//
//	go test ./e2e -run TestPlaygroundPictures -update
func TestPlaygroundPictures(t *testing.T) {
	ports := freePort
	if *update {
		ports = samePort // they are in the pictures
	}
	site := startPlayground(t, ports, asItIs)
	_, d := startChromium(t)
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			site.open(t, d, 1280, scheme)
			d.evaluate(t, `document.querySelector("#grid-title").scrollIntoView({behavior: "instant"})`)
			picture := d.do(t, "Page.captureScreenshot", nil).Result.Data
			decoded, err := png.Decode(bytes.NewReader(picture))
			if err != nil {
				t.Fatal(err)
			}
			corner := color.GrayModel.Convert(decoded.At(2, 2)).(color.Gray)
			if light := corner.Y > 0x80; light != (scheme == "light") || decoded.Bounds().Dx() != 1280 {
				t.Errorf("the corner is %v, and the width %d", corner, decoded.Bounds().Dx())
			}
			if *update {
				writeFile(t, fmt.Sprintf("../docs/playground-%s.png", scheme), string(picture))
			}
		})
	}
}

// TestPlaygroundAccessibility has axe-core, which many use to find what keeps people out,
// look at the page.
func TestPlaygroundAccessibility(t *testing.T) {
	find(t, "npm", "npm")
	dir := t.TempDir()
	if err := npmInstall(dir, "playground"); err != nil {
		leaveOut(t, err.Error())
	}
	axe, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	site := startPlayground(t, freePort, asItIs)
	_, d := startChromium(t)
	for _, width := range []int{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprintf("%s, %d wide", scheme, width), func(t *testing.T) {
				site.open(t, d, width, scheme)
				d.evaluate(t, string(axe)+"\n;true")
				var result struct {
					Passes     int
					Violations []struct {
						ID, Help string
						Nodes    []struct{ HTML, FailureSummary string }
					}
				}
				if err := json.Unmarshal(d.evaluate(t, `axe.run().then(({passes, violations}) => ({passes: passes.length, violations}))`), &result); err != nil {
					t.Fatal(err)
				}
				if result.Passes < 20 {
					t.Errorf("%d rules apply", result.Passes)
				}
				for _, v := range result.Violations {
					t.Errorf("%s: %s (%d times)\n%s\n%s", v.ID, v.Help, len(v.Nodes), v.Nodes[0].HTML, v.Nodes[0].FailureSummary)
				}
			})
		}
	}
}
