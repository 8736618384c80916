package servers

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

// process is a server that runs.
type process struct {
	command *exec.Cmd
	output  *os.File // what it prints goes there
	exited  chan struct{}
}

// start starts a program on a core, or on any if core is negative.
func (l *lab) start(core int, program string, args ...string) (*process, error) {
	output, err := os.CreateTemp(l.dir, "output")
	if err != nil {
		return nil, err
	}
	p := &process{command: l.command(context.Background(), core, program, args...), output: output, exited: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = output, output
	p.command.Env = append(os.Environ(), "HOME="+l.dir)
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// command returns a command that runs on one core.
func (l *lab) command(ctx context.Context, core int, program string, args ...string) *exec.Cmd {
	if core >= 0 {
		program, args = l.taskset, append([]string{"-c", strconv.Itoa(core), program}, args...)
	}
	return exec.CommandContext(ctx, program, args...)
}

// await waits until a process listens on an address.
func (p *process) await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended by itself:\n%s", p.command, p.printed())
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s:\n%s", p.command, address, p.printed())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends a process.
func (p *process) stop() {
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

// printed returns the end of what a process printed.
func (p *process) printed() string {
	text, _ := os.ReadFile(p.output.Name())
	return string(text[max(0, len(text)-4000):])
}

// cpu returns the processor time that all threads of a process have had.
func (p *process) cpu() (time.Duration, error) {
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
