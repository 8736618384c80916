package fetch

// Engine is a browser engine.
type Engine int

// The engines of today's browsers: Chrome, Edge and others are of Chromium, Safari and
// all of iOS of WebKit.
const (
	Chromium Engine = iota
	Firefox
	WebKit
)

// Engines are all of them.
var Engines = []Engine{Chromium, Firefox, WebKit}

// String returns the name in lower case.
func (e Engine) String() string { return [...]string{"chromium", "firefox", "webkit"}[e] }

// Browser returns the browser that most people know the engine by.
func (e Engine) Browser() string { return [...]string{"Chrome", "Firefox", "Safari"}[e] }

// MaxAgeCap returns for how many seconds the engine remembers a preflight at most.
func (e Engine) MaxAgeCap() int { return [...]int{7200, 86400, 600}[e] }
