package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// The cache must have only Secrets that the operator manages, and only what the controller reads of them.
func TestTheCacheHoldsOurSecretsAndLittleOfThem(t *testing.T) {
	o := &options{watchNamespaces: "payments,shipping"}
	cached, err := cacheOptions(o)
	if err != nil {
		t.Fatal(err)
	}
	for object, by := range cached.ByObject {
		if _, secrets := object.(*corev1.Secret); !secrets {
			continue
		}
		if by.Label.Matches(labels.Set{"app": "x"}) || !by.Label.Matches(labels.Set{v1alpha1.LabelManaged: "true"}) {
			t.Errorf("the cache selects Secrets by %s", by.Label)
		}
	}
	if len(cached.DefaultNamespaces) != 2 {
		t.Errorf("the cache watches %d namespaces", len(cached.DefaultNamespaces))
	}
	metadata := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: "db", UID: "uid", ResourceVersion: "7", Labels: map[string]string{"a": "b"},
		Annotations: map[string]string{v1alpha1.AnnotationOwner: "db", "kubectl.kubernetes.io/last-applied-configuration": "huge",
			v1alpha1.AnnotationMergeFrom: strings.Repeat("x", 1<<17)},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "x"}},
		OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: "other"},
			{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SecretSync", Name: "db", UID: "owner", Controller: new(true)},
		},
	}}
	if _, err := slim(metadata); err != nil {
		t.Fatal(err)
	}
	// The UID of its controller distinguishes a managed Secret from one that was released.
	want := metav1.ObjectMeta{
		Name: "db", UID: "uid", ResourceVersion: "7", Annotations: map[string]string{v1alpha1.AnnotationOwner: "db",
			v1alpha1.AnnotationMergeFrom: strings.Repeat("x", target.AnnotationMost+1)},
		OwnerReferences: []metav1.OwnerReference{{UID: "owner", Controller: new(true)}},
	}
	if diff := cmp.Diff(want, metadata.ObjectMeta); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

func TestLogs(t *testing.T) {
	for format, check := range map[string]func(string) bool{
		"json": func(line string) bool {
			var fields map[string]any
			return json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == "hello" && fields["key"] == "value"
		},
		"console": func(line string) bool { return strings.Contains(line, "hello") && !strings.HasPrefix(line, "{") },
	} {
		var output bytes.Buffer
		log := logger(&options{logFormat: format, logLevel: "info"}, &output)
		log.V(1).Info("detail")
		log.Info("hello", "key", "value")
		lines := slices.Collect(strings.Lines(output.String()))
		if len(lines) != 1 || !check(lines[0]) {
			t.Errorf("%s logs %q", format, output.String())
		}
	}
	for _, format := range []string{"json", "console"} {
		var output bytes.Buffer
		logger(&options{logFormat: format, logLevel: "info"}, &output).Error(errors.New("away"), "manager stopped")
		if lines := strings.Count(output.String(), "\n"); lines != 1 || strings.Contains(output.String(), ".go:") {
			t.Errorf("%s logs an error with a stack trace, in %d lines: %s", format, lines, output.String())
		}
	}
	var output bytes.Buffer
	logger(&options{logFormat: "json", logLevel: "debug"}, &output).V(1).Info("detail")
	if !strings.Contains(output.String(), "detail") {
		t.Error("debug does not show details")
	}
}
