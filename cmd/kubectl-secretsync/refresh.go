package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// refreshOptions are the flags of refresh.
type refreshOptions struct {
	wait    bool
	timeout time.Duration
}

func newRefresh(c *cli) *cobra.Command {
	var options refreshOptions
	command := &cobra.Command{
		Use:   "refresh NAME...",
		Short: "Ask AWS now, without waiting for the poll interval",
		Long: "Ask AWS now which version is current, without waiting for the poll interval. With --wait, show what came of it, and\n" +
			"exit with 1 if the SecretSync is not Ready then. It sets the annotation " + v1alpha1.AnnotationRefreshRequestedAt + ".",
		Example: "  kubectl secretsync refresh db -n payments --wait",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.changeEach(ctx, "Refresh", names, func(k *cluster, found *v1alpha1.SecretSync) (changeItem, error) {
				return k.refresh(ctx, found, options)
			})
		},
	}
	command.Flags().BoolVar(&options.wait, "wait", false, "wait until the operator has asked AWS")
	command.Flags().DurationVar(&options.timeout, "timeout", time.Minute, "how long to wait for each SecretSync")
	return command
}

// refresh requests a refresh, and waits for its outcome if options say so.
func (k *cluster) refresh(ctx context.Context, found *v1alpha1.SecretSync, options refreshOptions) (changeItem, error) {
	if found.Spec.Suspend {
		return changeItem{}, trouble("it is suspended: kubectl secretsync resume %s -n %s", found.Name, found.Namespace)
	}
	token := time.Now().UTC().Format(time.RFC3339Nano)
	if err := k.patch(ctx, found, fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRefreshRequestedAt, token)); err != nil {
		return changeItem{}, err
	}
	if !options.wait {
		return changeItem{Outcome: "refresh requested"}, nil
	}
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, options.timeout, true, func(ctx context.Context) (bool, error) {
		err := k.Get(ctx, client.ObjectKeyFromObject(found), found)
		return !found.RefreshRequested(), err // Another user's request since then was handled after this one.
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return changeItem{}, undetermined("the operator has not handled the refresh within %s: does it run, and does it watch namespace %s?", options.timeout, found.Namespace)
	}
	if err != nil {
		return changeItem{}, err
	}
	item := newStatusItem(found)
	if item.Ready != string(metav1.ConditionTrue) {
		return changeItem{}, trouble("%s: %s", item.Reason, item.Message)
	}
	return changeItem{Outcome: "refreshed", Message: item.Message}, nil
}
