package fetch

// Engine is what a browser is built on.
type Engine int

// The engines that consoles are known of.
const (
	Chromium Engine = iota // Chrome, Edge, Opera, ...
	Firefox                // Firefox
	WebKit                 // Safari, and all browsers of iOS
)

// Engines has all of them.
var Engines = []Engine{Chromium, Firefox, WebKit}

// String returns the engine's name, in lower case.
func (e Engine) String() string { return [...]string{"chromium", "firefox", "webkit"}[e] }
