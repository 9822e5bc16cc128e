package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
)

func newConsumers(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "consumers NAME",
		Short: "Show the pods that use the Secret, and which of them still have an old value",
		Long: "Show the pods that use the Secret, how each container reads it, and which of them still have an old value.\n" +
			"Exits with 1 if one has.",
		Example: "  kubectl secretsync consumers db -n payments",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			return c.consumers(command.Context(), names[0])
		},
	}
}

// consumerItem is one place where a pod uses the Secret.
type consumerItem struct {
	Pod       string          `json:"pod"`
	Container string          `json:"container,omitempty"`
	Use       rollout.UseKind `json:"use"`
	// Name is the environment variable, or the path of the files.
	Name  string     `json:"name,omitempty"`
	State valueState `json:"state"`
	// Since is when the container started.
	Since *metav1.Time `json:"since,omitempty"`
	// Remedy is a command that gives the container the present value; empty if it needs none.
	Remedy string `json:"remedy,omitempty"`
}

func (c *cli) consumers(ctx context.Context, name string) error {
	k, found, err := c.find(ctx, name)
	if err != nil {
		return err
	}
	r := report{Kind: "Consumers"}
	if c.structured() {
		r.As.Kubernetes = k.user(ctx)
	}
	items, err := k.consumersOf(ctx, found)
	code := exitWell
	switch {
	case apierrors.IsForbidden(err):
		r.Incomplete = append(r.Incomplete, missingRight{"kubernetes", "list", "pods"})
		c.say("Not looked at: you have no right to list pods in namespace %s.", k.namespace)
		code = exitUndetermined
	case err != nil:
		return refused(err)
	case len(items) == 0:
		c.say("No pod in namespace %s uses the Secret %s.", k.namespace, found.TargetName())
	}
	for i := range items {
		if items[i].State == valueOld {
			code = exitTrouble
		}
	}
	r.Items = items
	names := []string{}
	for i := range items {
		names = append(names, items[i].Pod)
	}
	if len(items) > 0 || c.structured() {
		if err := c.print(r, consumerTable(items, time.Now()), names); err != nil {
			return err
		}
	}
	return ended(code)
}

func consumerTable(items []consumerItem, now time.Time) table {
	shown := table{header: []string{"POD", "CONTAINER", "USE", "NAME", "VALUE", "STARTED", "REMEDY"}, wide: map[string]bool{"STARTED": true}}
	for i := range items {
		item := &items[i]
		shown.rows = append(shown.rows, []string{item.Pod, item.Container, string(item.Use), item.Name, string(item.State), ago(item.Since, now), item.Remedy})
	}
	return shown
}

// consumersOf reads the pods of the namespace.
func (k *cluster) consumersOf(ctx context.Context, found *v1alpha1.SecretSync) ([]consumerItem, error) {
	items, next := []consumerItem{}, client.Continue("")
	changed := lastChange(&found.Status)
	for {
		var page corev1.PodList
		if err := k.List(ctx, &page, client.InNamespace(k.namespace), client.Limit(pageSize), next); err != nil {
			return items, err
		}
		for i := range page.Items {
			items = append(items, consumersIn(&page.Items[i], found.TargetName(), changed)...)
		}
		if next = client.Continue(page.Continue); next == "" {
			return items, nil
		}
	}
}

// consumersIn are the places where a pod uses a Secret. Pods that have ended use nothing any more.
func consumersIn(pod *corev1.Pod, secret string, changed time.Time) (items []consumerItem) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	for _, use := range rollout.Uses(&pod.Spec, secret) {
		item := consumerItem{Pod: pod.Name, Container: use.Container, Use: use.Kind, Name: use.Name}
		item.State, item.Since = stateOf(pod, use, changed)
		if item.State == valueOld {
			item.Remedy = remedy(pod)
		}
		items = append(items, item)
	}
	return items
}
