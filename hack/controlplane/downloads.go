package controlplane

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"
)

const (
	// releases is the URL under which Kubernetes publishes its programs, each with a file of its checksum (page
	// "Download Kubernetes").
	releases = "https://dl.k8s.io"
	// reachable is how long connecting to a server and the beginning of its answer may take.
	reachable = 5 * time.Second
	// patience is how long one download may take; building the program takes no longer.
	patience = 5 * time.Minute
)

// downloads gets programs as their project releases them.
type downloads struct {
	base, version string
	client        *http.Client
	// givenUp is why nothing is downloaded any more.
	givenUp error
}

func newDownloads(version string) *downloads {
	d := &downloads{base: releases, version: version}
	if elsewhere := os.Getenv("SECRETSYNC_DOWNLOADS"); elsewhere != "" {
		d.base = elsewhere
	}
	if d.base == "none" {
		d.givenUp = errors.New("downloads are turned off")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: reachable}).DialContext
	transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout = reachable, reachable
	d.client = &http.Client{Transport: transport, Timeout: patience}
	return d
}

// get downloads a program, checks its checksum and makes it executable. Once a server cannot be reached, later calls
// fail at once.
func (d *downloads) get(ctx context.Context, p builtProgram, into string) error {
	if !strings.HasPrefix(p.pkg, "k8s.io/kubernetes/") {
		return errors.New("it is released as an archive only")
	}
	if d.givenUp != nil {
		return d.givenUp
	}
	url := fmt.Sprintf("%s/%s/bin/%s/%s/%s", d.base, d.version, runtime.GOOS, runtime.GOARCH, p.name)
	var sum strings.Builder
	if err := d.read(ctx, url+".sha256", &sum); err != nil {
		return err
	}
	file, err := os.OpenFile(into, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	hash := sha256.New()
	if err := errors.Join(d.read(ctx, url, io.MultiWriter(file, hash)), file.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != strings.TrimSpace(sum.String()) {
		return fmt.Errorf("the download's checksum is wrong")
	}
	return nil
}

func (d *downloads) read(ctx context.Context, url string, into io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := d.client.Do(request)
	if err != nil {
		d.givenUp = errors.New("the releases can't be reached from here")
		return d.givenUp
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the download answers %s", answer.Status)
	}
	if _, err = io.Copy(into, answer.Body); err != nil {
		d.givenUp = errors.New("the download broke off")
		return d.givenUp
	}
	return nil
}
