package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The first line of the log says which operator this is, what it works on, and which flags do not have their default.
func TestTheFirstLineOfTheLog(t *testing.T) {
	variables := environment(map[string]string{"SECRETSYNC_CLUSTER_NAME": "prod", "AWS_ACCESS_KEY_ID": "AKIA"})
	o, err := parseOptions([]string{"--watch-namespaces=shipping,payments", "--poll-interval=5m", "--workers=8"}, variables, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	logStart(logger(o, &output), o, "eu-west-1", identityName("", variables))
	line := map[string]any{}
	if err := json.Unmarshal(output.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "ts")
	want := map[string]any{
		"level": "info", "msg": "starting", "version": version, "region": "eu-west-1", "identity": "the access key of the environment",
		"cluster": "prod", "scope": "namespaces payments,shipping, all labels",
		"flags": map[string]any{"cluster-name": "prod", "watch-namespaces": "shipping,payments", "workers": "8"},
	}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Errorf("the first line (-want +got):\n%s", diff)
	}
}

func TestTheIdentityOfTheOperatorIsNamed(t *testing.T) {
	for want, test := range map[string]struct {
		role      string
		variables map[string]string
	}{
		"arn:aws:iam::111122223333:role/r":  {"arn:aws:iam::111122223333:role/r", nil},
		"EKS Pod Identity":                  {"", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"}},
		"the access key of the environment": {"", map[string]string{"AWS_ACCESS_KEY_ID": "AKIA"}},
		"the SDK's default credentials":     {"", nil},
	} {
		if got := identityName(test.role, environment(test.variables)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestLinesOfLibraries: they are JSON, as all lines, and no error that a person has to act upon.
func TestLinesOfLibraries(t *testing.T) {
	var output bytes.Buffer
	log := libraryLogger(logger(&options{logFormat: "json", logLevel: "info"}, &output))
	log.WithName("reflector").WithValues("type", "Secret").Error(errors.New("connection refused"), "Failed to watch", "reflector", "cache")
	log.Error(nil, "lost")
	var lines []map[string]any
	for line := range bytes.Lines(output.Bytes()) {
		fields := map[string]any{}
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		delete(fields, "ts")
		lines = append(lines, fields)
	}
	want := []map[string]any{
		{"level": "info", "logger": "client-go.reflector", "msg": "Failed to watch", "type": "Secret", "reflector": "cache", "error": "connection refused"},
		{"level": "info", "logger": "client-go", "msg": "lost"},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("the lines (-want +got):\n%s", diff)
	}
}
