package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Backup is a copy of etcd's data at one moment.
type Backup struct{ directory string }

// Backup stops kube-apiserver and etcd, copies etcd's data and starts both again. Clients lose their connections
// meanwhile, as they do when a control plane is upgraded.
func (p *ControlPlane) Backup() (*Backup, error) {
	p.backups++
	backup := &Backup{directory: filepath.Join(p.directory, "backup-"+strconv.Itoa(p.backups))}
	copied := func() error { return os.CopyFS(backup.directory, os.DirFS(p.environment.ControlPlane.Etcd.DataDir)) }
	if err := p.offline(copied); err != nil {
		return nil, fmt.Errorf("making a backup of etcd: %w", err)
	}
	return backup, nil
}

// Restore restores etcd's data from a backup, as the page "Operating etcd clusters for Kubernetes" tells administrators
// to: kube-apiserver is stopped meanwhile, and kube-controller-manager is restarted, because it caches what it has
// read. Operators are not restarted.
func (p *ControlPlane) Restore(backup *Backup) error {
	data := p.environment.ControlPlane.Etcd.DataDir
	replaced := func() error {
		return errors.Join(os.RemoveAll(data), os.CopyFS(data, os.DirFS(backup.directory)))
	}
	if err := p.stopManager(); err != nil {
		return err
	}
	if err := p.offline(replaced); err != nil {
		return fmt.Errorf("restoring etcd: %w", err)
	}
	return p.startManager(p.environment.ControlPlane.GetAPIServer().CertDir)
}

// offline runs a function while neither kube-apiserver nor etcd runs.
func (p *ControlPlane) offline(work func() error) error {
	plane := &p.environment.ControlPlane
	if err := p.kill("kube-apiserver"); err != nil { // It would wait for its watches to end.
		return err
	}
	if err := plane.GetAPIServer().Stop(); err != nil { // Waits for its end.
		return err
	}
	if err := plane.Etcd.Stop(); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	if err := plane.Etcd.Start(); err != nil {
		return fmt.Errorf("%w\n%s", err, p.lastWords())
	}
	if err := plane.GetAPIServer().Start(); err != nil {
		return fmt.Errorf("%w\n%s", err, p.lastWords())
	}
	return nil
}

// kill kills a program that envtest has started.
func (p *ControlPlane) kill(program string) error {
	content, err := os.ReadFile(p.pidFile(program))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing %s: %w", program, err)
	}
	return nil
}

func (p *ControlPlane) stopManager() error {
	if err := p.manager.Process.Kill(); err != nil {
		return fmt.Errorf("stopping kube-controller-manager: %w", err)
	}
	_ = p.manager.Wait() // It was killed.
	return nil
}
