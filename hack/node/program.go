package node

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is a running program of the node.
type program struct {
	name  string
	ended chan error
}

// logFile is where a program logs to.
func logFile(name string) string { return filepath.Join(files, name+".log") }

// run starts a program, which logs to a file and ends with the namespaces.
func (n *Node) run(name string, command *exec.Cmd) error {
	log, err := os.Create(logFile(name))
	if err != nil {
		return err
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	started := &program{name: name, ended: make(chan error, 1)}
	n.programs = append(n.programs, started)
	go func() { started.ended <- command.Wait() }()
	return nil
}

// hasEnded is an error once the program has ended.
func (p *program) hasEnded() error {
	select {
	case err := <-p.ended:
		p.ended <- err
		return fmt.Errorf("%s has ended: %w", p.name, err)
	default:
		return nil
	}
}

// Logs are the ends of the logs of the node's programs.
func (n *Node) Logs() string {
	const most = 3000
	var text strings.Builder
	for _, started := range n.programs {
		content, err := os.ReadFile(logFile(started.name))
		if err != nil {
			content = []byte(err.Error())
		}
		fmt.Fprintf(&text, "%s said last:\n%s\n", started.name, content[max(0, len(content)-most):])
	}
	return text.String()
}

// explained adds the ends of the logs to an error.
func (n *Node) explained(err error) error { return fmt.Errorf("%w\n%s", err, n.Logs()) }
