// Package process runs servers as processes.
package process

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a server that runs.
type Process struct {
	command *exec.Cmd
	output  *os.File // what it prints goes there
	exited  chan struct{}
}

// Start starts a program whose files, and what it prints, go to a directory.
func Start(dir string, command *exec.Cmd) (*Process, error) {
	output, err := os.CreateTemp(dir, "output")
	if err != nil {
		return nil, err
	}
	p := &Process{command: command, output: output, exited: make(chan struct{})}
	command.Stdout, command.Stderr = output, output
	command.Env = append(os.Environ(), "HOME="+dir)
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Await waits until a process listens on an address.
func (p *Process) Await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended by itself:\n%s", p.command, p.Printed())
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s:\n%s", p.command, address, p.Printed())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop ends a process.
func (p *Process) Stop() {
	_ = p.command.Process.Signal(os.Interrupt)
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
		_ = p.command.Process.Kill()
		<-p.exited
	}
	_ = p.output.Close()
	_ = os.Remove(p.output.Name())
}

// Printed returns the end of what a process printed.
func (p *Process) Printed() string {
	text, _ := os.ReadFile(p.output.Name())
	return string(text[max(0, len(text)-4000):])
}

// CPU returns the processor time that all threads of a process have had.
func (p *Process) CPU() (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		spent, _, _ := strings.Cut(string(text), " ")
		nanoseconds, err := strconv.ParseInt(spent, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", thread, err)
		}
		sum += time.Duration(nanoseconds)
	}
	return sum, nil
}
