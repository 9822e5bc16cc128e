package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// wait waits for a time. If profiles are wanted, it records a CPU profile of the manager meanwhile.
func (b *bench) wait(ctx context.Context, window time.Duration) error {
	if b.profiles == "" {
		return sleep(ctx, window)
	}
	if err := b.saveProfile(ctx, "cpu", fmt.Sprintf("profile?seconds=%d", int(window.Seconds()))); err != nil {
		return err
	}
	return b.saveProfile(ctx, "heap", "heap")
}

// saveProfile saves one of the profiles that net/http/pprof serves, under the scenario's name. A later profile of the
// same kind replaces it.
func (b *bench) saveProfile(ctx context.Context, kind, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.pprof+"/debug/pprof/"+path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("reading the manager's %s profile: %s", kind, answer.Status)
	}
	file, err := os.Create(filepath.Join(b.profiles, b.name+"."+kind+".pb.gz"))
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, answer.Body); err != nil {
		return err
	}
	return file.Close()
}

// pprofFlag makes the manager serve its profiles, if they are wanted.
func (b *bench) pprofFlag() ([]string, error) {
	if b.profiles == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b.pprof = listener.Addr().String()
	return []string{"--pprof-bind-address=" + b.pprof}, listener.Close()
}

func sleep(ctx context.Context, window time.Duration) error {
	select {
	case <-time.After(window):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
