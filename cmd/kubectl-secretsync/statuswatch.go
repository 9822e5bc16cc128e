package main

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// follow prints each change of what status shows of a SecretSync, until the user ends it. If the API server no longer
// has the changes since the last one that was seen, it reads the list again.
func (c *cli) follow(ctx context.Context, k *cluster, from *statusOf, options statusOptions) error {
	last := map[types.NamespacedName]string{}
	for i := range from.items {
		last[from.items[i].key()] = from.items[i].state()
	}
	for {
		if err := c.followFrom(ctx, k, from.resourceVersion, last, options); ctx.Err() != nil {
			return nil //nolint:nilerr // The user has ended it.
		} else if err != nil {
			return err
		}
		again, err := k.statuses(ctx, options)
		if err != nil {
			return err
		}
		for i := range again.items {
			if err := c.printChange(ctx, k, again.items[i], last, options); err != nil {
				return err
			}
		}
		from = again
	}
}

// followFrom watches until the API server has no more changes for it.
func (c *cli) followFrom(ctx context.Context, k *cluster, resourceVersion string, last map[types.NamespacedName]string, options statusOptions) error {
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, resourceVersion, syncWatcher{k, options.allNamespaces})
	if err != nil {
		return refused(err)
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		switch object := event.Object.(type) {
		case *v1alpha1.SecretSync:
			item := newStatusItem(object)
			if event.Type == watch.Deleted {
				delete(last, item.key())
				continue
			}
			if err := c.printChange(ctx, k, item, last, options); err != nil {
				return err
			}
		case *metav1.Status:
			if err := apierrors.FromObject(object); !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
				return refused(err)
			}
			return nil
		}
	}
	return nil
}

// printChange prints an item if it is to be shown and differs from what was printed last.
func (c *cli) printChange(ctx context.Context, k *cluster, item statusItem, last map[types.NamespacedName]string, options statusOptions) error {
	if last[item.key()] == item.state() || options.notReady && !item.troubled() && last[item.key()] == "" {
		return nil
	}
	last[item.key()] = item.state()
	if c.output != formatTable && c.output != formatWide {
		return c.printStatuses(ctx, k, []statusItem{item}, options.allNamespaces)
	}
	changed := c.statusTable([]statusItem{item}, options.allNamespaces, time.Now())
	return c.printRows(changed, changed.rows, c.output == formatWide)
}

func (s statusItem) key() types.NamespacedName {
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
}

// state is what a change is noticed by.
func (s statusItem) state() string {
	return s.Ready + " " + s.Reason + " " + s.Message
}

// syncWatcher watches SecretSyncs.
type syncWatcher struct {
	cluster       *cluster
	allNamespaces bool
}

// WatchWithContext implements cache.WatcherWithContext.
func (w syncWatcher) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	within := client.ListOptions{Raw: &options, Namespace: w.cluster.namespace}
	if w.allNamespaces {
		within.Namespace = ""
	}
	return w.cluster.Watch(ctx, &v1alpha1.SecretSyncList{}, &within)
}
