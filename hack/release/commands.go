package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// prepared is a command whose programs need no password: the key of a dry run has none.
func prepared(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Env = append(os.Environ(), "COSIGN_PASSWORD=")
	return command
}

// output gives the trimmed standard output of a command.
func output(ctx context.Context, name string, arguments ...string) (string, error) {
	command := prepared(ctx, name, arguments...)
	command.Stderr = os.Stderr
	written, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w, see above", name, strings.Join(arguments, " "), err)
	}
	return strings.TrimSpace(string(written)), nil
}

// combined gives all output of a command.
func combined(ctx context.Context, name string, arguments ...string) (string, error) {
	written, err := prepared(ctx, name, arguments...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, written)
	}
	return string(written), nil
}

// show runs a command whose output is shown while it runs.
func show(ctx context.Context, name string, arguments ...string) error {
	command := prepared(ctx, name, arguments...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w, see above", name, strings.Join(arguments, " "), err)
	}
	return nil
}
