package controlplane

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// keeping waits for the end of its input, which comes with the end of the process that holds the other
// end, however that ended. Then it ends the programs that still run, known by their process ids and by the
// directory in their arguments, for an id may be another's by now, and removes the directory; what is just
// being killed may write once more, so it looks again.
const keeping = `
while read -r _; do :; done
for file in "$1"/run/*.pid; do
  read -r pid 2>/dev/null <"$file" && grep -qsF -- "$1" "/proc/$pid/cmdline" && kill -KILL "$pid"
done
for try in 1 2 3 4 5; do rm -rf -- "$1" && exit 0; sleep 1; done
exit 1
`

// keeper outlives the process that started it, and leaves nothing of a control plane behind. envtest
// starts etcd and kube-apiserver so that neither a signal nor the end of their parent ends them.
type keeper struct {
	command *exec.Cmd
	input   io.Closer
}

func startKeeper(directory string) (*keeper, error) {
	if err := os.Mkdir(filepath.Join(directory, "run"), 0o750); err != nil {
		return nil, err
	}
	command := exec.Command("sh", "-c", keeping, "keeper", directory)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not meant for it.
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting a shell that cleans up: %w", err)
	}
	return &keeper{command: command, input: input}, nil
}

// end has the keeper do its work now.
func (k *keeper) end() error {
	if err := k.input.Close(); err != nil {
		return err
	}
	if err := k.command.Wait(); err != nil {
		return fmt.Errorf("cleaning up: %w", err)
	}
	return nil
}

// kept writes a script that runs a program and has the keeper know it; envtest, which runs it, does not
// tell its process id.
func (p *ControlPlane) kept(program string) (path string, err error) {
	path = filepath.Join(p.directory, "run", program)
	script := fmt.Sprintf("#!/bin/sh\necho $$ >'%s'\nexec '%s' \"$@\"\n", p.pidFile(program), filepath.Join(p.binaries, program))
	return path, os.WriteFile(path, []byte(script), 0o700)
}

// keep has the keeper know a program.
func (p *ControlPlane) keep(program string, pid int) error {
	return os.WriteFile(p.pidFile(program), fmt.Appendln(nil, pid), 0o600)
}

func (p *ControlPlane) pidFile(program string) string {
	return filepath.Join(p.directory, "run", program+".pid")
}
