package main

import (
	"bytes"
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/notify"
)

func environment(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

func TestTheDefaultsAreAccepted(t *testing.T) {
	var said bytes.Buffer
	o, err := parseOptions(nil, environment(nil), &said)
	if err != nil || said.Len() > 0 {
		t.Fatalf("%v: %s", err, said.String())
	}
	if o.pollInterval != 5*time.Minute || !o.leaderElect || !o.metricsSecure || o.logFormat != "json" || len(o.namespaces()) != 0 || o.kubeAPIQPS != 0 || o.pprofBindAddress != "" {
		t.Errorf("defaults: %+v", o)
	}
}

func TestAFlagOverridesItsVariable(t *testing.T) {
	variables := map[string]string{"SECRETSYNC_POLL_INTERVAL": "30s", "SECRETSYNC_WATCH_NAMESPACES": "a, b,c", "SECRETSYNC_LEADER_ELECT": "false"}
	o, err := parseOptions([]string{"--poll-interval=90s"}, environment(variables), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if o.pollInterval != 90*time.Second || o.leaderElect {
		t.Errorf("poll interval %s, leader election %v", o.pollInterval, o.leaderElect)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, o.namespaces()); diff != "" {
		t.Errorf("namespaces differ (-want +got):\n%s", diff)
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	for arguments, mentions := range map[string][]string{
		"--poll-interval=500ms":               {"--poll-interval=500ms", "between 1s and 24h"},
		"--poll-interval=25h":                 {"--poll-interval=25h0m0s", "between 1s and 24h"},
		"--poll-interval=soon":                {"-poll-interval", "soon"},
		"--workers=0":                         {"--workers=0", "at least 1"},
		"--leader-election-lease=4s":          {"--leader-election-lease=4s", "between 5s and 5m"},
		"--leader-election-lease=6m":          {"--leader-election-lease=6m", "between 5s and 5m"},
		"--leader-election-lease=7500ms":      {"--leader-election-lease=7.5s", "whole seconds"},
		"--leader-election-id=Sync":           {`--leader-election-id="Sync"`, "name of a Lease", "lower case"},
		"--leader-election-id=":               {`--leader-election-id=""`, "name of a Lease"},
		"--kube-api-qps=-1":                   {"--kube-api-qps=-1", "negative"},
		"--value-cache-bytes=-1":              {"--value-cache-bytes=-1", "negative"},
		"--secret-name-patterns=/prod/{ns}/*": {"--secret-name-patterns", "{namespace}"},
		"--namespaces-tag=Yes":                {"--namespaces-tag", "Honor or Require"},
		"--metrics-namespaces=-1":             {"--metrics-namespaces=-1", "between 0 and 1000"},
		"--metrics-namespaces=1001":           {"--metrics-namespaces=1001", "between 0 and 1000"},
		"--memory-limit=-1":                   {"--memory-limit=-1", "negative"},
		"--graceful-shutdown-timeout=-1s":     {"--graceful-shutdown-timeout=-1s", "negative"},
		"--watch-namespaces=payments,Team*":   {"--watch-namespaces", `"Team*"`, "commas"},
		"--additional-regions=eu-new-1,Mars":  {"--additional-regions", `"Mars"`, "commas"},
		"--watch-label-selector=a=b=c":        {`--watch-label-selector="a=b=c"`, "label selector", "sharding.secretsync.dev/key=a"},
		"--change-queue-url=changes":          {"--change-queue-url", "https://sqs.<region>.amazonaws.com"},
		"--change-queue-url=http://sqs.eu-west-1.amazonaws.com/111122223333/changes": {"--change-queue-url", "https://"},
		"--change-hook-bind-address=8444 --change-hook-token-file=/token":            {`--change-hook-bind-address="8444"`, ":8444"},
		"--change-hook-bind-address=:8444":                                           {"--change-hook-token-file", "bearer token"},
		"--change-hook-cert-dir=/certs":                                              {"--change-hook-cert-dir", "--change-hook-bind-address"},
		"--metrics-cert-dir=/certs --metrics-secure=false":                           {"--metrics-cert-dir", "--metrics-secure=false", "omit one"},
		"--log-format=xml":                     {`--log-format="xml"`, "json or console"},
		"--log-level=loud":                     {`--log-level="loud"`, "info or debug"},
		"--no-such-flag":                       {"-no-such-flag"},
		"start":                                {`unexpected argument "start"`, "--help"},
		"--workers=0 --log-format=xml --x-y=z": {"-x-y"},
		"--workers=0 --log-format=xml":         {"--workers=0", "--log-format"},
	} {
		var said bytes.Buffer
		if _, err := parseOptions(strings.Fields(arguments), environment(nil), &said); err == nil {
			t.Errorf("%s is accepted", arguments)
		}
		for _, mention := range mentions {
			if !strings.Contains(said.String(), mention) {
				t.Errorf("%s: %q does not mention %q", arguments, said.String(), mention)
			}
		}
	}
}

func TestChangeEventsAreTakenInEitherWay(t *testing.T) {
	for _, arguments := range []string{
		"--change-queue-url=https://sqs.eu-west-1.amazonaws.com/111122223333/changes",
		"--change-queue-url=http://127.0.0.1:4566/111122223333/changes",
		"--change-hook-bind-address=:8444 --change-hook-token-file=/token",
		"--change-hook-bind-address=127.0.0.1:8444 --change-hook-token-file=/token --change-hook-cert-dir=/certs",
	} {
		var said bytes.Buffer
		if _, err := parseOptions(strings.Fields(arguments), environment(nil), &said); err != nil {
			t.Errorf("%s: %v: %s", arguments, err, said.String())
		}
	}
}

func TestAFailedRotationIsHandedOn(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if got := failureOf(notify.Change{Rotation: notify.RotationFailed, ARN: "arn", Time: at}); !got.At.Equal(at) || got.ARN != "arn" {
		t.Errorf("a failure is said to be %+v", got)
	}
	if got := failureOf(notify.Change{Rotation: notify.RotationFailed, ARN: "arn"}); got.At.IsZero() {
		t.Error("a failure without a time is none")
	}
	for _, other := range []notify.Rotation{"", notify.RotationStarted, notify.RotationSucceeded, notify.RotationAbandoned} {
		if got := failureOf(notify.Change{Rotation: other, ARN: "arn", Time: at}); got.ARN != "" || !got.At.IsZero() {
			t.Errorf("rotation %q is said to have failed: %+v", other, got)
		}
	}
}

func TestABadVariableIsNamed(t *testing.T) {
	var said bytes.Buffer
	_, err := parseOptions(nil, environment(map[string]string{"SECRETSYNC_WORKERS": "many"}), &said)
	if err == nil || !strings.Contains(said.String(), `SECRETSYNC_WORKERS="many"`) {
		t.Errorf("%v: %s", err, said.String())
	}
}

func TestVersionIsAnOptionAndNoSetting(t *testing.T) {
	if o, err := parseOptions([]string{"--version"}, environment(nil), &bytes.Buffer{}); err != nil || !o.showVersion {
		t.Errorf("%+v, %v", o, err)
	}
	for _, value := range []string{"1.4.2", "true"} {
		if o, err := parseOptions(nil, environment(map[string]string{"SECRETSYNC_VERSION": value}), &bytes.Buffer{}); err != nil || o.showVersion {
			t.Errorf("with SECRETSYNC_VERSION=%s: %v", value, err)
		}
	}
}

func TestHelpIsNoMistake(t *testing.T) {
	var said bytes.Buffer
	if _, err := parseOptions([]string{"--help"}, environment(nil), &said); !errors.Is(err, flag.ErrHelp) || !strings.Contains(said.String(), "-poll-interval") {
		t.Errorf("%v: %s", err, said.String())
	}
}
