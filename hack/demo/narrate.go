package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// patience is how long a step may take.
const patience = 30 * time.Second

// heading prints the title of a chapter.
func (s *story) heading(text string) {
	s.chapter++
	fmt.Printf("\n── %d. %s\n", s.chapter, text)
}

// prose prints what a command cannot show.
func prose(text string) { fmt.Printf("   %s\n", text) }

// shows prints a command as a person would type it.
func shows(command string) { fmt.Printf("\n$ %s\n", command) }

// kubectl prints a command, runs it, and prints what it says.
func (s *story) kubectl(ctx context.Context, arguments ...string) (string, error) {
	shows("kubectl " + quoted(arguments))
	output, err := s.ask(ctx, arguments...)
	fmt.Println(strings.TrimRight(output, "\n"))
	return output, err
}

// ask runs kubectl without printing anything.
func (s *story) ask(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, s.env.Plane.Kubectl(), arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+s.env.Plane.Kubeconfig())
	output, err := command.CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("kubectl %s: %w: %s", quoted(arguments), err, output)
	}
	return string(output), nil
}

// until runs kubectl repeatedly until its output is as wanted.
func (s *story) until(ctx context.Context, what string, asTold func(answer string) bool, arguments ...string) error {
	var answer string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var err error
		if answer, err = s.ask(ctx, arguments...); err == nil && asTold(answer) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s: not after %s; the last answer was %q", what, patience, answer)
}

func contains(part string) func(string) bool {
	return func(answer string) bool { return strings.Contains(answer, part) }
}

// quoted joins arguments as a shell needs them.
func quoted(arguments []string) string {
	words := make([]string, 0, len(arguments))
	for _, argument := range arguments {
		if strings.ContainsAny(argument, " {}'\"*?()@<>|") {
			argument = "'" + strings.ReplaceAll(argument, "'", `'\''`) + "'"
		}
		words = append(words, argument)
	}
	return strings.Join(words, " ")
}
