package main

import (
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/secretsync"
	"github.com/secretsync/secretsync/controllers/source/aws"
)

// A flag that no longer reaches its package compiles, and mostly even works: with --workers=64 lost, one SecretSync was
// reconciled at a time.
func TestFlagsReachTheirPackages(t *testing.T) {
	o, err := parseOptions([]string{
		"--poll-interval=90s", "--workers=7", "--merge-without-consent", "--metrics-namespaces=5", "--leader-election-id=shard-a",
		"--leader-election-namespace=security", "--region=eu-west-1", "--additional-regions=xx-new-1", "--cluster-name=prod",
		"--value-cache-bytes=4096", "--session-tags", "--source-identity",
	}, func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	syncing := secretsync.Options{PollInterval: 90 * time.Second, Workers: 7, MergeWithoutConsent: true, MetricsNamespaces: 5, Operator: "security/shard-a"}
	if diff := cmp.Diff(syncing, o.ofSyncing()); diff != "" {
		t.Errorf("the settings of syncing (-want +got):\n%s", diff)
	}
	fromAWS := aws.Options{
		Region: "eu-west-1", AdditionalRegions: []string{"xx-new-1"}, Cluster: "prod", Version: version,
		Room: 3, ValueCacheBytes: 4096, SessionTags: true, SourceIdentity: true,
	}
	if diff := cmp.Diff(fromAWS, o.ofAWS()); diff != "" {
		t.Errorf("the settings of reading (-want +got):\n%s", diff)
	}
	// What a later flag sets must be named above. A call's own time limit is no flag.
	if diff := cmp.Diff([]string(nil), unset(syncing)); diff != "" {
		t.Errorf("settings without a flag here: %s", diff)
	}
	if diff := cmp.Diff([]string{"CallTimeout"}, unset(fromAWS)); diff != "" {
		t.Errorf("settings without a flag here: %s", diff)
	}
}

// unset are the names of the fields of a struct that say nothing, other than parts: pointers, interfaces and functions.
func unset(settings any) (names []string) {
	value := reflect.ValueOf(settings)
	for field, fieldValue := range value.Fields() {
		switch field.Type.Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Func:
			continue
		case reflect.Slice:
			if field.Type.Elem().Kind() == reflect.Func {
				continue
			}
		}
		if fieldValue.IsZero() {
			names = append(names, field.Name)
		}
	}
	return names
}
