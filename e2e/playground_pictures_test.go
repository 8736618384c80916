//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"testing"
	"time"
)

// playgroundReady tells whether a cell is chosen once the grid has run, and scrolls to it.
const playgroundReady = `document.querySelector("#grid-title").scrollIntoView({behavior: "instant"}),
	document.body.dataset.state === "done" && document.querySelector("#panel .step") !== null`

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
	d.do(t, "Emulation.setScrollbarsHidden", map[string]any{"hidden": true})
	d.do(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": 1280, "height": 1010, "deviceScaleFactor": 1, "mobile": false})
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			d.do(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
			d.do(t, "Page.navigate", map[string]any{"url": site.ports.Replace("http://localhost:3000/")})
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
				answer := d.do(t, "Runtime.evaluate", map[string]any{"expression": playgroundReady, "returnByValue": true})
				if string(answer.Result.Result.Value) == "true" {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the grid does not run")
				}
			}
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
