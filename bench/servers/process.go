package servers

import (
	"context"
	"os/exec"
	"strconv"

	"github.com/seed-9442523e/caddy-cors/bench/internal/process"
)

// start starts a program on a core, or on any if core is negative.
func (l *lab) start(core int, program string, args ...string) (*process.Process, error) {
	return process.Start(l.dir, l.command(context.Background(), core, program, args...))
}

// command returns a command that runs on one core.
func (l *lab) command(ctx context.Context, core int, program string, args ...string) *exec.Cmd {
	if core >= 0 {
		program, args = l.taskset, append([]string{"-c", strconv.Itoa(core), program}, args...)
	}
	return exec.CommandContext(ctx, program, args...)
}
