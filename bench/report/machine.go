package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Machine is where the benchmarks ran, and what took part in them.
type Machine struct {
	CPU       string
	Cores     int
	MemoryGiB float64
	System    string // distribution and kernel
	Versions  []Version
}

// Version is that of a program or a Go module.
type Version struct{ Name, Version string }

// modules are those whose versions matter.
var modules = []string{
	"github.com/caddyserver/caddy/v2",
	"github.com/jub0bs/cors",
	"github.com/rs/cors",
	"github.com/go-chi/cors",
	"github.com/gorilla/handlers",
}

// programs say their version when they are asked with this argument, on either output.
var programs = []struct{ name, argument string }{
	{"chromium", "--version"},
	{"node", "--version"},
	{"nginx", "-v"},
	{"haproxy", "-v"},
	{"h2load", "--version"},
}

// versionNumber is the first thing in a program's words that looks like one.
var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// describe tells what is known of this machine. Programs that are not there are left out:
// what needs them says so itself.
func describe(ctx context.Context) (Machine, error) {
	m := Machine{Cores: runtime.NumCPU(), System: runtime.GOOS, CPU: runtime.GOARCH}
	if model, ok := valueOf("/proc/cpuinfo", "model name", ":"); ok {
		m.CPU = model
	}
	if total, ok := valueOf("/proc/meminfo", "MemTotal", ":"); ok {
		kibibytes, err := strconv.ParseFloat(strings.TrimSuffix(total, " kB"), 64)
		if err != nil {
			return m, fmt.Errorf("/proc/meminfo: %w", err)
		}
		m.MemoryGiB = kibibytes / (1 << 20)
	}
	if name, ok := valueOf("/etc/os-release", "PRETTY_NAME", "="); ok {
		m.System = strings.Trim(name, `"`)
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += ", kernel " + strings.TrimSpace(string(release))
	}

	m.Versions = []Version{{"Go", strings.TrimPrefix(runtime.Version(), "go")}}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return m, fmt.Errorf("this program does not know what it was built of")
	}
	for _, path := range modules {
		for _, module := range info.Deps {
			if module.Path == path {
				m.Versions = append(m.Versions, Version{path, strings.TrimPrefix(module.Version, "v")})
			}
		}
	}
	for _, p := range programs {
		if v, ok := versionOf(ctx, p.name, p.argument); ok {
			m.Versions = append(m.Versions, Version{p.name, v})
		}
	}
	return m, nil
}

// valueOf returns the value of a name in a file of names and values.
func valueOf(file, name, separator string) (string, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		key, value, found := strings.Cut(line, separator)
		if found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// versionOf asks a program for its version, also one in the directory of servers, which
// is not in everybody's PATH.
func versionOf(ctx context.Context, name, argument string) (string, bool) {
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/sbin", name)
	}
	out, err := exec.CommandContext(ctx, path, argument).CombinedOutput()
	if err != nil {
		return "", false
	}
	version := versionNumber.FindString(string(out))
	return version, version != ""
}
