package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// statusDetails is what status says of one SecretSync.
type statusDetails struct {
	statusItem
	Conditions []metav1.Condition      `json:"conditions"`
	Sources    []v1alpha1.SourceStatus `json:"sources"`
	// Keys of the Secret, as they were last written.
	Keys []string `json:"keys"`
	// SecretExists is nil if the user may not get Secrets.
	SecretExists *bool                     `json:"secretExists,omitempty"`
	Workloads    []v1alpha1.WorkloadStatus `json:"workloads"`
}

// showOne prints one SecretSync as a tree.
func (c *cli) showOne(ctx context.Context, name string) error {
	k, found, err := c.find(ctx, name)
	if err != nil {
		return err
	}
	details := newStatusDetails(found)
	r := report{Kind: "Status"}
	exists, err := k.secretExists(ctx, found.TargetName())
	switch {
	case apierrors.IsForbidden(err):
		r.Incomplete = append(r.Incomplete, missingRight{"kubernetes", "get", "secrets"})
	case err != nil:
		return refused(err)
	default:
		details.SecretExists = &exists
	}
	r.Items = []statusDetails{details}
	if c.output == formatTable || c.output == formatWide {
		_, err = fmt.Fprint(c.streams.Out, details.tree(time.Now()))
	} else {
		r.As.Kubernetes = k.user(ctx)
		err = c.print(r, table{}, []string{name})
	}
	if err == nil && details.troubled() {
		return ended(exitTrouble)
	}
	return err
}

func newStatusDetails(found *v1alpha1.SecretSync) statusDetails {
	details := statusDetails{
		statusItem: newStatusItem(found), Conditions: found.Status.Conditions, Sources: found.Status.Sources,
		Keys: []string{}, Workloads: []v1alpha1.WorkloadStatus{},
	}
	if found.Status.Secret != nil {
		details.Keys = append(details.Keys, found.Status.Secret.Keys...)
	}
	if found.Status.Rollout != nil {
		details.Workloads = append(details.Workloads, found.Status.Rollout.Workloads...)
	}
	return details
}

// secretExists asks for the metadata alone, so that no value comes to this machine.
func (k *cluster) secretExists(ctx context.Context, name string) (bool, error) {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := k.Get(ctx, client.ObjectKey{Namespace: k.namespace, Name: name}, secret)
	return err == nil, client.IgnoreNotFound(err)
}

// tree draws the SecretSync with what hangs from it.
func (d statusDetails) tree(now time.Time) string {
	var branches []string
	for i := range d.Sources {
		branches = append(branches, d.sourceLine(&d.Sources[i], now))
	}
	branches = append(branches, d.secretLine(now))
	for i := range d.Conditions {
		if condition := &d.Conditions[i]; condition.Type != v1alpha1.ConditionReady {
			branches = append(branches, fmt.Sprintf("%s=%s %s: %s", condition.Type, condition.Status, condition.Reason, condition.Message))
		}
	}
	for _, workload := range d.Workloads {
		branches = append(branches, strings.TrimSpace(fmt.Sprintf("%s %s: %s %s", workload.Kind, workload.Name, workload.State, workload.Message)))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s/%s Ready=%s %s %s\n", d.Namespace, d.Name, d.Ready, d.Reason, ago(d.Since, now))
	fmt.Fprintf(&text, "│ %s\n", d.Message)
	for i, branch := range branches {
		mark := "├─ "
		if i == len(branches)-1 {
			mark = "└─ "
		}
		fmt.Fprintln(&text, mark+branch)
	}
	return text.String()
}

func (d statusDetails) sourceLine(source *v1alpha1.SourceStatus, now time.Time) string {
	parts := []string{"secret " + source.SecretID}
	if source.Region != "" {
		parts = append(parts, "in "+source.Region)
	}
	if source.VersionStage == "" {
		parts = append(parts, "pinned")
	} else {
		parts = append(parts, source.VersionStage)
	}
	parts = append(parts, orNone(source.VersionID))
	if created := source.VersionCreatedTime; !created.IsZero() {
		parts = append(parts, "created "+ago(created, now)+" ago")
	}
	if source.Hint != "" {
		parts = append(parts, "("+source.Hint+")")
	}
	return strings.Join(parts, " ")
}

func (d statusDetails) secretLine(now time.Time) string {
	line := "Secret " + d.Secret
	switch {
	case d.SecretExists == nil:
		line += " ? (not looked at: you have no right to get secrets)"
	case !*d.SecretExists:
		line += " does not exist"
	}
	if len(d.Keys) > 0 {
		line += " keys: " + strings.Join(d.Keys, ", ")
	}
	if !d.Synced.IsZero() {
		line += ", written " + ago(d.Synced, now) + " ago"
	}
	return line
}
