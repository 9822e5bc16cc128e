package controlplane

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// keeping is a shell script that reads its input to the end. The input ends when the process at its other end ends, in
// whatever way. Then the script kills the programs that still run. It knows them by their process IDs and by the
// directory in their arguments, because an ID may have been reused. Last it removes the directory, repeatedly, as
// programs that are being killed may still write.
const keeping = `
while read -r _; do :; done
for file in "$1"/run/*.pid; do
  read -r pid 2>/dev/null <"$file" && grep -qsF -- "$1" "/proc/$pid/cmdline" && kill -KILL "$pid"
done
for try in 1 2 3 4 5; do rm -rf -- "$1" && exit 0; sleep 1; done
exit 1
`

// keeper is a process that outlives the one that started it, and cleans a control plane up. It is needed because
// envtest starts etcd and kube-apiserver so that neither a signal nor the end of their parent ends them.
type keeper struct {
	command *exec.Cmd
	input   io.Closer
}

func startKeeper(directory string) (*keeper, error) {
	if err := os.Mkdir(filepath.Join(directory, "run"), 0o750); err != nil {
		return nil, err
	}
	command := exec.Command("sh", "-c", keeping, "keeper", directory)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must not end it.
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting a shell that cleans up: %w", err)
	}
	return &keeper{command: command, input: input}, nil
}

// end makes the keeper clean up now.
func (k *keeper) end() error {
	if err := k.input.Close(); err != nil {
		return err
	}
	if err := k.command.Wait(); err != nil {
		return fmt.Errorf("cleaning up: %w", err)
	}
	return nil
}

// kept writes a script that registers a program with the keeper and runs it. envtest, which runs the script, does not
// give the process ID.
func (p *ControlPlane) kept(program string) (path string, err error) {
	path = filepath.Join(p.directory, "run", program)
	script := fmt.Sprintf("#!/bin/sh\necho $$ >'%s'\nexec '%s' \"$@\"\n", p.pidFile(program), filepath.Join(p.binaries, program))
	return path, os.WriteFile(path, []byte(script), 0o700)
}

// keep registers a program with the keeper.
func (p *ControlPlane) keep(program string, pid int) error {
	return os.WriteFile(p.pidFile(program), fmt.Appendln(nil, pid), 0o600)
}

func (p *ControlPlane) pidFile(program string) string {
	return filepath.Join(p.directory, "run", program+".pid")
}
